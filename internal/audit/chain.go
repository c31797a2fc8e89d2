package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// findReport looks for a run's report in the chain, from its head back to when
// the run began; nil when it is not there.
func findReport(files fs.FS, s *reconcile.Status, run string, started time.Time) (*reconcile.ReportLink, error) {
	at := link(s)
	for at.Path != "" {
		r, _, err := readReport(files, at.Path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || errors.As(err, new(*reportError)) {
			return nil, nil // a broken chain; distrust and Verify say so
		}
		if err != nil {
			return nil, err
		}
		if r.Run == run {
			return &at, nil
		}
		if r.Previous == nil || r.Finished.Before(started.Add(-slack)) {
			return nil, nil
		}
		at = *r.Previous
	}
	return nil, nil
}

// reportError says that a file is not a report.
type reportError struct{ err error }

func (e *reportError) Error() string { return e.err.Error() }
func (e *reportError) Unwrap() error { return e.err }

// readReport reads a report of this or an earlier or later version: what is not
// known is left out, for the chain needs only its links.
func readReport(files fs.FS, name string) (*reconcile.Report, []byte, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, nil, err
	}
	r := &reconcile.Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, data, &reportError{fmt.Errorf("%s is not a report: %w", name, err)}
	}
	return r, data, nil
}
