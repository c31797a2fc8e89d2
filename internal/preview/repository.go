package preview

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Repository is the repository of declarations. It computes merges without moving a branch.
type Repository struct {
	Repo *gitrepo.Repo // a mirror
	Path string        // of the declarations in the repository; "" or "." means the root
	// Declarations loads a commit. The error is schema.Problems if it is invalid.
	Declarations func(ctx context.Context, commit string) (*schema.Declarations, error)
	// Load reads and checks the result of a merge; nil means schema.Load. The error is a
	// *CannotEvaluateError if it costs too much.
	Load func(ctx context.Context, m MergeResult) (*schema.Declarations, error)
	// Check returns what the daemon's policy forbids; nil allows everything.
	Check func(*schema.Declarations) schema.Problems
	// Urgent is set if the branch waits for the results of merges.
	Urgent bool

	unmergeable sync.Map // the heads that git cannot merge within its limits, with the reason
}

// MergeResult is the result of merging a head into the branch.
type MergeResult struct {
	Tree fs.FS
	// Head is the hash of the declarations of the merged head.
	Head string
	// Urgent is set if the branch waits for the result.
	Urgent bool
}

// CannotEvaluateError is the error of declarations that exceed a limit of the evaluation.
type CannotEvaluateError struct {
	// Reason completes the sentence "The declarations cannot be evaluated: ...".
	Reason string
	// Final is set if the declarations will not be evaluated again.
	Final bool
}

func (e *CannotEvaluateError) Error() string {
	return "the declarations cannot be evaluated: " + e.Reason
}

// Fetch updates references. It ignores references that the remote does not have.
func (r *Repository) Fetch(ctx context.Context, refs ...string) error {
	err := r.Repo.Fetch(ctx, refs...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Tip fetches a branch and returns its commit.
func (r *Repository) Tip(ctx context.Context, branch string) (reconcile.CommitRef, error) {
	if err := r.Repo.Fetch(ctx, branch); err != nil {
		return reconcile.CommitRef{}, err
	}
	h, err := r.Repo.Resolve("refs/heads/" + branch)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	c, err := r.Describe(h.String())
	c.Branch = branch
	return c, err
}

// Describe returns the subject, author and time of a commit. The error is fs.ErrNotExist if the
// repository does not have it.
func (r *Repository) Describe(commit string) (reconcile.CommitRef, error) {
	h, err := r.Repo.Resolve(commit)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	c, err := r.Repo.Commit(h)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return reconcile.CommitRef{ID: h.String(), Subject: subject, Author: c.Author.Name + " <" + c.Author.Email + ">",
		Time: c.Author.When.UTC()}, nil
}

// Merged loads the result of merging head into base. mergeRef, if not empty, is the forge's test
// merge; it is used if its parents are exactly base and head. The error is a *gitrepo.ConflictError
// if there are conflicts, and schema.Problems if the result is invalid.
func (r *Repository) Merged(ctx context.Context, base, head, mergeRef string) (*schema.Declarations, error) {
	ours, err := gitrepo.ParseHash(base)
	if err != nil {
		return nil, err
	}
	theirs, err := gitrepo.ParseHash(head)
	if err != nil {
		return nil, err
	}
	tree, err := r.testMerge(ours, theirs, mergeRef)
	if err != nil {
		return nil, err
	}
	if tree == nil {
		if tree, err = r.merge(ctx, ours, theirs); err != nil {
			return nil, err
		}
	}
	if r.Path != "" && r.Path != "." {
		if tree, err = fs.Sub(tree, r.Path); err != nil {
			return nil, err
		}
	}
	return r.loadTree(ctx, tree, theirs)
}

// Alone loads a commit that is not merged into anything, as Merged loads the result of a merge.
func (r *Repository) Alone(ctx context.Context, commit string) (*schema.Declarations, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	tree, err := r.Repo.FS(h, r.Path)
	if err != nil {
		return nil, err
	}
	return r.loadTree(ctx, tree, h)
}

// loadTree reads and checks declarations that head brings.
func (r *Repository) loadTree(ctx context.Context, tree fs.FS, head gitrepo.Hash) (*schema.Declarations, error) {
	load := r.Load
	if load == nil {
		load = func(ctx context.Context, m MergeResult) (*schema.Declarations, error) {
			return schema.Options{}.Load(ctx, m.Tree)
		}
	}
	decls, err := load(ctx, MergeResult{Tree: tree, Head: r.declarationsHash(head), Urgent: r.Urgent})
	if err != nil {
		return nil, err
	}
	if r.Check != nil {
		if problems := r.Check(decls); len(problems) > 0 {
			return nil, problems
		}
	}
	return decls, nil
}

// merge merges theirs into ours. A head that exceeds the limits of git is not merged again.
func (r *Repository) merge(ctx context.Context, ours, theirs gitrepo.Hash) (fs.FS, error) {
	limited, known := r.unmergeable.Load(theirs)
	if !known {
		tree, err := r.Repo.Merge(ctx, ours, theirs)
		exceeded := &gitrepo.LimitError{}
		if !errors.As(err, &exceeded) {
			return tree, err
		}
		limited = exceeded.Error()
		r.unmergeable.Store(theirs, limited)
	}
	return nil, &CannotEvaluateError{Reason: fmt.Sprintf("they cannot be merged: %s", limited), Final: true}
}

// declarationsHash returns the hash of the declarations of a commit, or "" if it has none.
func (r *Repository) declarationsHash(commit gitrepo.Hash) string {
	tree, err := r.Repo.FS(commit, r.Path)
	if err != nil {
		return ""
	}
	hashed, ok := tree.(interface {
		Hash(name string) (string, error)
	})
	if !ok {
		return ""
	}
	hash, err := hashed.Hash(".")
	if err != nil {
		return ""
	}
	return hash
}

// testMerge returns the tree of a merge commit with exactly these parents, or nil.
func (r *Repository) testMerge(ours, theirs gitrepo.Hash, ref string) (fs.FS, error) {
	if ref == "" {
		return nil, nil
	}
	h, err := r.Repo.Resolve(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := r.Repo.Commit(h)
	if err != nil || !slices.Equal(c.Parents, []gitrepo.Hash{ours, theirs}) {
		return nil, err
	}
	return r.Repo.FS(h, "")
}

// branchCommit is a commit on the branch's first-parent history.
type branchCommit struct {
	commit, parent string
	merge          bool // it has a second parent
}

// maxBranchCommits is the number of commits that a review examines.
const maxBranchCommits = 500

// commit reads the commit of a reference.
func (r *Repository) commit(ref string) (gitrepo.Commit, error) {
	h, err := r.Repo.Resolve(ref)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	return r.Repo.Commit(h)
}

// branchCommit reads a commit of the branch. The first commit has no parent.
func (r *Repository) branchCommit(ref string) (branchCommit, error) {
	c, err := r.commit(ref)
	if err != nil {
		return branchCommit{}, err
	}
	out := branchCommit{commit: c.Hash.String(), merge: len(c.Parents) > 1}
	if len(c.Parents) > 0 {
		out.parent = c.Parents[0].String()
	}
	return out, nil
}

// branchCommits lists the commits after `from` up to `to`, newest first. It follows first parents
// only.
func (r *Repository) branchCommits(from, to string) ([]branchCommit, error) {
	var out []branchCommit
	for at := to; at != from; {
		c, err := r.branchCommit(at)
		switch {
		case err != nil:
			return nil, err
		case c.commit == from:
			return out, nil
		case c.parent == "":
			return nil, fmt.Errorf("%.7s is not an ancestor of %.7s: was the branch force-pushed?", from, to)
		case len(out) == maxBranchCommits:
			return nil, fmt.Errorf("more than %d commits since %.7s, which was last applied", maxBranchCommits, from)
		}
		out = append(out, c)
		at = c.parent
	}
	return out, nil
}

// mergeGives reports whether merging head into the commit before gives the files of the commit
// after. A head that the repository does not have, or that conflicts, gives other files.
func (r *Repository) mergeGives(ctx context.Context, before, head, after string) (bool, error) {
	ours, err := r.Repo.Resolve(before)
	if err != nil {
		return false, err
	}
	merged, err := r.Repo.Resolve(after)
	if err != nil {
		return false, err
	}
	c, err := r.Repo.Commit(merged)
	if err != nil {
		return false, err
	}
	theirs, err := r.Repo.Resolve(head)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	tree, err := r.Repo.MergedTree(ctx, ours, theirs)
	var conflict *gitrepo.ConflictError
	if errors.As(err, &conflict) {
		return false, nil
	}
	return err == nil && tree == c.Tree, err
}

// forkPoint returns the commit of the branch at which head was forked, or "" if it is ambiguous.
func (r *Repository) forkPoint(head, branch string) (string, error) {
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
	for c, err := range r.Repo.Log(h, b) {
		if err != nil {
			return "", err
		}
		own[c.Hash] = true
		parents = append(parents, c.Parents...)
	}
	parents = slices.DeleteFunc(parents, func(p gitrepo.Hash) bool { return own[p] })
	newest := ""
	// If the branch was merged into head, there are several parents. The newest has all others as
	// ancestors.
	for _, p := range parents {
		if newest == "" {
			newest = p.String()
			continue
		}
		n, err := gitrepo.ParseHash(newest)
		if err != nil {
			return "", err
		}
		if after, err := r.Repo.IsAncestor(n, p); err != nil {
			return "", err
		} else if after {
			newest = p.String()
			continue
		}
		if before, err := r.Repo.IsAncestor(p, n); err != nil || !before {
			return "", err
		}
	}
	return newest, nil
}
