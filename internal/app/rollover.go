package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// rollover compares the signing certificates of identity providers with those of an earlier commit.
type rollover struct {
	settings Settings
	config   RepositoryConfig
	base     string // the earlier commit; "" means the parent
}

// compare refuses signing certificates that skip a phase. If the comparison is impossible, it
// returns a warning; with a base that the user named, an error.
func (r *rollover) compare(ctx context.Context, decls *schema.Declarations, tree fs.FS) (schema.Problems, error) {
	if !slices.ContainsFunc(slices.Collect(maps.Values(decls.Apps)), hasIdentityProvider) {
		return nil, nil
	}
	earlier, found, err := r.earlierTree(ctx)
	var missing *gitrepo.MissingObjectError
	switch {
	case errors.As(err, &missing) && r.base == "":
		return schema.Problems{samlmeta.NotCompared("the parent commit is not in this clone")}, nil
	case err != nil && r.base == "" && ctx.Err() == nil: // check works without Git too
		return schema.Problems{samlmeta.NotCompared(err.Error())}, nil
	case err != nil || !found:
		return nil, err
	}
	before, err := r.settings.loadTree(ctx, earlier)
	var problems schema.Problems
	if errors.As(err, &problems) {
		return schema.Problems{samlmeta.NotCompared("the declarations of that commit are invalid")}, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, samlmeta.Compare(before, earlier, decls, tree)
}

func hasIdentityProvider(a *schema.App) bool { return a.SAML != nil && a.SAML.IdentityProvider != nil }

// earlierTree returns the declarations of the earlier commit. found is false if there is none, as
// for a first commit.
func (r *rollover) earlierTree(ctx context.Context) (tree fs.FS, found bool, err error) {
	w, err := r.open(ctx)
	if err != nil || w == nil {
		return nil, false, err
	}
	commit := w.commit.ID
	if r.base != "" {
		h, err := w.source.repo.Resolve(r.base)
		if err != nil {
			return nil, false, fmt.Errorf("--base: %w", err)
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
	if errors.Is(err, fs.ErrNotExist) && r.base == "" {
		return nil, false, nil // the folder is new
	}
	return tree, err == nil, err
}

// open opens the history of what is checked. It returns nil if Dir is not in a repository, or if
// the repository has no commit.
func (r *rollover) open(ctx context.Context) (*Workspace, error) {
	if r.config.URL != "" {
		return Open(ctx, r.settings, r.config)
	}
	repo, err := gitrepo.Open(r.config.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && r.base != "" {
		clone := &shallowClone{settings: r.settings, repo: repo, dir: r.config.Dir, remote: r.config.Remote}
		repo, err = clone.complete(ctx, r.base, r.base)
	}
	if err != nil {
		return nil, err
	}
	w := &Workspace{settings: r.settings, config: r.config, source: newLocalSource(r.settings, &r.config, repo)}
	changed, err := w.source.changedFiles(ctx)
	if err != nil {
		return nil, err
	}
	w.dirty = len(changed) > 0
	w.commit, err = w.source.resolve("HEAD")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}
