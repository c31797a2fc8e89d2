package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

var _ reconcile.Archive = (*Book)(nil)

// Provisioners names the provisioners that have a status on the branch, sorted.
func (b *Book) Provisioners(ctx context.Context) ([]string, error) {
	head, err := b.Store.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	files, err := b.tree(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	entries, err := fs.ReadDir(files, path.Dir(statusPath("x")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && checkName(name) == nil {
			out = append(out, name)
		}
	}
	return out, nil
}
