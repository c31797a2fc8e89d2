package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// approvalTitle is the subject of the commit and the title of the pull request that add approvals.
const approvalTitle = "Approve what roster holds"

// approvalBranch is the branch to which an approval is committed.
type approvalBranch struct {
	repo      *gitrepo.Repo
	name      string
	isNew     bool        // it must be created
	continued bool        // an earlier call created it for the same pull request
	remote    string      // to which it is pushed
	base      string      // of the pull request
	forge     forge.Forge // nil without a pull request
}

// create returns the name of the branch if it must be created, otherwise "".
func (b *approvalBranch) create() string {
	if b.isNew {
		return b.name
	}
	return ""
}

// newApprovalBranch returns the branch for an approval. It fails if it could not be pushed or no
// pull request could be opened, as far as that is known without a request.
func (w *Workspace) newApprovalBranch(request ApproveRequest, digest string) (*approvalBranch, error) {
	b := &approvalBranch{repo: w.source.repo, name: request.Branch, remote: w.config.Remote, base: request.Base}
	head, _, err := b.repo.HeadBranch()
	if err != nil {
		return nil, err
	}
	if b.name == "" && request.PullRequest {
		b.name = "approve-" + strings.TrimPrefix(digest, "sha256:")[:8]
	}
	b.isNew = b.name != "" && b.name != head
	if b.name == "" {
		b.name = head
	}
	if b.name == "" {
		return nil,
			errors.New("HEAD is detached, so no branch would have the approval: check out a branch, or name a " +
				"new one with --branch")
	}
	if b.isNew {
		switch _, found, err := b.repo.Head(b.name); {
		case err != nil:
			return nil, err
		case found:
			return nil, fmt.Errorf("branch %s exists already: check it out to continue with it, delete it, or name "+
				"another one with --branch", b.name)
		}
	}
	if !request.PullRequest {
		return b, nil
	}
	b.continued = !b.isNew
	if b.name == b.base {
		return nil, UsageError{fmt.Errorf("a pull request needs a branch other than its base %s", b.base)}
	}
	if err := w.checkBase(b); err != nil {
		return nil, err
	}
	b.forge, err = w.openForge(request.Forge)
	return b, err
}

// checkBase refuses a new branch that would bring other commits into the pull request.
func (w *Workspace) checkBase(b *approvalBranch) error {
	base := b.remote + "/" + b.base
	tip, err := b.repo.Resolve(base)
	if errors.Is(err, fs.ErrNotExist) || b.continued {
		return nil // it was never fetched, or an earlier call has checked it
	}
	if err != nil {
		return err
	}
	head, err := gitrepo.ParseHash(w.commit.ID)
	if err != nil {
		return err
	}
	if ok, err := b.repo.IsAncestor(head, tip); err != nil || ok {
		return err
	}
	return fmt.Errorf("HEAD has commits that %s does not have, and the pull request would have them too: check out "+
		"%s, run git pull, and approve again", base, b.base)
}

// openForge opens the forge of the remote.
func (w *Workspace) openForge(c ForgeConfig) (forge.Forge, error) {
	if c.Kind == "" {
		return nil, UsageError{errors.New("--pull-request needs --forge: github, gitlab or gitea")}
	}
	if c.URL == "" {
		remote, found, err := w.source.repo.RemoteURL(w.config.Remote)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, fmt.Errorf("the repository has no remote %s to push to: add it, or name another one with "+
				"--remote", w.config.Remote)
		}
		if c.URL = forge.WebURL(remote); c.URL == "" {
			return nil, UsageError{fmt.Errorf("remote %s is not at a forge: set --forge-url", w.config.Remote)}
		}
	}
	return c.open(&w.settings, &w.config)
}

// openPullRequest pushes the branch and opens the pull request.
func (b *approvalBranch) openPullRequest(ctx context.Context, done *ApprovedChange, reason string,
	sets []render.ApprovedSet) error {
	committed := fmt.Sprintf("the approval is in commit %.7s on branch %s", done.Commit, b.name)
	if err := b.repo.PushBranch(ctx, b.remote, b.name); err != nil {
		return fmt.Errorf("%w; %s: run the command again on that branch once you can push to it", err, committed)
	}
	pr, created, err := b.forge.CreatePullRequest(ctx, forge.NewPullRequest{Branch: b.name, Base: b.base,
		Title: approvalTitle, Body: render.ApprovalPullRequest(reason, sets)})
	if err != nil {
		return fmt.Errorf("%w; %s, which is pushed: run the command again on that branch, or open the pull request at "+
			"the forge", err, committed)
	}
	done.PullRequest, done.Opened = pr.URL, created
	if done.PullRequest == "" {
		done.PullRequest = fmt.Sprintf("#%d", pr.Number)
	}
	return nil
}
