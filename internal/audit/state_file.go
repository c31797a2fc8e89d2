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

// readState decodes a file of the state directory. ok is false if there is none. advice is the part
// of the error that says what to do about a damaged file.
func readState(name string, v any, advice string) (ok bool, err error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = decode(data, v)
	if errors.As(err, new(*versionError)) {
		return false, fmt.Errorf("read state file %s: %w", name, err)
	}
	if err != nil {
		return false, fmt.Errorf("read state file %s: %w; the file is damaged: %s", name, err, advice)
	}
	return true, nil
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
