package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// Deadlines lists everything declared that ends by itself, the next end first.
func (w *Workspace) Deadlines(ctx context.Context) ([]deadline.Deadline, error) {
	decls, err := w.Declarations(ctx)
	if err != nil {
		return nil, err
	}
	if len(decls.Users)+len(decls.Groups)+len(decls.Apps)+len(decls.Provisioners)+len(decls.Approvals) == 0 {
		return nil, errors.New("nothing is declared here: name the root of the repository of declarations")
	}
	return w.deadlinesOf(decls, w.commit)
}

// deadlinesOf lists the deadlines of the declarations and files of a commit, or of changed files.
func (w *Workspace) deadlinesOf(decls *schema.Declarations, commit reconcile.CommitRef) ([]deadline.Deadline, error) {
	var tree fs.FS = newWorkingTree(w.config.folder())
	if !w.dirty {
		var err error
		if tree, err = w.source.tree(commit.ID); err != nil {
			return nil, fmt.Errorf("read commit %.7s: %w", commit.ID, err)
		}
	}
	list := deadline.Declared(decls)
	for _, d := range samlmeta.Deadlines(decls, tree) {
		kind := deadline.Certificate
		if d.Kind == samlmeta.ServiceProviderMetadata || d.Kind == samlmeta.IdentityProviderMetadata {
			kind = deadline.Metadata
		}
		list = append(list, deadline.Deadline{
			Kind:        kind,
			Subject:     fmt.Sprintf("app %q, %s %s", d.App, d.Kind, d.Name),
			Owner:       d.App,
			Pos:         d.Pos,
			Path:        d.Path,
			EndsAt:      d.EndsAt,
			Consequence: d.Consequence,
		})
	}
	deadline.Sort(list)
	return list, nil
}
