package audit

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
)

// A long report is a manifest, which is the report without its changes, and files beside it: parts,
// which have the changes as JSON lines, and an index of the users and groups that the parts name.
// Each of them is compressed: Git would store the text as compactly, but a checkout, a push and
// every reader would handle the whole text.
const (
	// maxInline is the largest size of the changes that a report has in its own file.
	maxInline = 256 << 10
	// maxPart is the largest size of a part before compression.
	maxPart = 1 << 20
	// maxIndex is the largest size of a file of an index before compression. An explanation reads
	// one.
	maxIndex = 128 << 10
)

// partsWriter writes the parts and the index of a report to a folder, one at a time.
type partsWriter struct {
	dir     string
	line    []byte       // of the next change
	lines   bytes.Buffer // of the next part
	gzip    *gzip.Writer // for all files, because a new one takes a megabyte
	file    bytes.Buffer // that gzip writes to
	changes int          // in lines
	parts   []reconcile.ReportPart
	named   *partNames
}

// writeParts writes changes to files of a folder, which it creates. The paths in the result are
// relative to the folder. If the changes are few, it writes nothing and returns no parts.
func writeParts(dir string, changes []reconcile.Done) ([]reconcile.ReportPart, []reconcile.ReportIndex, error) {
	w := &partsWriter{dir: dir, named: newPartNames()}
	for i := range changes {
		if err := w.add(&changes[i]); err != nil {
			return nil, nil, err
		}
	}
	if len(w.parts) == 0 && w.lines.Len() <= maxInline {
		return nil, nil, nil
	}
	if err := w.endPart(); err != nil {
		return nil, nil, err
	}
	index, err := w.writeIndex()
	if err != nil {
		return nil, nil, err
	}
	return w.parts, index, nil
}

// add adds a change to the current part, or to the next one if it does not fit.
func (w *partsWriter) add(d *reconcile.Done) error {
	var err error
	if w.line, err = d.AppendJSON(w.line[:0]); err != nil {
		return fmt.Errorf("encode a change: %w", err)
	}
	w.line = append(w.line, '\n')
	line := output.EscapeJSON(w.line)
	if w.lines.Len() > 0 && w.lines.Len()+len(line) > maxPart {
		if err := w.endPart(); err != nil {
			return err
		}
	}
	w.lines.Write(line)
	w.changes++
	w.named.add(d, len(w.parts)+1)
	return nil
}

func (w *partsWriter) endPart() error {
	link, err := w.write(fmt.Sprintf("part-%04d.jsonl.gz", len(w.parts)+1), w.lines.Bytes())
	if err != nil {
		return err
	}
	w.parts = append(w.parts, reconcile.ReportPart{ReportLink: link, Changes: w.changes})
	w.lines.Reset()
	w.changes = 0
	return nil
}

// writeIndex writes the index, sorted by reference.
func (w *partsWriter) writeIndex() ([]reconcile.ReportIndex, error) {
	var out []reconcile.ReportIndex
	var lines bytes.Buffer
	first, last := "", ""
	end := func() error {
		link, err := w.write(fmt.Sprintf("index-%04d.jsonl.gz", len(out)+1), lines.Bytes())
		out = append(out, reconcile.ReportIndex{ReportLink: link, First: first, Last: last})
		lines.Reset()
		return err
	}
	for line, err := range w.named.lines {
		if err != nil {
			return nil, err
		}
		if lines.Len() > 0 && lines.Len()+len(line.text) > maxIndex {
			if err := end(); err != nil {
				return nil, err
			}
		}
		if lines.Len() == 0 {
			first = line.ref
		}
		last = line.ref
		lines.Write(line.text)
	}
	if lines.Len() == 0 {
		return out, nil
	}
	return out, end()
}

// write writes a file of the folder, compressed and synced to disk.
func (w *partsWriter) write(name string, text []byte) (reconcile.ReportLink, error) {
	if len(w.parts) == 0 {
		if err := makeDir(w.dir); err != nil {
			return reconcile.ReportLink{}, err
		}
	}
	content, err := w.compress(text)
	if err != nil {
		return reconcile.ReportLink{}, err
	}
	if err := writeSynced(filepath.Join(w.dir, name), content); err != nil {
		return reconcile.ReportLink{}, fmt.Errorf("store a part of the report: %w", err)
	}
	return reconcile.ReportLink{Path: name, SHA256: sum(content)}, nil
}

// compress returns a text as gzip has it. The result is valid until the next call.
func (w *partsWriter) compress(text []byte) ([]byte, error) {
	w.file.Reset()
	if w.gzip == nil {
		w.gzip = gzip.NewWriter(&w.file)
	} else {
		w.gzip.Reset(&w.file)
	}
	if _, err := w.gzip.Write(text); err != nil {
		return nil, err
	}
	if err := w.gzip.Close(); err != nil {
		return nil, err
	}
	return w.file.Bytes(), nil
}

// writeSynced writes a file that no reader sees yet: the file that names it is written later.
func writeSynced(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
