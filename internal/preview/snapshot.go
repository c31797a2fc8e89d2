package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
)

// WriteSnapshot puts a snapshot into dir as PROVISIONER.json, in one step. It holds people's data: only its owner may read it.
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
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, s.Provisioner+".json"))
}

// ReadSnapshot reads what WriteSnapshot has written. reconcile.ErrSnapshot if it is something else.
func ReadSnapshot(name string) (*reconcile.Snapshot, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	s := &reconcile.Snapshot{Ledger: reconcile.NewLedger()} // an empty half of it is not in the file
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w: %w", name, reconcile.ErrSnapshot, err)
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", name, err)
	}
	return s, nil
}

// NoBoard is a Board without pull requests, for a Previewer that only keeps snapshots.
type NoBoard struct{}

// PullRequests lists none.
func (NoBoard) PullRequests(context.Context, string) ([]forge.PullRequest, error) { return nil, nil }

// Comment does nothing.
func (NoBoard) Comment(context.Context, int, string) error { return nil }

// SetStatus does nothing.
func (NoBoard) SetStatus(context.Context, string, forge.Status) error { return nil }
