package forge

import (
	"context"
	"fmt"
	"strings"
)

// queueRefs is the start of the references of GitHub's merge queue, without "refs/". The name of
// the branch follows, and the rest names a pull request and its base.
const queueRefs = "heads/gh-readonly-queue/"

// Queue lists the branches of the merge queue.
func (g *gitHub) Queue(ctx context.Context, branch string) ([]QueuedMerge, error) {
	list, _, err := g.client.Git.ListMatchingRefs(ctx, g.owner, g.name, queueRefs+branch+"/")
	if err != nil {
		return nil, fmt.Errorf("list the merge queue of %s: %w", branch, err)
	}
	var out []QueuedMerge
	for _, ref := range present(list) {
		ofBranch := strings.HasPrefix(ref.GetRef(), "refs/"+queueRefs+branch+"/")
		if commit := ref.GetObject().GetSHA(); commit != "" && ofBranch {
			out = append(out, QueuedMerge{Commit: commit, Ref: ref.GetRef()})
		}
	}
	return out, nil
}

// Queue returns nothing: pipelines test the merges of a merge train, and can run roster plan.
func (g *gitLab) Queue(context.Context, string) ([]QueuedMerge, error) { return nil, nil }

// Queue returns nothing: Gitea and Forgejo have no merge queue.
func (g *giteaRepo) Queue(context.Context, string) ([]QueuedMerge, error) { return nil, nil }
