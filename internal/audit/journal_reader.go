package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// CorruptError is damage in a journal that a crash does not explain.
type CorruptError struct {
	File string
	Line int // from 1
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf(
		"%s:%d: the journal is damaged: %v; a crash cannot be the cause; it may have writes that are in no report, so "+
			"provisioner %q is stopped: run `roster audit recover %s` with the same --state-dir, which shows what "+
			"can be read and sets the file aside", e.File, e.Line, e.Err, e.provisioner(), e.provisioner())
}

func (e *CorruptError) provisioner() string {
	return strings.TrimSuffix(filepath.Base(e.File), ".jsonl")
}

func (e *CorruptError) Unwrap() error { return e.Err }

// readJournal returns the content of a journal; nil if it does not exist, or if it is what a crash
// leaves before its first line is on disk. Until then a run sends and publishes nothing.
func readJournal(name string) (*reconcile.Interrupted, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if atomicfile.Unreadable(err) {
		return nil, &CorruptError{File: name, Line: 1, Err: err}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseJournal(name, f)
}

// readIntent returns the intent of a journal, like readJournal. It does not read the entries, which
// are megabytes after a large run.
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
		if record, err := decodeLine(text); err == nil && record.Intent != nil {
			return record.Intent, nil
		}
	}
	run, err := readJournal(name) // the later lines show what a damaged first line means
	if run == nil {
		return nil, err
	}
	return &run.Intent, err
}

// journalReader collects the records of a journal, and its first damaged line.
type journalReader struct {
	name      string
	line      int
	offset    int64
	out       *reconcile.Interrupted
	writes    writes
	damaged   *CorruptError
	damagedAt int64 // where the damaged line begins
}

func parseJournal(name string, from io.Reader) (*reconcile.Interrupted, error) {
	r := &journalReader{name: name}
	in := bufio.NewReaderSize(from, 64<<10)
	for {
		text, err := in.ReadBytes('\n')
		if len(text) > 0 {
			if err := r.readLine(text); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			if r.out == nil && r.damaged != nil && !(r.line == 1 && unfinished(text)) {
				return nil, r.damaged
			}
			if r.out != nil {
				r.out.Entries = r.writes.entries
			}
			return r.out, nil
		}
		if atomicfile.Unreadable(err) {
			return nil, &CorruptError{File: name, Line: r.line + 1, Err: err}
		}
		if err != nil {
			return nil, fmt.Errorf("read journal %s: %w", name, err)
		}
	}
}

// readLine reads one line. A damaged line is an error only if a later line shows that it was on
// disk.
func (r *journalReader) readLine(text []byte) error {
	at := r.offset
	r.line++
	r.offset += int64(len(text))
	record, err := decodeLine(text)
	if other := (*versionError)(nil); errors.As(err, &other) && other.newer() {
		return fmt.Errorf("read journal %s: %w", r.name, err)
	}
	if err != nil {
		if r.damaged == nil {
			r.damaged, r.damagedAt = &CorruptError{File: r.name, Line: r.line, Err: err}, at
		}
		return nil
	}
	if r.damaged != nil && record.SyncedBytes > r.damagedAt {
		return r.damaged
	}
	if record.SyncedBytes > at {
		return &CorruptError{File: r.name, Line: r.line, Err: errors.New("lines before it are missing")}
	}
	run, _ := record.run()
	switch {
	case record.Intent != nil && r.out == nil:
		r.out = &reconcile.Interrupted{Intent: *record.Intent}
	case record.Intent == nil && r.out != nil && run == r.out.Intent.Run:
		err = r.writes.add(record)
	default:
		err = errors.New("the line does not belong to this run")
	}
	if err != nil {
		return &CorruptError{File: r.name, Line: r.line, Err: err}
	}
	return nil
}

// unfinished reports whether a crash explains the only line of a journal: it is a part of a first
// line, or zeros that the file system left.
func unfinished(line []byte) bool {
	line = bytes.TrimRight(line, "\x00")
	begin := []byte(lineBegin)
	return bytes.HasPrefix(line, begin) && !bytes.ContainsRune(line, '\n') || bytes.HasPrefix(begin, line)
}

func decodeLine(text []byte) (*journalRecord, error) {
	if text[len(text)-1] != '\n' {
		return nil, errors.New("the line is cut off")
	}
	var l journalLine
	if err := decode(text, &l); err != nil {
		return nil, err
	}
	if have := checksum(l.Record); have != l.CRC32C {
		return nil, fmt.Errorf("its checksum is %s, not %s", have, l.CRC32C)
	}
	var record journalRecord
	if err := json.Unmarshal(l.Record, &record); err != nil {
		return nil, err
	}
	if _, ok := record.run(); !ok {
		return nil, errNotARecord
	}
	return &record, nil
}
