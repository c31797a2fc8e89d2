package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/privatedir"
	"github.com/seed-d64a251c/roster/reconcile"
)

// WriteSnapshot replaces the file PROVISIONER.json in dir atomically. Only its owner can read it,
// because it contains personal data.
func WriteSnapshot(dir string, s *reconcile.Snapshot) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the snapshot of %q: %w", s.Provisioner, err)
		}
	}()
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := privatedir.Make(dir); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, s.Provisioner+".json"), 0o600, b)
}

// ReadSnapshot reads a file of WriteSnapshot. The error is reconcile.ErrSnapshot if the file is not
// a snapshot.
func ReadSnapshot(name string) (*reconcile.Snapshot, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	s := &reconcile.Snapshot{Ledger: reconcile.NewLedger()} // the file omits empty maps of the ledger
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w: %w", name, reconcile.ErrSnapshot, err)
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", name, err)
	}
	return s, nil
}

// NoForge is a Forge without pull requests, for a Previewer that only stores snapshots.
type NoForge struct{}

// PullRequests lists none.
func (NoForge) PullRequests(context.Context, string) ([]forge.PullRequest, error) { return nil, nil }

// Comment does nothing.
func (NoForge) Comment(context.Context, int, string) error { return nil }

// EditComment does nothing.
func (NoForge) EditComment(context.Context, int, string) error { return nil }

// Queue lists nothing.
func (NoForge) Queue(context.Context, string) ([]forge.QueuedMerge, error) { return nil, nil }

// Approval finds none.
func (NoForge) Approval(context.Context, forge.PullRequest) (forge.Approval, error) {
	return forge.Approval{}, nil
}

// SetStatus does nothing.
func (NoForge) SetStatus(context.Context, string, forge.Status) error { return nil }
