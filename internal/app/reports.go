package app

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
)

// StoredReport is a report on the audit branch.
type StoredReport struct {
	Provisioner string
	// Report is without the changes in its parts. If a user or group was asked for, it has their
	// changes only.
	Report *reconcile.Report
	Path   string
	SHA256 string
	// ShownOf is the key of the user or group whose changes the report has; "" for all.
	ShownOf string
	// Unproven is the reason why the report does not match the link to it; "" if it does.
	Unproven string
}

// Reports lists at most limit reports of each provisioner, or all if it is 0. The newest report of
// all is first.
func (e *Evidence) Reports(provisioner string, limit int) ([]StoredReport, error) {
	keys, err := e.Provisioners(provisioner)
	if err != nil {
		return nil, err
	}
	var out []StoredReport
	for _, key := range keys {
		n := 0
		for link, err := range audit.Chain(e.files, key) {
			if err != nil {
				return nil, err
			}
			if link.Problem != "" {
				return nil, brokenChain(key, link)
			}
			if n++; limit > 0 && n > limit {
				break
			}
			out = append(out, StoredReport{Provisioner: key, Report: link.Report, Path: link.Path, SHA256: link.SHA256})
		}
	}
	slices.SortStableFunc(out, func(a, b StoredReport) int { return b.Report.Finished.Compare(a.Report.Finished) })
	return out, nil
}

// Changes yields the changes of a report, part by part.
func (e *Evidence) Changes(r *StoredReport) iter.Seq2[*reconcile.Done, error] {
	return audit.Changes(e.files, r.Report)
}

// FindReport returns the report that the arguments name: a provisioner, if there are several, and
// the end of a run id or of a path, or the key of a user or group. For a key, it returns the newest
// report that names the user or group, with their changes. Without any of them, it returns the
// newest report.
func (e *Evidence) FindReport(ctx context.Context, args []string) (*StoredReport, error) {
	all, err := audit.Provisioners(e.files)
	if err != nil {
		return nil, err
	}
	provisioner, name := "", ""
	if n := len(args); n == 2 || n == 1 && !slices.Contains(all, args[0]) {
		name, args = args[n-1], args[:n-1]
	}
	if len(args) > 0 {
		provisioner = args[0]
	}
	keys, err := e.Provisioners(provisioner)
	if err != nil {
		return nil, err
	}
	if name == "" && len(keys) > 1 {
		return nil, UsageError{fmt.Errorf("name one provisioner: %s", strings.Join(keys, ", "))}
	}
	for _, key := range keys {
		for link, err := range audit.Chain(e.files, key) {
			switch {
			case err != nil:
				return nil, err
			case link.Report == nil:
				return nil, brokenChain(key, link)
			case name != "" && !hasName(link, name):
				continue
			}
			return e.readReport(key, link)
		}
	}
	return e.findReportOf(ctx, name, keys)
}

// findReportOf returns the newest report with a change of a user or group.
func (e *Evidence) findReportOf(ctx context.Context, name string, provisioners []string) (*StoredReport, error) {
	for _, ref := range []string{reconcile.UserRef(name), reconcile.GroupRef(name)} {
		for _, provisioner := range provisioners {
			r, path, err := audit.FindReport(ctx, e.files, provisioner, -1, ref)
			if err != nil {
				return nil, err
			}
			if r != nil {
				return &StoredReport{Provisioner: provisioner, Report: r, Path: path, ShownOf: name}, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no report %q, and none names a user or group with this key; list the reports "+
		"with roster audit log", name)
}

func (e *Evidence) readReport(provisioner string, link *audit.ChainLink) (*StoredReport, error) {
	found := &StoredReport{Provisioner: provisioner, Report: link.Report, Path: link.Path, SHA256: link.SHA256}
	if link.Problem != "" {
		found.Unproven = fmt.Sprintf("%s names it, but %s", link.NamedBy, link.Problem)
	}
	return found, nil
}

// hasName reports whether the run id of a report or its path ends in name.
func hasName(link *audit.ChainLink, name string) bool {
	stem := strings.TrimSuffix(name, ".md")
	return strings.HasSuffix(link.Report.Run, name) || strings.HasSuffix(link.Path, stem) ||
		strings.HasSuffix(strings.TrimSuffix(link.Path, ".json"), stem)
}

func brokenChain(provisioner string, link *audit.ChainLink) error {
	return fmt.Errorf("the chain of reports of %s is broken: %s names %s, but %s; for details run roster audit verify",
		provisioner, link.NamedBy, link.Path, link.Problem)
}
