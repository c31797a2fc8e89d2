package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

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
	if err := checkVersion(r.Version); err != nil {
		return nil, data, &MalformedError{File: name, Err: err}
	}
	return r, data, nil
}

// ReadReport reads a report with all of its parts. It checks the SHA-256 of the parts. The caller
// must check that of the report itself, which is in the link to it.
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

// maxChanges is the maximum number of changes in one file. Forges refuse files over 100 MB, and a
// first synchronization can have a million changes.
const maxChanges = 5000

// reportPart is a file with some of the changes of a long report.
type reportPart struct {
	Version int              `json:"version"`
	Run     string           `json:"run"`
	Changes []reconcile.Done `json:"changes"`
}

// addParts moves the changes of a long report to files of their own. The report names each with its
// SHA-256.
func addParts(edits map[string][]byte, stem string, r *reconcile.Report) error {
	if len(r.Changes) <= maxChanges {
		return nil
	}
	r.Parts = nil
	for changes := range slices.Chunk(r.Changes, maxChanges) {
		content, err := encode(reportPart{Version: version, Run: r.Run, Changes: changes})
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

func readPart(files fs.FS, l reconcile.ReportLink) (*reportPart, error) {
	if !fs.ValidPath(l.Path) {
		return nil, &MalformedError{File: l.Path, Err: errors.New("it is not the path of a part")}
	}
	data, err := readContent(files, l.Path)
	if err != nil {
		return nil, err
	}
	if have := sum(data); have != l.SHA256 {
		return nil, &MalformedError{File: l.Path, Err: fmt.Errorf("its SHA-256 is %s, not %s", have, l.SHA256)}
	}
	p := &reportPart{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, &MalformedError{File: l.Path, Err: err}
	}
	if err := checkVersion(p.Version); err != nil {
		return nil, &MalformedError{File: l.Path, Err: err}
	}
	return p, nil
}
