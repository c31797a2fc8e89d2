package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// loadTree reads declarations, by schema.Load or a cache's, and the files of their SAML sides.
func loadTree(tree fs.FS, load func(fs.FS) (*schema.Declarations, error)) (*schema.Declarations, error) {
	decls, err := load(tree)
	if err != nil {
		return nil, err
	}
	warnings, err := samlmeta.Check(decls, tree)
	if err != nil {
		return nil, err
	}
	decls.Warnings = append(decls.Warnings, warnings...) // nobody else has seen them yet
	return decls, nil
}

// compareRollover refuses signing certificates that skip a phase since an earlier commit: base, or the parent of what is checked. What
// stands in the way of comparing is a warning.
func (a *app) compareRollover(ctx context.Context, p *place, base string, decls *schema.Declarations, tree fs.FS) (schema.Problems, error) {
	if !slices.ContainsFunc(slices.Collect(maps.Values(decls.Apps)), func(x *schema.App) bool { return x.SAML != nil && x.SAML.IdentityProvider != nil }) {
		return nil, nil
	}
	before, found, err := a.earlier(ctx, p, base)
	var missing *gitrepo.MissingObjectError
	switch {
	case errors.As(err, &missing) && base == "":
		return schema.Problems{samlmeta.NotCompared("the parent commit is not in this clone")}, nil
	case err != nil && base == "" && ctx.Err() == nil: // check does without Git, so Git's troubles do not fail it
		return schema.Problems{samlmeta.NotCompared(err.Error())}, nil
	case err != nil || !found:
		return nil, err
	}
	old, err := loadTree(before, schema.Load)
	var problems schema.Problems
	if errors.As(err, &problems) {
		return schema.Problems{samlmeta.NotCompared("that commit's declarations are invalid")}, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, samlmeta.Compare(old, before, decls, tree)
}

// earlier finds the tree that what is checked is compared with; found is false if there is none, as with a first commit.
func (a *app) earlier(ctx context.Context, p *place, base string) (tree fs.FS, found bool, err error) {
	w, err := a.history(ctx, p)
	if err != nil || w == nil {
		return nil, false, err
	}
	commit := w.commit.ID
	if base != "" {
		h, err := w.source.repo.Resolve(base)
		if err != nil {
			return nil, false, err
		}
		commit = h.String()
	} else if !w.dirty {
		h, err := gitrepo.ParseHash(commit)
		if err != nil {
			return nil, false, err
		}
		c, err := w.source.repo.Commit(h)
		if err != nil || len(c.Parents) == 0 {
			return nil, false, err
		}
		commit = c.Parents[0].String()
	}
	tree, err = w.source.tree(commit)
	if errors.Is(err, fs.ErrNotExist) && base == "" {
		return nil, false, nil // the folder is new
	}
	return tree, err == nil, err
}

// history opens the repository that holds what is checked; nil if DIR is in none, or has no commit yet.
func (a *app) history(ctx context.Context, p *place) (*workspace, error) {
	if p.repo != "" {
		return a.open(ctx, p, false)
	}
	repo, err := gitrepo.Open(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	w := &workspace{app: a, place: p, source: &source{repo: repo, path: filepath.ToSlash(filepath.Join(repo.Prefix(), p.path))}}
	changed, err := repo.Dirty(ctx)
	if err != nil {
		return nil, err
	}
	w.dirty = len(relevant(changed, w.source.path)) > 0
	if err := w.resolve(ctx, "HEAD"); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return w, nil
}
