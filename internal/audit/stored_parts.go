package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// partsDir is the folder with the parts of a report that is not on the branch yet. A run id may not
// be the name of a file, so its hash is.
func (r *Recorder) partsDir(provisioner, run string) string {
	return filepath.Join(r.StateDir, "parts", provisioner, sum([]byte(run))[:16])
}

// storeParts moves the changes of a long report to files of the state directory. The pending report
// then names them, and they become the parts of the report on the branch as they are.
func (r *Recorder) storeParts(p *pendingReport) error {
	if len(p.Report.Parts) > 0 {
		return nil
	}
	dir := r.partsDir(p.Report.Provisioner, p.Report.Run)
	if err := os.RemoveAll(dir); err != nil { // of an attempt that a crash ended
		return err
	}
	parts, index, err := writeParts(dir, p.Report.Changes)
	if err != nil || len(parts) == 0 {
		return err
	}
	if err := errors.Join(atomicfile.SyncDir(dir), atomicfile.SyncDir(filepath.Dir(dir))); err != nil {
		return err
	}
	r.at("parts stored")
	p.changes = p.Report.Changes
	p.Version, p.Report.Version = partsVersion, reportVersion
	p.Report.Parts, p.Report.Index, p.Report.Changes = parts, index, []reconcile.Done{}
	return nil
}

// readStoredPart reads a part of a report in the state directory, and compares it with its SHA-256.
// Unlike that of readPart, its error does not concern the branch.
func readStoredPart(files fs.FS, link reconcile.ReportLink) ([]byte, error) {
	data, err := fs.ReadFile(files, link.Path)
	if err != nil {
		return nil, err
	}
	if have := sum(data); have != link.SHA256 {
		return nil, fmt.Errorf("the SHA-256 of %s is %s, not %s", link.Path, have, link.SHA256)
	}
	return data, nil
}

// checkStoredParts returns why a part of a report in the state directory is not what the report
// names; nil if all are.
func (r *Recorder) checkStoredParts(p *pendingReport) error {
	files := os.DirFS(r.partsDir(p.Report.Provisioner, p.Report.Run))
	for _, link := range partLinks(p.Report) {
		if _, err := readStoredPart(files, link); err != nil {
			return err
		}
	}
	return nil
}

// removeParts removes the parts of a report that is on the branch.
func (r *Recorder) removeParts(p *pendingReport) error {
	if len(p.Report.Parts) == 0 {
		return nil
	}
	if err := os.RemoveAll(r.partsDir(p.Report.Provisioner, p.Report.Run)); err != nil {
		return err
	}
	r.at("parts removed")
	return nil
}

// removeUnusedParts removes the parts that no stored report names: those of a report that a crash
// kept from being stored, or that is on the branch. The journal still has its changes.
func (r *Recorder) removeUnusedParts(provisioner string) error {
	dir := filepath.Dir(r.partsDir(provisioner, ""))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the parts of reports: %w", err)
	}
	pending, err := r.readPending(provisioner)
	if err != nil {
		return err
	}
	queue, err := r.readQueue(provisioner)
	if err != nil {
		return err
	}
	var used []string
	for _, p := range append(slices.Clone(queue.Reports), pending) {
		if p != nil {
			used = append(used, filepath.Base(r.partsDir(provisioner, p.Report.Run)))
		}
	}
	for _, e := range entries {
		if slices.Contains(used, e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove the parts of a report: %w", err)
		}
	}
	return nil
}

// addStoredParts adds the parts of a report in the state directory to edits, beside the file of the
// report, and names them there in the report.
func (r *Recorder) addStoredParts(edits map[string][]byte, stem string, report *reconcile.Report) error {
	dir := os.DirFS(r.partsDir(report.Provisioner, report.Run))
	add := func(link *reconcile.ReportLink) error {
		content, err := readStoredPart(dir, *link)
		if err != nil {
			return fmt.Errorf("read a part of the report of run %s: %w", report.Run, err)
		}
		link.Path = stem + "." + link.Path
		edits[link.Path] = content
		return nil
	}
	report.Parts, report.Index = slices.Clone(report.Parts), slices.Clone(report.Index)
	for i := range report.Parts {
		if err := add(&report.Parts[i].ReportLink); err != nil {
			return err
		}
	}
	for i := range report.Index {
		if err := add(&report.Index[i].ReportLink); err != nil {
			return err
		}
	}
	return nil
}

// readerOf returns a reader of the changes of a stored report: those in memory, or those in its
// parts.
func (r *Recorder) readerOf(p *pendingReport) *changeReader {
	report := *p.Report
	if p.changes != nil {
		report.Changes, report.Parts = p.changes, nil
	}
	return &changeReader{files: os.DirFS(r.partsDir(report.Provisioner, report.Run)), report: &report}
}
