package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// A journal is a file of lines, one a record, each with a checksum: the intent
// first, then the entries. What append returned for is on disk.
type journal struct {
	name string
	f    *os.File

	crash crashPoint

	mu   sync.Mutex
	next *batch // what the next write to the file takes

	writing sync.Mutex // over the file and all below
	end     int64      // of the last line that is on disk
	broken  error      // set for good when the file is in an unknown state
}

// batch is the lines that share a write and an fsync.
type batch struct {
	records []record
	ended   bool
	err     error
}

// record is one line's content: an intent or an entry.
type record struct {
	// Synced is how much of the file was on disk before the line was written. A
	// damaged line below it is damage; above, it is the torn end of a crash.
	Synced int64             `json:"synced"`
	Intent *reconcile.Intent `json:"intent,omitempty"`
	Entry  *reconcile.Entry  `json:"entry,omitempty"`
}

// line is how a record is written: with the CRC-32C of its bytes.
type line struct {
	Sum    string          `json:"sum"`
	Record json.RawMessage `json:"record"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(record []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(record, castagnoli)) }

// createJournal makes the file, with the intent as its durable first line.
// fs.ErrExist if there is one.
func createJournal(name string, intent *reconcile.Intent, crash crashPoint) (*journal, error) {
	if err := makeDir(filepath.Dir(name)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	crash.at("journal opened")
	j := &journal{name: name, f: f, next: &batch{}, crash: crash}
	err = j.append(record{Intent: intent})
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return nil, errors.Join(err, j.close(), os.Remove(name))
	}
	return j, nil
}

// append returns when the record is on disk. Callers that come while another
// waits for the disk share the next fsync.
func (j *journal) append(r record) error {
	j.mu.Lock()
	b := j.next
	b.records = append(b.records, r)
	j.mu.Unlock()

	j.writing.Lock()
	defer j.writing.Unlock()
	if !b.ended {
		j.mu.Lock()
		j.next = &batch{}
		j.mu.Unlock()
		b.err, b.ended = j.write(b.records), true
	}
	return b.err
}

// write appends records and syncs. If the disk refuses, the file is cut back to
// where it was, and a later write may succeed; if that fails too, or if the
// fsync fails, nobody knows what is on disk, and the journal takes nothing more.
func (j *journal) write(records []record) error {
	if j.broken != nil {
		return j.broken
	}
	var lines []byte
	for _, r := range records {
		r.Synced = j.end
		l, err := encodeLine(r)
		if err != nil {
			return err
		}
		lines = append(lines, l...)
	}
	if _, err := j.f.WriteAt(lines, j.end); err != nil {
		if cut := j.f.Truncate(j.end); cut != nil {
			j.broken = fmt.Errorf("journal %s is in an unknown state: %w", j.name, errors.Join(err, cut))
		}
		return err
	}
	j.crash.at("journal written")
	if err := j.f.Sync(); err != nil {
		j.broken = fmt.Errorf("journal %s is in an unknown state: %w", j.name, err)
		return j.broken
	}
	j.end += int64(len(lines))
	return nil
}

func encodeLine(r record) ([]byte, error) {
	content, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	out := fmt.Appendf(nil, `{"sum":"%s","record":`, checksum(content))
	return append(append(out, content...), '}', '\n'), nil
}

// close lets go of the file. What it holds stays.
func (j *journal) close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.broken == nil {
		j.broken = fmt.Errorf("journal %s: %w", j.name, os.ErrClosed)
	}
	return j.f.Close()
}
