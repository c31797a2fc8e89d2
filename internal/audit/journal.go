package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// A journal is a file of lines, each a record with a checksum: first the intent, then the entries.
// When append returns, its record is on disk. When appendUnsynced returns, it is in the file: a
// crash of the machine may lose it, a crash of the process does not.
type journal struct {
	name string
	f    *os.File

	crash crashPoint

	mu   sync.Mutex
	next *batch // the records of the next write

	writing sync.Mutex // guards the file and the fields below
	end     int64      // of the last line
	synced  int64      // end of the last line that is on disk
	broken  error      // permanent: the state of the file is unknown
	lines   bytes.Buffer
}

// batch is the records that share a write, and an fsync if one of them needs it.
type batch struct {
	records []journalRecord
	sync    bool
	ended   bool
	err     error
}

// journalRecord is the content of a line: an intent, an entry or the end of a write.
type journalRecord struct {
	// SyncedBytes is the length of the file on disk before the line was written. A damaged line
	// before it is corruption; a damaged line after it was cut off by a crash.
	SyncedBytes int64             `json:"syncedBytes"`
	Intent      *reconcile.Intent `json:"intent,omitempty"`
	Entry       *reconcile.Entry  `json:"entry,omitempty"`
	End         *writeEnd         `json:"end,omitempty"`
}

// journalLine is a record as it is written, with the CRC-32C of its bytes.
type journalLine struct {
	Version int             `json:"version"`
	CRC32C  string          `json:"crc32c"`
	Record  json.RawMessage `json:"record"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(record []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(record, castagnoli)) }

// createJournal creates the file with the intent. It returns fs.ErrExist if the file exists.
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
	err = j.append(journalRecord{Intent: intent})
	if err == nil {
		err = atomicfile.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return nil, errors.Join(err, j.close(), os.Remove(name))
	}
	return j, nil
}

// append returns when the records are on disk. They and those of concurrent calls share an fsync.
func (j *journal) append(records ...journalRecord) error { return j.add(true, records...) }

// appendUnsynced returns when the record is in the file. The next append brings it to disk.
func (j *journal) appendUnsynced(r journalRecord) error { return j.add(false, r) }

func (j *journal) add(sync bool, records ...journalRecord) error {
	j.mu.Lock()
	b := j.next
	b.records = append(b.records, records...)
	b.sync = b.sync || sync
	j.mu.Unlock()

	j.writing.Lock()
	defer j.writing.Unlock()
	if !b.ended {
		j.mu.Lock()
		j.next = &batch{}
		j.mu.Unlock()
		b.err, b.ended = j.write(b.records, b.sync), true
	}
	return b.err
}

// write appends records, and syncs if sync is set. If the write fails, it truncates the file to
// its previous length, and a later write may succeed. If that fails too, or the fsync fails, the
// state of the file is unknown and all later writes fail.
func (j *journal) write(records []journalRecord, sync bool) error {
	if j.broken != nil {
		return j.broken
	}
	j.lines.Reset()
	for i := range records {
		records[i].SyncedBytes = j.synced
		if err := appendLine(&j.lines, &records[i]); err != nil {
			return err
		}
	}
	lines := j.lines.Bytes()
	if _, err := j.f.WriteAt(lines, j.end); err != nil {
		if truncated := j.f.Truncate(j.end); truncated != nil {
			j.broken = fmt.Errorf("the state of journal %s is unknown: %w", j.name, errors.Join(err, truncated))
		}
		return err
	}
	j.end += int64(len(lines))
	j.crash.at("journal written")
	if !sync {
		return nil
	}
	if err := j.f.Sync(); err != nil {
		j.broken = fmt.Errorf("the state of journal %s is unknown: %w", j.name, err)
		return j.broken
	}
	j.synced = j.end
	return nil
}

// lineBegin is how each line begins.
const lineBegin = `{"version"`

// appendLine appends the line of a record.
func appendLine(lines *bytes.Buffer, r *journalRecord) error {
	begin := lines.Len()
	fmt.Fprintf(lines, lineBegin+`:%d,"crc32c":"`, version)
	at := lines.Len()
	lines.WriteString(`00000000","record":`)
	record := lines.Len()
	encoded, err := r.appendJSON(lines.AvailableBuffer())
	if err != nil {
		lines.Truncate(begin)
		return err
	}
	lines.Write(encoded)
	copy(lines.Bytes()[at:], checksum(lines.Bytes()[record:]))
	lines.WriteString("}\n")
	return nil
}

// close closes the file and keeps its content.
func (j *journal) close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.broken == nil {
		j.broken = fmt.Errorf("journal %s: %w", j.name, os.ErrClosed)
	}
	return j.f.Close()
}
