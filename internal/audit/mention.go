package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ErrBroken says that a chain of reports is not what was left.
var ErrBroken = errors.New("the chain of reports is broken")

// Mention finds the newest of a provisioner's last reports (at most as many as are asked for) whose changes match, with its path. Nil when
// none does. Only the chain from the status back counts: ErrBroken when it is broken before one is found.
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
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && reports == 0:
			return nil, "", nil
		case err != nil:
			return nil, "", err
		case l.Broken != "":
			return nil, "", fmt.Errorf("report %s: %s: %w", l.Path, l.Broken, ErrBroken)
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
