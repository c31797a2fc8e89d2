package audit

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// reportVersion is the format version of a report with parts and an index. All other reports have
// version 1, so that an earlier roster reads them.
const reportVersion = 2

// readReport reads a report without the changes in its parts.
func readReport(files fs.FS, name string) (*reconcile.Report, []byte, error) {
	data, err := readContent(files, name)
	if err != nil {
		return nil, nil, err
	}
	r := &reconcile.Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, data, &MalformedError{File: name, Err: err}
	}
	if err := checkVersionUpTo(r.Version, reportVersion); err != nil {
		return nil, data, &MalformedError{File: name, Err: err}
	}
	return r, data, nil
}

// ReadReport reads a report with all of its parts. It checks the SHA-256 of the parts. The caller
// must check that of the report itself, which is in the link to it. A report of a first
// synchronization has a million changes: ReadManifest and Changes read it part by part.
func ReadReport(files fs.FS, name string) (*reconcile.Report, error) {
	r, err := ReadManifest(files, name)
	if err != nil || len(r.Parts) == 0 {
		return r, err
	}
	var changes []reconcile.Done
	for d, err := range Changes(files, r) {
		if err != nil {
			return nil, fmt.Errorf("read report %s: %w", name, err)
		}
		changes = append(changes, *d)
	}
	r.Changes, r.Parts, r.Index = changes, nil, nil
	return r, nil
}

// ReadManifest reads a report without the changes in its parts.
func ReadManifest(files fs.FS, name string) (*reconcile.Report, error) {
	r, _, err := readReport(files, name)
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", name, err)
	}
	return r, nil
}

// ReadLinked reads the report that a link names, without the changes in its parts. The error is a
// MalformedError if the file is not what the link names.
func ReadLinked(files fs.FS, link reconcile.ReportLink) (*reconcile.Report, error) {
	r, data, err := readReport(files, link.Path)
	if err != nil {
		return nil, err
	}
	if have := sum(data); have != link.SHA256 {
		return nil, &MalformedError{File: link.Path, Err: fmt.Errorf("its SHA-256 is %s, not %s", have, link.SHA256)}
	}
	return r, nil
}
