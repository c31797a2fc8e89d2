package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/notexist"
	"github.com/seed-d64a251c/roster/reconcile"
)

// ChainLink is a report in its chain.
type ChainLink struct {
	reconcile.ReportLink
	// NamedBy is the file that names the report: the status, or the next report.
	NamedBy string
	// Report is the content of the file, without the changes in its parts; nil if the file does not
	// exist or is not a report.
	Report *reconcile.Report
	// Problem is why the file is not what NamedBy names; empty if it is.
	Problem string
}

// Chain yields the reports of a provisioner, the newest first. files is the audit branch at one
// commit. Chain continues after a link with a problem if it can, but only the links before the
// first problem are proved. It yields fs.ErrNotExist if there is no status.
func Chain(files fs.FS, provisioner string) iter.Seq2[*ChainLink, error] {
	return func(yield func(*ChainLink, error) bool) {
		if err := checkName(provisioner); err != nil {
			yield(nil, err)
			return
		}
		status, err := readStatus(files, provisioner)
		if err == nil && status == nil {
			err = notexist.Errorf("provisioner %q has no reports", provisioner)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		followChain(files, provisioner, ChainLink{ReportLink: status.Report, NamedBy: statusPath(provisioner)}, yield)
	}
}

// Chain yields the reports of a provisioner at the head of the branch; see the function Chain. It
// also returns the files of the branch, for ReadReport.
func (r *Recorder) Chain(
	ctx context.Context, provisioner string,
) (files fs.FS, reports iter.Seq2[*ChainLink, error], err error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, nil, err
	}
	return head.files, Chain(head.files, provisioner), nil
}

func followChain(files fs.FS, provisioner string, at ChainLink, yield func(*ChainLink, error) bool) {
	visited := map[string]bool{}
	for {
		if visited[at.Path] {
			at.Problem = "the chain names it twice"
			yield(&at, nil)
			return
		}
		visited[at.Path] = true
		if err := at.read(files, provisioner); err != nil {
			yield(nil, err)
			return
		}
		here := at
		if !yield(&here, nil) || here.Report == nil || here.Report.Previous == nil {
			return
		}
		at = ChainLink{ReportLink: *here.Report.Previous, NamedBy: here.Path}
	}
}

// read sets Report and Problem. It returns an error only if the file cannot be read.
func (l *ChainLink) read(files fs.FS, provisioner string) error {
	if !isReport(l.Path, provisioner) {
		l.Problem = "it is not the path of a report"
		return nil
	}
	r, data, err := readReport(files, l.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.Problem = "it does not exist"
		return nil
	case malformed(err):
		l.Problem = "it is not a report: " + errors.Unwrap(err).Error()
		return nil
	case err != nil:
		return err
	}
	l.Report = r
	switch have := sum(data); {
	case have != l.SHA256:
		l.Problem = fmt.Sprintf("its SHA-256 is %s, not %s", have, l.SHA256)
	case r.Provisioner != provisioner:
		l.Problem = fmt.Sprintf("it is a report of provisioner %q", r.Provisioner)
	}
	return nil
}

// isReport reports whether a path is one of the reports of a provisioner.
func isReport(name, provisioner string) bool {
	return fs.ValidPath(name) && strings.HasPrefix(name, reportsDir(provisioner)+"/") && path.Ext(name) == ".json"
}

// findRunReport returns the report of a run; nil if it is not there. It follows the chain back to
// base, the newest report when the run loaded the state, or to the start of the run if the
// chain does not have base. The report of a run always follows its base.
func findRunReport(
	files fs.FS, s *reconcile.Status, run string, started time.Time, base reconcile.ReportLink,
) (*reconcile.ReportLink, error) {
	if s == nil || s.Report == base {
		return nil, nil
	}
	for l, err := range Chain(files, s.Provisioner) {
		if err != nil {
			return nil, err
		}
		switch {
		case l.Report == nil: // distrustReason and Verify name the problem
			return nil, nil
		case l.Report.Run == run:
			return &l.ReportLink, nil
		case l.Report.Previous != nil && *l.Report.Previous == base:
			return nil, nil
		case l.Report.Finished.Before(started.Add(-clockTolerance)):
			return nil, nil
		}
	}
	return nil, nil
}

// clockTolerance is how much the clocks of machines that share a branch may differ when
// findRunReport searches the chain.
const clockTolerance = 24 * time.Hour
