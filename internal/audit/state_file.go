package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
)

func (r *Recorder) lockPath(provisioner string) string {
	return filepath.Join(r.StateDir, "lock", provisioner+".lock")
}

func (r *Recorder) journalPath(provisioner string) string {
	return filepath.Join(r.StateDir, "journal", provisioner+".jsonl")
}

func (r *Recorder) pendingPath(provisioner string) string {
	return filepath.Join(r.StateDir, "pending", provisioner+".json")
}

func (r *Recorder) queuePath(provisioner string) string {
	return filepath.Join(r.StateDir, "queue", provisioner+".json")
}

func (r *Recorder) localRecordPath(provisioner string) string {
	return filepath.Join(r.StateDir, "branch", provisioner+".json")
}

// makeDir creates a directory of the state directory. Its name survives a crash.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := privatedir.Make(dir); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

// readState decodes a file of the state directory into the result, which is nil if there is none. A
// damaged file counts as none: it is set aside with a warning. loss is the part of the warning that
// says what is lost with it. A file of a newer version of roster is an error.
func readState[T any](r *Recorder, name, loss string) (*T, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if atomicfile.Unreadable(err) {
		return nil, r.moveDamaged(name, loss, err)
	}
	if err != nil {
		return nil, err
	}
	v := new(T)
	err = decode(data, v)
	if newer := (*versionError)(nil); errors.As(err, &newer) && newer.newer() {
		return nil, fmt.Errorf("read state file %s: %w", name, err)
	}
	if err != nil {
		return nil, r.moveDamaged(name, loss, err)
	}
	return v, nil
}

// moveDamaged sets a damaged file of the state directory aside. A read-only Recorder leaves it
// there.
func (r *Recorder) moveDamaged(name, loss string, damage error) error {
	if r.ReadOnly {
		return nil
	}
	aside, err := atomicfile.MoveDamaged(name)
	if errors.Is(err, fs.ErrNotExist) { // another process was first
		return nil
	}
	if err != nil {
		return fmt.Errorf("set the damaged state file %s aside: %w", name, err)
	}
	r.log().Warn("a state file is damaged and was set aside", "file", aside, "error", damage, "lost", loss)
	return nil
}

// writeState encodes v straight into a file of the state directory, so that the report of a large
// run is not in memory twice.
func (r *Recorder) writeState(name string, v any) error {
	if err := makeDir(filepath.Dir(name)); err != nil {
		return err
	}
	w := atomicfile.Writer{After: func(s atomicfile.Step) { r.at("state file " + string(s)) }}
	return w.Write(name, func(f io.Writer) error { return json.NewEncoder(f).Encode(v) })
}

// crashPoint is called at each point at which a crash would leave something different. Tests stop
// the process there; nil does nothing.
type crashPoint func(point string)

func (c crashPoint) at(point string) {
	if c != nil {
		c(point)
	}
}
