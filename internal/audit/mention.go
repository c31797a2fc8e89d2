package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Mention finds the newest of a provisioner's last reports (at most as many as are asked for) whose changes match, with its path. Nil when
// none does. Only the chain from the status back counts.
func (b *Book) Mention(ctx context.Context, provisioner string, reports int, match func(*reconcile.Done) bool) (*reconcile.Report, string, error) {
	head, err := b.Store.Head(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("read the audit branch: %w", err)
	}
	files, err := b.tree(ctx, head)
	if err != nil {
		return nil, "", fmt.Errorf("read the audit branch: %w", err)
	}
	for l, err := range Chain(files, provisioner) {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (l.Broken != "" || reports == 0) {
			return nil, "", nil
		}
		if err != nil {
			return nil, "", err
		}
		reports--
		r, err := ReadReport(files, l.Path)
		if err != nil {
			return nil, "", err
		}
		for i := range r.Changes {
			if match(&r.Changes[i]) {
				return r, l.Path, nil
			}
		}
	}
	return nil, "", nil
}
