package preview

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// contributors are the accounts that opened a pull request, or authored or pushed a commit of it.
// unknown says why they are not all known; "" if they are.
type contributors struct {
	accounts []string
	unknown  string
}

func (c *contributors) add(accounts ...string) {
	for _, account := range accounts {
		same := func(a string) bool { return strings.EqualFold(a, account) }
		if account != "" && !slices.ContainsFunc(c.accounts, same) {
			c.accounts = append(c.accounts, account)
		}
	}
}

// contributors finds who made the commits that the heads of a pull request have and the branch
// before the merge has not. Merge commits that equal the automatic merge of their parents have no
// contributor: merging the branch into a pull request contributes nothing. Only the commits of the
// counted heads have contributors.
func (r *Reviewer) contributors(ctx context.Context, pr forge.PullRequest, parent string,
	heads, counted []string) (*contributors, error) {
	known, err := r.contributions(ctx, pr)
	if err != nil {
		return nil, err
	}
	own, err := r.Repo.ownCommits(parent, heads)
	if err != nil {
		return nil, err
	}
	made, err := r.Repo.ownCommits(parent, counted)
	if err != nil {
		return nil, err
	}
	out := &contributors{}
	out.add(pr.Author)
	pushers := map[gitrepo.Hash][]string{}
	for _, push := range known.Pushes {
		commits, rewritten := r.pushed(own, parent, push)
		for h := range commits {
			pushers[h] = append(pushers[h], push.Account)
		}
		// The commits of a rewritten push are gone, but their changes may be in later commits.
		if rewritten && push.Time.After(pr.Created) {
			out.add(push.Account)
		}
	}
	for h, c := range made {
		automatic, err := r.Repo.Repo.AutomaticMerge(ctx, c)
		if err != nil {
			return nil, err
		}
		if automatic {
			continue
		}
		authors, listed := known.Commits[h.String()]
		out.add(authors.Accounts...)
		out.add(pushers[h]...)
		if len(pushers[h]) > 0 || r.TrustCommitAuthors {
			continue
		}
		switch {
		case !listed || authors.Unmapped:
			out.unknown = fmt.Sprintf("the forge does not name who pushed commit %.7s, and its author or committer "+
				"maps to no account", h)
		case known.Incomplete:
			out.unknown = fmt.Sprintf("the forge lists more pushes than roster reads, and none that was read has "+
				"commit %.7s", h)
		}
	}
	slices.Sort(out.accounts)
	return out, nil
}

// pushed returns the own commits of a pull request that a push added. rewritten is true if the push
// ended at a commit that neither the pull request nor the branch has.
func (r *Reviewer) pushed(own map[gitrepo.Hash]gitrepo.Commit, parent string,
	push forge.Push) (commits map[gitrepo.Hash]bool, rewritten bool) {
	commits = map[gitrepo.Hash]bool{}
	for _, commit := range push.Commits {
		if h, err := gitrepo.ParseHash(commit); err == nil {
			if _, ok := own[h]; ok {
				commits[h] = true
			}
		}
	}
	to, err := gitrepo.ParseHash(push.To)
	if err != nil {
		return commits, false
	}
	if _, ok := own[to]; !ok {
		base, err := gitrepo.ParseHash(parent)
		if err != nil {
			return commits, true
		}
		if _, err := r.Repo.Repo.Commit(to); err != nil {
			return commits, true
		}
		merged, err := r.Repo.Repo.IsAncestor(to, base)
		return commits, err != nil || !merged
	}
	before := map[gitrepo.Hash]bool{}
	if from, err := gitrepo.ParseHash(push.From); err == nil {
		reach(own, from, before)
	}
	after := map[gitrepo.Hash]bool{}
	reach(own, to, after)
	for h := range after {
		if !before[h] {
			commits[h] = true
		}
	}
	return commits, false
}

// reach adds a commit and its ancestors among the own commits of a pull request.
func reach(own map[gitrepo.Hash]gitrepo.Commit, from gitrepo.Hash, seen map[gitrepo.Hash]bool) {
	for queue := []gitrepo.Hash{from}; len(queue) > 0; {
		h := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if c, ok := own[h]; ok && !seen[h] {
			seen[h] = true
			queue = append(queue, c.Parents...)
		}
	}
}

// maxOwnCommits is the number of commits of a pull request that a review examines.
const maxOwnCommits = 1000

// ownCommits returns the commits that are reachable from heads but not from parent. It ignores
// heads that the repository does not have.
func (r *Repository) ownCommits(parent string, heads []string) (map[gitrepo.Hash]gitrepo.Commit, error) {
	base, err := gitrepo.ParseHash(parent)
	if err != nil {
		return nil, err
	}
	own := map[gitrepo.Hash]gitrepo.Commit{}
	for _, head := range heads {
		h, err := r.Repo.Resolve(head)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for c, err := range r.Repo.Log(h, base) {
			if err != nil {
				return nil, err
			}
			if own[c.Hash] = c; len(own) > maxOwnCommits {
				return nil, fmt.Errorf("%.7s has more than %d commits that the branch does not have", head,
					maxOwnCommits)
			}
		}
	}
	return own, nil
}

// maxCachedContributions limits the merged pull requests whose contributions are cached.
const maxCachedContributions = 200

// contributions reads the contributions of a pull request. Those of a merged one do not change.
func (r *Reviewer) contributions(ctx context.Context, pr forge.PullRequest) (forge.Contributions, error) {
	r.mu.Lock()
	c, ok := r.cached[pr.Number]
	r.mu.Unlock()
	if ok {
		return c, nil
	}
	c, err := r.Forge.Contributions(ctx, pr)
	if err != nil || pr.MergedAt.IsZero() {
		return c, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cached == nil || len(r.cached) >= maxCachedContributions {
		r.cached = map[int]forge.Contributions{}
	}
	r.cached[pr.Number] = c
	return c, nil
}
