package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// RecoveredJournal is what could be read of a damaged journal.
type RecoveredJournal struct {
	Provisioner string `json:"provisioner"`
	// File is where the journal is now.
	File string `json:"file"`
	// Intent is that of the run; nil if it cannot be read.
	Intent *reconcile.Intent `json:"intent,omitempty"`
	// Changes are the changes of the writes that can be read, as far as the journal knows: a write
	// without an end has the result unknown.
	Changes []reconcile.Done `json:"changes"`
	// Unreadable is the number of lines that cannot be read.
	Unreadable int `json:"unreadable"`
}

// RecoverJournal sets the damaged journal of a provisioner aside, so that runs can begin again, and
// returns what can be read of it. The run in it then counts as lost: the next run looks up what it
// may have created. It fails if there is no journal, if the journal can be read, or with a
// StateDirError if a process uses the state directory.
func RecoverJournal(stateDir, provisioner, host string, now time.Time) (*RecoveredJournal, error) {
	if err := checkName(provisioner); err != nil {
		return nil, err
	}
	if _, err := os.Stat(stateDir); err != nil {
		return nil, fmt.Errorf("there is no state directory: %w; set --state-dir", err)
	}
	release, err := LockStateDir(stateDir, host, now)
	if err != nil {
		return nil, err
	}
	defer release()
	name := (&Recorder{StateDir: stateDir}).journalPath(provisioner)
	_, err = readJournal(name)
	var corrupt *CorruptError
	switch {
	case err == nil:
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("provisioner %q has no journal in %s: there is nothing to recover", provisioner,
				filepath.Dir(name))
		}
		return nil, fmt.Errorf("the journal %s can be read: the next run completes its report, so there is nothing to "+
			"recover", name)
	case !errors.As(err, &corrupt):
		return nil, err
	}
	data, err := os.ReadFile(name)
	if err != nil && !atomicfile.Unreadable(err) {
		return nil, err
	}
	out := readableLines(data)
	out.Provisioner = provisioner
	if out.File, err = atomicfile.MoveDamaged(name); err != nil {
		return nil, fmt.Errorf("set the journal aside: %w", err)
	}
	return out, nil
}

// readableLines returns what the undamaged lines of a journal have.
func readableLines(journal []byte) *RecoveredJournal {
	out := &RecoveredJournal{}
	var found writes
	for line := range bytes.Lines(journal) {
		record, err := decodeLine(line)
		switch {
		case err != nil:
			out.Unreadable++
		case record.Intent != nil:
			out.Intent = record.Intent
		case found.add(record) != nil: // its beginning is damaged
			found.addAlone(record.End)
		}
	}
	out.Changes = reconcile.Results(found.entries)
	return out
}
