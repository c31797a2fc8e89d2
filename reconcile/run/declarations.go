package run

import (
	"context"
	"errors"
	"io/fs"

	"github.com/seed-d64a251c/roster/schema"
)

// validDeclarations returns the declarations of a commit; nil if the repository does not have the
// commit, or if it is invalid.
func (r *Runner) validDeclarations(ctx context.Context, commit string) (*schema.Declarations, error) {
	decls, err := r.Source.Declarations(ctx, commit)
	var problems schema.Problems
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &problems) {
		return nil, nil
	}
	return decls, err
}

// readableDeclarations returns the declarations of a commit; nil if they cannot be read for any
// reason. The error is only that of the context.
func (r *Runner) readableDeclarations(ctx context.Context, commit string) (*schema.Declarations, error) {
	decls, err := r.Source.Declarations(ctx, commit)
	if err != nil {
		return nil, ctx.Err()
	}
	return decls, nil
}
