package preview

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Git is the repository of declarations, seen as what merging would make of it. Nothing in it moves.
type Git struct {
	Repo *gitrepo.Repo // a mirror
	Path string        // of the declarations within it; "" or "." is all of it
	// Declarations loads a commit; schema.Problems if it is invalid.
	Declarations func(ctx context.Context, commit string) (*schema.Declarations, error)
	// Load reads and checks a tree; nil means schema.Load.
	Load func(fs.FS) (*schema.Declarations, error)
	// Check finds what the daemon's own policy refuses; nil allows everything.
	Check func(*schema.Declarations) schema.Problems
}

// Fetch brings references up to date; those that the remote does not have are left out.
func (g *Git) Fetch(ctx context.Context, refs ...string) error {
	err := g.Repo.Fetch(ctx, refs...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Tip fetches a branch and says where it is.
func (g *Git) Tip(ctx context.Context, branch string) (reconcile.CommitRef, error) {
	if err := g.Repo.Fetch(ctx, branch); err != nil {
		return reconcile.CommitRef{}, err
	}
	h, err := g.Repo.Resolve("refs/heads/" + branch)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	c, err := g.Describe(h.String())
	c.Branch = branch
	return c, err
}

// Describe names a commit. fs.ErrNotExist if it is not here.
func (g *Git) Describe(commit string) (reconcile.CommitRef, error) {
	h, err := g.Repo.Resolve(commit)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	c, err := g.Repo.Commit(h)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return reconcile.CommitRef{ID: h.String(), Subject: subject, Author: c.Author.Name + " <" + c.Author.Email + ">", Time: c.Author.When.UTC()}, nil
}

// Merged loads what merging head into base gives. trial, if not empty, is a reference to somebody else's merge of the two: it is used if
// it is of exactly these. *gitrepo.ConflictError if they cannot be merged without a person, schema.Problems if the result is invalid.
func (g *Git) Merged(ctx context.Context, base, head, trial string) (*schema.Declarations, error) {
	ours, err := gitrepo.ParseHash(base)
	if err != nil {
		return nil, err
	}
	theirs, err := gitrepo.ParseHash(head)
	if err != nil {
		return nil, err
	}
	tree, err := g.trial(ours, theirs, trial)
	if err != nil {
		return nil, err
	}
	if tree == nil {
		if tree, err = g.Repo.Merge(ctx, ours, theirs); err != nil {
			return nil, err
		}
	}
	if g.Path != "" && g.Path != "." {
		if tree, err = fs.Sub(tree, g.Path); err != nil {
			return nil, err
		}
	}
	load := g.Load
	if load == nil {
		load = schema.Load
	}
	decls, err := load(tree)
	if err != nil {
		return nil, err
	}
	if g.Check != nil {
		if problems := g.Check(decls); len(problems) > 0 {
			return nil, problems
		}
	}
	return decls, nil
}

// trial returns the tree of a merge that is there already, or nil.
func (g *Git) trial(ours, theirs gitrepo.Hash, ref string) (fs.FS, error) {
	if ref == "" {
		return nil, nil
	}
	h, err := g.Repo.Resolve(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := g.Repo.Commit(h)
	if err != nil || !slices.Equal(c.Parents, []gitrepo.Hash{ours, theirs}) {
		return nil, err
	}
	return g.Repo.FS(h, "")
}

// step is a commit of the branch with the one before it.
type step struct {
	commit, before string
	merge          bool // it has a second parent
}

// maxSteps bounds how much history a review is asked about.
const maxSteps = 500

// steps lists what was added to a branch after from up to to, the newest first: each commit by which the branch itself moved.
func (g *Git) steps(from, to string) ([]step, error) {
	var out []step
	for at := to; at != from; {
		h, err := gitrepo.ParseHash(at)
		if err != nil {
			return nil, err
		}
		c, err := g.Repo.Commit(h)
		if err != nil {
			return nil, err
		}
		if len(c.Parents) == 0 {
			return nil, fmt.Errorf("%.7s is not on the way to %.7s: was the branch force-pushed?", from, to)
		}
		if len(out) == maxSteps {
			return nil, fmt.Errorf("more than %d commits since %.7s, which was last applied", maxSteps, from)
		}
		out = append(out, step{at, c.Parents[0].String(), len(c.Parents) > 1})
		at = c.Parents[0].String()
	}
	return out, nil
}

// fork returns the commit of the branch at which head left it, "" if that cannot be told.
func (g *Git) fork(head, branch string) (string, error) {
	h, err := gitrepo.ParseHash(head)
	if err != nil {
		return "", err
	}
	b, err := gitrepo.ParseHash(branch)
	if err != nil {
		return "", err
	}
	own := map[gitrepo.Hash]bool{}
	var parents []gitrepo.Hash
	for c, err := range g.Repo.Log(h, b) {
		if err != nil {
			return "", err
		}
		own[c.Hash] = true
		parents = append(parents, c.Parents...)
	}
	parents = slices.DeleteFunc(parents, func(p gitrepo.Hash) bool { return own[p] })
	newest := ""
	for _, p := range parents { // where head took the branch in again, the newest has all others before it
		if newest == "" {
			newest = p.String()
			continue
		}
		n, err := gitrepo.ParseHash(newest)
		if err != nil {
			return "", err
		}
		if after, err := g.Repo.IsAncestor(n, p); err != nil {
			return "", err
		} else if after {
			newest = p.String()
			continue
		}
		if before, err := g.Repo.IsAncestor(p, n); err != nil || !before {
			return "", err
		}
	}
	return newest, nil
}
