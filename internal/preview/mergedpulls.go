package preview

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// pullRequestFinder is what a forge tells about a commit of the branch.
type pullRequestFinder interface {
	Merged(ctx context.Context, branch, commit string) (pr forge.PullRequest, ok bool, err error)
}

// mergedPulls finds which pull request brought which commits of a branch. How the commits of one
// pull request are found depends on how it was merged, and on what the forge tells:
//
//	merged by                        | commits of the branch    | the forge names it for
//	---------------------------------+--------------------------+---------------------------------
//	merge commit, also of a rebase   | the merge commit         | that commit, all forges
//	squash, also by a merge queue    | one commit               | that commit, all forges
//	rebase of n commits              | n commits                | GitHub: all; Gitea: the last
//	fast-forward of n commits        | n commits                | GitHub, GitLab: all; Gitea: last
//	revert, by a pull request        | as one of the above      | as above, the one that reverts
//	push to the branch               | any                      | none
//
// GitLab rebases the source branch itself before it fast-forwards. If a forge names a pull request
// only for its last commit, the others are found by the commits of its head, see rebased.
type mergedPulls struct {
	forge  pullRequestFinder
	repo   *Repository
	branch string
	// found has what the forge answered, by commit. Without a pull request, the number is 0.
	found map[string]forge.PullRequest
}

// branchPart is adjacent commits of the branch that one pull request brought, or one commit without
// a pull request.
type branchPart struct {
	pr      forge.PullRequest // Number is 0 without a pull request
	commits []branchCommit    // the newest first
}

// parent returns the commit of the branch before the part.
func (p *branchPart) parent() string { return p.commits[len(p.commits)-1].parent }

// merge reports whether the part is a merge commit.
func (p *branchPart) merge() bool { return p.commits[0].merge }

// ids returns the commits of a part, the newest first.
func (p *branchPart) ids() []string {
	out := make([]string, len(p.commits))
	for i, c := range p.commits {
		out[i] = c.commit
	}
	return out
}

// parts divides commits of the branch, the newest first, by the pull requests that brought them.
func (m *mergedPulls) parts(ctx context.Context, commits []branchCommit) ([]branchPart, error) {
	var out []branchPart
	for len(commits) > 0 {
		part, err := m.first(ctx, commits)
		if err != nil {
			return nil, err
		}
		out = append(out, part)
		commits = commits[len(part.commits):]
	}
	return out, nil
}

// first returns the part that begins with the newest of commits.
func (m *mergedPulls) first(ctx context.Context, commits []branchCommit) (branchPart, error) {
	pr, err := m.pull(ctx, commits[0].commit)
	if err != nil {
		return branchPart{}, err
	}
	part := branchPart{pr: pr, commits: commits[:1]}
	if pr.Number == 0 || commits[0].merge {
		return part, nil
	}
	n := 1
	for ; n < len(commits) && !commits[n].merge; n++ {
		same, err := m.pull(ctx, commits[n].commit)
		if err != nil {
			return branchPart{}, err
		}
		if same.Number == 0 { // the forge may name the pull request for its last commit only
			more, err := m.rebased(ctx, pr, commits[:n], commits[n:])
			if err != nil {
				return branchPart{}, err
			}
			n += more
			break
		}
		if same.Number != pr.Number {
			break
		}
	}
	part.commits = commits[:n]
	return part, nil
}

// partWith returns the part that has one of adjacent commits of the branch, the newest first.
func (m *mergedPulls) partWith(ctx context.Context, commits []branchCommit, index int) (branchPart, error) {
	alone := branchPart{commits: commits[index : index+1]}
	top, number := index, 0
	for i := index; i >= 0; i-- { // the newest commit of the first pull request that is named
		pr, err := m.pull(ctx, commits[i].commit)
		if err != nil {
			return branchPart{}, err
		}
		if number != 0 && pr.Number != number {
			break
		}
		top, number = i, pr.Number
	}
	if number == 0 {
		return alone, nil
	}
	part, err := m.first(ctx, commits[top:])
	if err != nil || index-top >= len(part.commits) {
		return alone, err
	}
	return part, nil
}

// pull returns the pull request that the forge names for a commit; its number is 0 if there is
// none.
func (m *mergedPulls) pull(ctx context.Context, commit string) (forge.PullRequest, error) {
	if pr, ok := m.found[commit]; ok {
		return pr, nil
	}
	pr, ok, err := m.forge.Merged(ctx, m.branch, commit)
	if err != nil {
		return forge.PullRequest{}, err
	}
	if !ok {
		pr = forge.PullRequest{}
	}
	if m.found == nil {
		m.found = map[string]forge.PullRequest{}
	}
	m.found[commit] = pr
	return pr, nil
}

// forgetUnnamed forgets the commits for which the forge named no pull request. If many are known,
// it forgets all.
func (m *mergedPulls) forgetUnnamed() {
	tooMany := len(m.found) >= maxBranchCommits
	maps.DeleteFunc(m.found, func(_ string, pr forge.PullRequest) bool { return tooMany || pr.Number == 0 })
}

// rebased returns how many of the commits before those that the forge names belong to a pull
// request too: a rebase keeps the author, the time and the message of a commit. They count only if
// merging the head of the pull request into the commit before all of them gives the files of its
// last commit. So other content that was pushed to the branch is never counted.
func (m *mergedPulls) rebased(ctx context.Context, pr forge.PullRequest, named, before []branchCommit) (int, error) {
	own, err := m.headCommits(ctx, pr)
	if err != nil {
		return 0, err
	}
	n := 0
	for i, at := range slices.Concat(named, before) {
		c, err := m.repo.commit(at.commit)
		if err != nil {
			return 0, err
		}
		next := slices.IndexFunc(own, func(o gitrepo.Commit) bool { return sameAuthorship(o, c) })
		if i < len(named) { // a forge may change the message of the last commit
			own = own[min(max(next, 0)+1, len(own)):]
			continue
		}
		other, err := m.pull(ctx, at.commit)
		if err != nil {
			return 0, err
		}
		if next < 0 || at.merge || other.Number != 0 {
			break
		}
		own, n = own[next+1:], n+1
	}
	if n == 0 {
		return 0, nil
	}
	same, err := m.repo.mergeGives(ctx, before[n-1].parent, pr.Head, named[0].commit)
	if err != nil || !same {
		return 0, err
	}
	return n, nil
}

// headCommits returns the commits that a merged pull request has since its base, the newest first
// and without merges; none if the forge does not tell the base, or the repository does not have the
// head any more.
func (m *mergedPulls) headCommits(ctx context.Context, pr forge.PullRequest) ([]gitrepo.Commit, error) {
	if pr.Base == "" || pr.Head == "" {
		return nil, nil
	}
	base, err := gitrepo.ParseHash(pr.Base)
	if err != nil {
		return nil, err
	}
	head, err := m.repo.Repo.Resolve(pr.Head)
	if errors.Is(err, fs.ErrNotExist) {
		if err := m.repo.Fetch(ctx, pr.HeadRef); err != nil {
			return nil, err
		}
		head, err = m.repo.Repo.Resolve(pr.Head)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []gitrepo.Commit
	for c, err := range m.repo.Repo.Log(head, base) {
		if err != nil {
			return nil, err
		}
		if len(c.Parents) > 1 {
			continue
		}
		if out = append(out, c); len(out) > maxOwnCommits {
			return nil, nil
		}
	}
	return out, nil
}

// sameAuthorship reports whether one commit may be the other after a rebase.
func sameAuthorship(a, b gitrepo.Commit) bool {
	return a.Author.Name == b.Author.Name && a.Author.Email == b.Author.Email && a.Author.When.Equal(b.Author.When) &&
		strings.TrimSpace(a.Message) == strings.TrimSpace(b.Message)
}
