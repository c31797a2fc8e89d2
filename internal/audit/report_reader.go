package audit

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Changes yields the changes of a report, part by part. Each part is compared with its SHA-256
// before its changes are yielded. The caller must check that of the report itself. A part that is
// not what the report names is a MalformedError, a missing one fs.ErrNotExist; then it yields no
// more.
func Changes(files fs.FS, r *reconcile.Report) iter.Seq2[*reconcile.Done, error] {
	return func(yield func(*reconcile.Done, error) bool) {
		for i := range r.Changes {
			if !yield(&r.Changes[i], nil) {
				return
			}
		}
		for _, part := range r.Parts {
			if !yieldPart(files, part, nil, yield) {
				return
			}
		}
	}
}

// ChangesFrom yields the changes of a report like Changes, without the first skip. It does not read
// the parts that have only these.
func ChangesFrom(files fs.FS, r *reconcile.Report, skip int) iter.Seq2[*reconcile.Done, error] {
	report := *r
	n := min(skip, len(report.Changes))
	report.Changes, skip = report.Changes[n:], skip-n
	for len(report.Parts) > 0 && 0 < report.Parts[0].Changes && report.Parts[0].Changes <= skip {
		skip -= report.Parts[0].Changes
		report.Parts = report.Parts[1:]
	}
	return func(yield func(*reconcile.Done, error) bool) {
		for d, err := range Changes(files, &report) {
			if skip > 0 && err == nil {
				skip--
				continue
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// ChangesOf yields the changes of a report that name a user or group; see reconcile.UserRef. Of a
// report with an index, it reads one file of the index and the parts with such changes.
func ChangesOf(files fs.FS, r *reconcile.Report, ref string) iter.Seq2[*reconcile.Done, error] {
	return func(yield func(*reconcile.Done, error) bool) {
		for i := range r.Changes {
			if d := &r.Changes[i]; names(d, ref) && !yield(d, nil) {
				return
			}
		}
		parts, err := partsOf(files, r, ref)
		if err != nil {
			yield(nil, err)
			return
		}
		_, key := reconcile.ObjectKey(ref)
		mark, err := json.Marshal(key)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, part := range parts {
			more := yieldPart(files, part, mark, func(d *reconcile.Done, err error) bool {
				return (err == nil && !names(d, ref)) || yield(d, err)
			})
			if !more {
				return
			}
		}
	}
}

// partsOf returns the parts of a report that may name a user or group: those in the index, or all
// if the report has none.
func partsOf(files fs.FS, r *reconcile.Report, ref string) ([]reconcile.ReportPart, error) {
	if len(r.Index) == 0 {
		return r.Parts, nil
	}
	i, _ := slices.BinarySearchFunc(r.Index, ref, func(x reconcile.ReportIndex, ref string) int {
		return strings.Compare(x.Last, ref)
	})
	if i == len(r.Index) || ref < r.Index[i].First {
		return nil, nil
	}
	text, release, err := readCompressed(files, r.Index[i].ReportLink, maxIndex+maxPart)
	if err != nil {
		return nil, err
	}
	defer release()
	mark, err := json.Marshal(ref)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, mark) {
			continue
		}
		var found indexLine
		if err := json.Unmarshal(line, &found); err != nil {
			return nil, &MalformedError{File: r.Index[i].Path, Err: err}
		}
		if found.Ref != ref {
			continue
		}
		var out []reconcile.ReportPart
		for _, n := range found.Parts {
			if n < 1 || n > len(r.Parts) {
				return nil, &MalformedError{File: r.Index[i].Path,
					Err: fmt.Errorf("it names part %d of %d", n, len(r.Parts))}
			}
			out = append(out, r.Parts[n-1])
		}
		return out, nil
	}
	return nil, nil
}

// yieldPart yields the changes of a part. With mark, it skips changes whose text does not have it.
// It returns false if the caller wants no more, or after an error.
func yieldPart(
	files fs.FS, part reconcile.ReportPart, mark []byte, yield func(*reconcile.Done, error) bool,
) bool {
	if path.Ext(part.Path) == ".json" {
		return yieldListPart(files, part, mark, yield)
	}
	text, release, err := readCompressed(files, part.ReportLink, maxPart)
	if err != nil {
		return yield(nil, err) && false
	}
	defer release()
	n := 0
	for line := range bytes.Lines(text) {
		if n++; mark != nil && !bytes.Contains(line, mark) {
			continue
		}
		d := &reconcile.Done{}
		if err := d.UnmarshalJSON(line); err != nil {
			return yield(nil, &MalformedError{File: part.Path, Err: fmt.Errorf("line %d: %w", n, err)}) && false
		}
		if !yield(d, nil) {
			return false
		}
	}
	if n != part.Changes {
		return yield(nil, &MalformedError{File: part.Path,
			Err: fmt.Errorf("it has %d changes, but the report says %d", n, part.Changes)}) && false
	}
	return true
}

// listPart is a part of a report of format version 1: a JSON object with 5,000 changes.
type listPart struct {
	Version int              `json:"version"`
	Run     string           `json:"run"`
	Changes []reconcile.Done `json:"changes"`
}

func yieldListPart(
	files fs.FS, part reconcile.ReportPart, mark []byte, yield func(*reconcile.Done, error) bool,
) bool {
	data, err := readPart(files, part.ReportLink)
	if err == nil && mark != nil && !bytes.Contains(data, mark) {
		return true
	}
	p := &listPart{}
	if err == nil {
		if err = json.Unmarshal(data, p); err == nil {
			err = checkVersion(p.Version)
		}
		if err != nil {
			err = &MalformedError{File: part.Path, Err: err}
		}
	}
	if err != nil {
		return yield(nil, err) && false
	}
	for i := range p.Changes {
		if !yield(&p.Changes[i], nil) {
			return false
		}
	}
	return true
}

// decompressor has the memory for one compressed file.
type decompressor struct {
	gzip gzip.Reader
	text bytes.Buffer
}

// decompressors are those of earlier files: an explanation reads about ten parts of a megabyte.
var decompressors = sync.Pool{New: func() any { return new(decompressor) }}

// readCompressed reads and decompresses a file that a report names. The text is valid until release
// is called. A text of more than most bytes is a MalformedError: a small file must not fill the
// memory.
func readCompressed(files fs.FS, l reconcile.ReportLink, most int) (text []byte, release func(), err error) {
	data, err := readPart(files, l)
	if err != nil {
		return nil, nil, err
	}
	d := decompressors.Get().(*decompressor)
	text, err = d.decompress(data, most)
	if err != nil {
		return nil, nil, &MalformedError{File: l.Path, Err: err}
	}
	return text, func() { decompressors.Put(d) }, nil
}

func (d *decompressor) decompress(data []byte, most int) ([]byte, error) {
	if err := d.gzip.Reset(bytes.NewReader(data)); err != nil {
		return nil, err
	}
	d.text.Reset()
	if _, err := d.text.ReadFrom(io.LimitReader(&d.gzip, int64(most)+1)); err != nil {
		return nil, err
	}
	if d.text.Len() > most {
		return nil, fmt.Errorf("it has more than %d bytes of text", most)
	}
	return d.text.Bytes(), nil
}

// readPart reads a file that a report names, and compares it with its SHA-256.
func readPart(files fs.FS, l reconcile.ReportLink) ([]byte, error) {
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
	return data, nil
}

// MarkdownRenderer renders a report with its changes, which it gets one after the other.
type MarkdownRenderer func(r *reconcile.Report, changes iter.Seq[*reconcile.Done]) string

// changeReader reads the changes of a report for a MarkdownRenderer.
type changeReader struct {
	files  fs.FS
	report *reconcile.Report
	// named, if set, gets the parts that name each user and group.
	named *partNames
	err   error // why it stopped early
	ended bool  // all changes were read
}

func (c *changeReader) all(yield func(*reconcile.Done) bool) {
	for i := range c.report.Changes {
		if !yield(&c.report.Changes[i]) {
			return
		}
	}
	for i, part := range c.report.Parts {
		more := yieldPart(c.files, part, nil, func(d *reconcile.Done, err error) bool {
			if c.err = err; err != nil {
				return false
			}
			if c.named != nil {
				c.named.add(d, i+1)
			}
			return yield(d)
		})
		if !more {
			return
		}
	}
	c.ended = true
}

// checkIndex compares the index of a report with what its parts name. A difference is a
// MalformedError.
func checkIndex(files fs.FS, r *reconcile.Report, named *partNames) error {
	if len(r.Index) == 0 && r.Version != reportVersion {
		return nil
	}
	next, stop := iter.Pull2(named.lines)
	defer stop()
	for _, index := range r.Index {
		if err := checkIndexFile(files, index, next); err != nil {
			return err
		}
	}
	if want, _, more := next(); more {
		return &MalformedError{File: r.Parts[0].Path,
			Err: fmt.Errorf("no index names %s, which the parts have", want.ref)}
	}
	return nil
}

// checkIndexFile compares a file of an index with the next lines that it must have.
func checkIndexFile(files fs.FS, index reconcile.ReportIndex, next func() (encodedLine, error, bool)) error {
	text, release, err := readCompressed(files, index.ReportLink, maxIndex+maxPart)
	if err != nil {
		return err
	}
	defer release()
	first, last := "", ""
	for line := range bytes.Lines(text) {
		want, err, ok := next()
		if err != nil {
			return err
		}
		if !ok || !bytes.Equal(line, want.text) {
			return &MalformedError{File: index.Path, Err: fmt.Errorf("it is not the index of the parts: it has %q, "+
				"want %q", bytes.TrimSpace(line), bytes.TrimSpace(want.text))}
		}
		first, last = cmp.Or(first, want.ref), want.ref
	}
	if first != index.First || last != index.Last {
		return &MalformedError{File: index.Path, Err: fmt.Errorf("it has the objects from %q to %q, but the report "+
			"says %q to %q", first, last, index.First, index.Last)}
	}
	return nil
}
