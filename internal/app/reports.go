package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
)

// StoredReport is a report on the audit branch.
type StoredReport struct {
	Provisioner string
	Report      *reconcile.Report
	Path        string
	SHA256      string
	// Unproven is the reason why the report does not match the link to it; "" if it does.
	Unproven string
}

// Reports lists the newest reports of each provisioner, the newest first. limit 0 means all.
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
	return out, nil
}

// FindReport returns the report that the arguments name: a provisioner, if there are several, and
// the end of a run id or of a path. Without the latter, it returns the newest report.
func (e *Evidence) FindReport(args []string) (*StoredReport, error) {
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
	return nil, fmt.Errorf("there is no report %q; list the reports with roster audit log", name)
}

func (e *Evidence) readReport(provisioner string, link *audit.ChainLink) (*StoredReport, error) {
	r, err := audit.ReadReport(e.files, link.Path)
	if err != nil {
		return nil, err
	}
	found := &StoredReport{Provisioner: provisioner, Report: r, Path: link.Path, SHA256: link.SHA256}
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
