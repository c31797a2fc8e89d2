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

// HeldReport returns the newest report that printed a held digest, with all of its changes. Only the chain from the status back to it counts:
// fs.ErrNotExist when there is none, or when a link before it is broken.
func (b *Book) HeldReport(ctx context.Context, provisioner, digest string) (*reconcile.Report, error) {
	head, err := b.Store.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	files, err := b.tree(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	for l, err := range Chain(files, provisioner) {
		switch {
		case err != nil:
			return nil, err
		case l.Broken != "":
			return nil, fmt.Errorf("report %s: %s: %w", l.Path, l.Broken, fs.ErrNotExist)
		case l.Report.HeldDigest != digest:
			continue
		}
		r, err := ReadReport(files, l.Path)
		if malformed(err) || errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("report %s: %v: %w", l.Path, err, fs.ErrNotExist)
		}
		return r, err
	}
	return nil, fmt.Errorf("no report printed %s: %w", digest, fs.ErrNotExist)
}
