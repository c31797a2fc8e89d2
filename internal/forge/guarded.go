package forge

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/internal/neterror"
)

// guarded is a forge whose client library may panic. Libraries do for a response that is JSON but
// not what they expect, such as a null in a list.
type guarded struct{ forge Forge }

var _ Forge = guarded{}

// recovered makes a panic the error of a call, and says in words what went wrong with the network.
// The cause of the panic is left out: it names functions of the library.
func recovered(call string, err *error) {
	if recover() != nil {
		*err = fmt.Errorf("%s: the forge's response is not of its API", call)
	}
	*err = neterror.Within(*err)
}

func (g guarded) PullRequests(ctx context.Context, branch string) (prs []PullRequest, err error) {
	defer recovered("list pull requests", &err)
	return g.forge.PullRequests(ctx, branch)
}

func (g guarded) Comment(ctx context.Context, number int, body string) (err error) {
	defer recovered(fmt.Sprintf("comment on #%d", number), &err)
	return g.forge.Comment(ctx, number, body)
}

func (g guarded) EditComment(ctx context.Context, number int, body string) (err error) {
	defer recovered(fmt.Sprintf("edit the comment on #%d", number), &err)
	return g.forge.EditComment(ctx, number, body)
}

func (g guarded) Queue(ctx context.Context, branch string) (queue []QueuedMerge, err error) {
	defer recovered("list the merge queue", &err)
	return g.forge.Queue(ctx, branch)
}

func (g guarded) SetStatus(ctx context.Context, commit string, s Status) (err error) {
	defer recovered(fmt.Sprintf("set the status of %.7s", commit), &err)
	return g.forge.SetStatus(ctx, commit, s)
}

func (g guarded) Merged(ctx context.Context, branch, commit string) (pr PullRequest, ok bool, err error) {
	defer recovered(fmt.Sprintf("find the pull request of %.7s", commit), &err)
	return g.forge.Merged(ctx, branch, commit)
}

func (g guarded) Approval(ctx context.Context, pr PullRequest) (a Approval, err error) {
	defer recovered(fmt.Sprintf("read the reviews of #%d", pr.Number), &err)
	return g.forge.Approval(ctx, pr)
}

func (g guarded) Contributions(ctx context.Context, pr PullRequest) (c Contributions, err error) {
	defer recovered(fmt.Sprintf("read the authors of #%d", pr.Number), &err)
	return g.forge.Contributions(ctx, pr)
}

func (g guarded) CreatePullRequest(ctx context.Context, p NewPullRequest) (
	pr PullRequest, created bool, err error,
) {
	defer recovered("open a pull request", &err)
	return g.forge.CreatePullRequest(ctx, p)
}
