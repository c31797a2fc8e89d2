package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Link is one report in its chain.
type Link struct {
	reconcile.ReportLink
	// By is the file that names it: the status, or the report after it.
	By string
	// Report is what the file says, without the changes that are in its parts;
	// nil when it is not there or not a report.
	Report *reconcile.Report
	// Broken says why the file is not what By names; empty when it is.
	Broken string
}

// Chain yields a provisioner's reports, the newest first, as each names the one
// before it. It goes on behind a broken link as long as there is one to follow,
// but only what comes before the first broken link is proven. files are the
// audit branch at one commit. fs.ErrNotExist when there is no status.
func Chain(files fs.FS, provisioner string) iter.Seq2[*Link, error] {
	return func(yield func(*Link, error) bool) {
		if err := checkName(provisioner); err != nil {
			yield(nil, err)
			return
		}
		status, err := readStatus(files, provisioner)
		if err == nil && status == nil {
			err = fmt.Errorf("there are no reports of %q: %w", provisioner, fs.ErrNotExist)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		follow(files, provisioner, Link{ReportLink: status.Report, By: statusPath(provisioner)}, yield)
	}
}

func follow(files fs.FS, provisioner string, at Link, yield func(*Link, error) bool) {
	seen := map[string]bool{}
	for {
		if seen[at.Path] {
			at.Broken = "it is named twice"
			yield(&at, nil)
			return
		}
		seen[at.Path] = true
		if err := at.read(files, provisioner); err != nil {
			yield(nil, err)
			return
		}
		here := at
		if !yield(&here, nil) || here.Report == nil || here.Report.Previous == nil {
			return
		}
		at = Link{ReportLink: *here.Report.Previous, By: here.Path}
	}
}

// read fills the link in. It fails only when reading does.
func (l *Link) read(files fs.FS, provisioner string) error {
	if !isReport(l.Path, provisioner) {
		l.Broken = "it is not the path of a report"
		return nil
	}
	r, data, err := readReport(files, l.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.Broken = "it is not there"
		return nil
	case malformed(err):
		l.Broken = "it is not a report: " + errors.Unwrap(err).Error()
		return nil
	case err != nil:
		return err
	}
	l.Report = r
	switch have := sum(data); {
	case have != l.SHA256:
		l.Broken = fmt.Sprintf("its SHA-256 is %s, not %s", have, l.SHA256)
	case r.Provisioner != provisioner:
		l.Broken = fmt.Sprintf("it is a report of %q", r.Provisioner)
	}
	return nil
}

// isReport reports whether a path is where reports of a provisioner are.
func isReport(name, provisioner string) bool {
	return fs.ValidPath(name) && strings.HasPrefix(name, reportsDir(provisioner)+"/") && path.Ext(name) == ".json"
}

// findReport looks for a run's report in the chain, from its head back to when
// the run began; nil when it is not there.
func findReport(files fs.FS, s *reconcile.Status, run string, started time.Time) (*reconcile.ReportLink, error) {
	if s == nil {
		return nil, nil
	}
	for l, err := range Chain(files, s.Provisioner) {
		if err != nil {
			return nil, err
		}
		switch {
		case l.Report == nil: // distrust and Verify say so
			return nil, nil
		case l.Report.Run == run:
			return &l.ReportLink, nil
		case l.Report.Finished.Before(started.Add(-slack)):
			return nil, nil
		}
	}
	return nil, nil
}

// slack is how far the clocks of machines that share a branch may differ when a
// report is looked for.
const slack = 24 * time.Hour

// readReport reads a report of this or an earlier or later version: what is not
// known is left out, for the chain needs only its links.
func readReport(files fs.FS, name string) (*reconcile.Report, []byte, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, nil, err
	}
	r := &reconcile.Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, data, &MalformedError{File: name, Err: err}
	}
	return r, data, nil
}

// ReadReport reads a whole report, with all of its parts. Their sums are
// checked, that of the report itself is the caller's to check: it is in the link
// that led there.
func ReadReport(files fs.FS, name string) (*reconcile.Report, error) {
	r, _, err := readReport(files, name)
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", name, err)
	}
	for _, l := range r.Parts {
		p, err := readPart(files, l)
		if err != nil {
			return nil, fmt.Errorf("read report %s: %s: %w", name, l.Path, err)
		}
		r.Changes = append(r.Changes, p.Changes...)
	}
	r.Parts = nil
	return r, nil
}

// maxChanges is how many changes one file holds: forges refuse files over 100
// MB, and a first synchronisation may make a million changes.
const maxChanges = 5000

// part is a file with some of a report's changes.
type part struct {
	Version int              `json:"version"`
	Run     string           `json:"run"`
	Changes []reconcile.Done `json:"changes"`
}

// addParts moves the changes of a long report to files of their own, which the
// report names like it names the report before it.
func addParts(edits map[string][]byte, stem string, r *reconcile.Report) error {
	if len(r.Changes) <= maxChanges {
		return nil
	}
	r.Parts = nil
	for changes := range slices.Chunk(r.Changes, maxChanges) {
		content, err := encode(part{Version: version, Run: r.Run, Changes: changes})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s.part-%04d.json", stem, len(r.Parts)+1)
		edits[name] = content
		r.Parts = append(r.Parts, reconcile.ReportLink{Path: name, SHA256: sum(content)})
	}
	r.Changes = []reconcile.Done{}
	return nil
}

func readPart(files fs.FS, l reconcile.ReportLink) (*part, error) {
	if !fs.ValidPath(l.Path) {
		return nil, &MalformedError{File: l.Path, Err: errors.New("it is not the path of a part")}
	}
	data, err := fs.ReadFile(files, l.Path)
	if err != nil {
		return nil, err
	}
	if have := sum(data); have != l.SHA256 {
		return nil, &MalformedError{File: l.Path, Err: fmt.Errorf("its SHA-256 is %s, not %s", have, l.SHA256)}
	}
	p := &part{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, &MalformedError{File: l.Path, Err: err}
	}
	return p, nil
}

// Chain yields the reports of a provisioner on the branch as it is now; see the
// function of the same name. ReadReport reads one whole from the files.
func (b *Book) Chain(ctx context.Context, provisioner string) (files fs.FS, reports iter.Seq2[*Link, error], err error) {
	head, err := b.Store.Head(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read the audit branch: %w", err)
	}
	if files, err = b.tree(ctx, head); err != nil {
		return nil, nil, fmt.Errorf("read the audit branch: %w", err)
	}
	return files, Chain(files, provisioner), nil
}
