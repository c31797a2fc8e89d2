package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// QuarantineFiles keeps the quarantines of provisioners in a state directory, in a file for each.
// Its methods may be called concurrently.
//
// The files can be lost: without its file, a provisioner is not in quarantine, and the next run
// finds out again what the directory refuses. So errors are only logged.
type QuarantineFiles struct {
	StateDir string
	Log      *slog.Logger // nil: log nothing
}

func (q *QuarantineFiles) path(provisioner string) string {
	return filepath.Join(q.StateDir, "quarantine", provisioner+".json")
}

// Load returns the quarantine of a provisioner; nil if there is none. A file that cannot be read is
// renamed to *.damaged.
func (q *QuarantineFiles) Load(provisioner string) *reconcile.Quarantine {
	name := q.path(provisioner)
	out, err := readQuarantine(name)
	if err == nil && out != nil && out.Provisioner != provisioner {
		err = fmt.Errorf("read state file %s: it is for provisioner %q", name, out.Provisioner)
	}
	if err == nil {
		return out
	}
	_, failed := atomicfile.MoveDamaged(name)
	err = errors.Join(err, failed)
	q.warn("cannot read the quarantine of the provisioner, so it is in none; the file is renamed to *.damaged",
		provisioner, err)
	return nil
}

// readQuarantine reads a file; it returns nil if there is none.
func readQuarantine(name string) (*reconcile.Quarantine, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	out := &reconcile.Quarantine{}
	if err == nil {
		err = decode(data, out)
	}
	if err != nil {
		return nil, fmt.Errorf("read state file %s: %w", name, err)
	}
	return out, nil
}

// Store replaces the quarantine of a provisioner; nil removes it.
func (q *QuarantineFiles) Store(provisioner string, quarantine *reconcile.Quarantine) {
	if err := q.store(provisioner, quarantine); err != nil {
		q.warn("cannot store the quarantine of the provisioner; after a restart, roster does not know it",
			provisioner, err)
	}
}

func (q *QuarantineFiles) store(provisioner string, quarantine *reconcile.Quarantine) error {
	name := q.path(provisioner)
	if quarantine == nil {
		return atomicfile.Remove(name)
	}
	if err := errors.Join(checkName(provisioner), makeDir(filepath.Dir(name))); err != nil {
		return err
	}
	if err := atomicfile.Sweep(name); err != nil {
		return err
	}
	return atomicfile.Write(name, 0o600, func(w io.Writer) error { return json.NewEncoder(w).Encode(quarantine) })
}

func (q *QuarantineFiles) warn(message, provisioner string, err error) {
	if q.Log != nil {
		q.Log.Warn(message, "provisioner", provisioner, "error", err)
	}
}
