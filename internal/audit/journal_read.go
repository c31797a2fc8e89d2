package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/seed-d64a251c/roster/reconcile"
)

// CorruptError says that a journal holds damage that no crash explains.
type CorruptError struct {
	File string
	Line int // from 1
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s:%d: the journal is damaged: %v; it was on disk whole once, so this is no trace of a crash: "+
		"keep a copy, find out what happened, and remove the file to go on without it", e.File, e.Line, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// readJournal returns what a journal holds; nil when there is none, or when it
// was cut off in its first line: nothing was published or sent before that was
// on disk. fs.ErrNotExist is not returned.
func readJournal(name string) (*reconcile.Interrupted, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseJournal(name, f)
}

// readIntent returns whose journal it is, without reading on: the entries of a
// large run are megabytes. Nil as with readJournal.
func readIntent(name string) (*reconcile.Intent, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if text, err := bufio.NewReader(f).ReadBytes('\n'); err == nil {
		if rec, err := decodeLine(text); err == nil && rec.Intent != nil {
			return rec.Intent, nil
		}
	}
	cut, err := readJournal(name) // what a damaged first line means, the lines after it tell
	if cut == nil {
		return nil, err
	}
	return &cut.Intent, err
}

// journalReader gathers records and the first damaged line.
type journalReader struct {
	name    string
	line    int
	offset  int64
	out     *reconcile.Interrupted
	damaged *CorruptError
	at      int64 // where the damaged line begins
}

func parseJournal(name string, from io.Reader) (*reconcile.Interrupted, error) {
	r := &journalReader{name: name}
	in := bufio.NewReaderSize(from, 64<<10)
	for {
		text, err := in.ReadBytes('\n')
		if len(text) > 0 {
			if err := r.take(text); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return r.out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
}

// take reads one line. Damage is torn, not corrupt, as long as no later line
// says that the place was on disk before.
func (r *journalReader) take(text []byte) error {
	at := r.offset
	r.line++
	r.offset += int64(len(text))
	rec, err := decodeLine(text)
	if err != nil {
		if r.damaged == nil {
			r.damaged, r.at = &CorruptError{File: r.name, Line: r.line, Err: err}, at
		}
		return nil
	}
	if r.damaged != nil && rec.Synced > r.at {
		return r.damaged
	}
	if rec.Synced > at {
		return &CorruptError{File: r.name, Line: r.line, Err: errors.New("lines before it are missing")}
	}
	switch {
	case rec.Intent != nil && r.out == nil:
		r.out = &reconcile.Interrupted{Intent: *rec.Intent}
	case rec.Entry != nil && r.out != nil && rec.Entry.Run == r.out.Intent.Run:
		r.out.Entries = append(r.out.Entries, *rec.Entry)
	default:
		return &CorruptError{File: r.name, Line: r.line, Err: errors.New("a line that does not belong here")}
	}
	return nil
}

func decodeLine(text []byte) (*record, error) {
	if text[len(text)-1] != '\n' {
		return nil, errors.New("the line is cut off")
	}
	var l line
	if err := decodeStrictly(text, &l); err != nil {
		return nil, err
	}
	if have := checksum(l.Record); have != l.Sum {
		return nil, fmt.Errorf("its checksum is %s, not %s", have, l.Sum)
	}
	var rec record
	if err := json.Unmarshal(l.Record, &rec); err != nil {
		return nil, err
	}
	if (rec.Intent == nil) == (rec.Entry == nil) {
		return nil, errors.New("neither an intent nor an entry")
	}
	return &rec, nil
}
