package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v92/github"
)

func (g *gitHub) Approval(ctx context.Context, pr PullRequest) (Approval, error) {
	var reviews []review
	writers := map[string]bool{}
	opt := &github.ListOptions{PerPage: 100, Page: 1}
	for opt.Page != 0 {
		list, res, err := g.client.PullRequests.ListReviews(ctx, g.owner, g.name, pr.Number, opt)
		if err != nil {
			return Approval{}, fmt.Errorf("read the reviews of #%d: %w", pr.Number, err)
		}
		for _, r := range present(list) {
			v := review{by: r.GetUser().GetLogin(), head: r.GetCommitID(), at: r.GetSubmittedAt().Time}
			switch r.GetState() {
			case "APPROVED":
				v.approves = true
			case "CHANGES_REQUESTED":
			case "DISMISSED":
				v.head = "" // cancels the reviewer's previous reviews
			default:
				continue
			}
			ok, cached := writers[v.by]
			if !cached {
				if ok, err = g.canWrite(ctx, v.by); err != nil {
					return Approval{}, fmt.Errorf("get the permissions of %s: %w", v.by, err)
				}
				writers[v.by] = ok
			}
			if ok {
				reviews = append(reviews, v)
			}
		}
		if opt.Page, err = nextPage(opt.Page, res.NextPage); err != nil {
			return Approval{}, fmt.Errorf("read the reviews of #%d: %w", pr.Number, err)
		}
	}
	return effectiveApproval(reviews, pr.Author), nil
}

// canWrite reports whether an approval of the user counts. GitHub lets every user with read access
// approve.
func (g *gitHub) canWrite(ctx context.Context, user string) (bool, error) {
	if user == "" {
		return false, nil
	}
	level, res, err := g.client.Repositories.GetPermissionLevel(ctx, g.owner, g.name, user)
	if err != nil && statusOf(res) == http.StatusNotFound {
		return false, nil
	}
	return level.GetPermission() == "admin" || level.GetPermission() == "write", err
}

// webFlow is the committer of commits that GitHub makes for a user.
const webFlow = "web-flow"

// Contributions reads the authors from the commits and the pushers from the activity of the branch.
// A server or token that does not allow the latter has no pushes.
func (g *gitHub) Contributions(ctx context.Context, pr PullRequest) (Contributions, error) {
	out := Contributions{Commits: map[string]CommitAuthors{}}
	opt := &github.ListOptions{PerPage: 100, Page: 1}
	for opt.Page != 0 {
		list, res, err := g.client.PullRequests.ListCommits(ctx, g.owner, g.name, pr.Number, opt)
		if err != nil {
			return Contributions{}, fmt.Errorf("read the commits of #%d: %w", pr.Number, err)
		}
		for _, c := range present(list) {
			var authors CommitAuthors
			for _, login := range []string{c.GetAuthor().GetLogin(), c.GetCommitter().GetLogin()} {
				switch login {
				case webFlow:
				case "":
					authors.Unmapped = true
				default:
					authors.Accounts = append(authors.Accounts, login)
				}
			}
			out.Commits[c.GetSHA()] = authors
		}
		if opt.Page, err = nextPage(opt.Page, res.NextPage); err != nil {
			return Contributions{}, fmt.Errorf("read the commits of #%d: %w", pr.Number, err)
		}
	}
	pushes, complete, err := g.pushes(ctx, pr)
	if err != nil {
		return Contributions{}, fmt.Errorf("read the pushes of #%d: %w", pr.Number, err)
	}
	out.Pushes, out.Incomplete = beforeMerge(pushes, pr), !complete
	return out, nil
}

// pushes reads the activity of the branch of a pull request. It is complete if there is no more.
func (g *gitHub) pushes(ctx context.Context, pr PullRequest) (out []Push, complete bool, err error) {
	owner, name, _ := strings.Cut(pr.HeadRepo, "/")
	if name == "" || pr.Branch == "" {
		return nil, true, nil
	}
	opt := &github.ListRepositoryActivityOptions{Ref: "refs/heads/" + pr.Branch, PerPage: 100}
	for range maxPushPages {
		list, res, err := g.client.Repositories.ListRepositoryActivities(ctx, owner, name, opt)
		var refused *github.ErrorResponse
		if errors.As(err, &refused) && refused.Response != nil && withheld(refused.Response.StatusCode) {
			return nil, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		for _, a := range present(list) {
			if a.ActivityType == "branch_deletion" {
				continue
			}
			push := Push{Account: a.Actor.GetLogin(), From: knownCommit(a.Before), To: knownCommit(a.After)}
			if a.Timestamp != nil {
				push.Time = a.Timestamp.Time
			}
			out = append(out, push)
		}
		if opt.After = res.After; opt.After == "" {
			return out, true, nil
		}
	}
	return out, false, nil
}

// withheld reports whether a status means that a server or a token does not give the pushes.
func withheld(status int) bool {
	return status == http.StatusNotFound || status == http.StatusForbidden || status == http.StatusGone
}
