package awssim

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// journal keeps the directory in a file of JSON lines: a first line that says what it is, then the tokens and every change,
// each before it is made. Reading the lines again makes the directory again. The file is made compact when it is opened.
// A nil journal keeps nothing.
type journal struct {
	path string
	file *os.File
	err  error // a line that could not be written whole; nothing is written after it
}

// line is one line of a journal.
type line struct {
	Version int           `json:"awssim,omitempty"` // of the first line: 1
	Profile Profile       `json:"profile,omitempty"`
	Tenant  string        `json:"tenant,omitempty"`
	Tokens  []tokenRecord `json:"tokens,omitempty"`
	Changes []record      `json:"changes,omitempty"` // of one call: all or none
}

// tokenRecord is a token with its secret. It may stand in the journal, which its owner alone can read.
type tokenRecord struct {
	Token
	Secret string `json:"secret"`
}

// record is a change.
type record struct {
	Do         changeKind      `json:"do"`
	ID         string          `json:"id"`
	At         time.Time       `json:"at"`
	Created    time.Time       `json:"created,omitzero"`
	Attributes json.RawMessage `json:"attributes,omitempty"`
	Members    []string        `json:"members,omitempty"`
}

const journalVersion = 1

func newRecord(c change) record {
	r := record{Do: c.kind, ID: c.id, At: c.at, Created: c.created, Members: c.members}
	if c.kind == changePutUser || c.kind == changePutGroup {
		r.Attributes = appendObject(nil, c.attrs, viewFull)
	}
	return r
}

// change reads a record.
func (r record) change(s *Server) (change, error) {
	c := change{kind: r.Do, id: r.ID, at: r.At, created: r.Created, members: r.Members}
	var err error
	switch r.Do {
	case changePutUser:
		c.attrs, err = s.readObject(s.rules.user, r.Attributes)
	case changePutGroup:
		c.attrs, err = s.readObject(s.rules.group, r.Attributes)
	case changeDeleteUser, changeDeleteGroup, changeAdd, changeRemove:
	default:
		err = fmt.Errorf("there is no change %q", r.Do)
	}
	return c, err
}

// append writes the changes of one call.
func (j *journal) append(changes []change) error {
	if j == nil || len(changes) == 0 {
		return nil
	}
	var l line
	for _, c := range changes {
		l.Changes = append(l.Changes, newRecord(c))
	}
	return j.write(l)
}

func (j *journal) write(l line) error {
	if j.err != nil {
		return j.err
	}
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if _, err := j.file.Write(append(b, '\n')); err != nil {
		j.err = fmt.Errorf("write journal: %w", err)
	}
	return j.err
}

// save writes the tokens.
func (s *Server) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal == nil {
		return nil
	}
	return s.journal.write(line{Tokens: s.tokenRecords()})
}

func (s *Server) tokenRecords() []tokenRecord {
	var out []tokenRecord
	for _, t := range s.tokens.all() {
		out = append(out, tokenRecord{t, t.Secret})
	}
	return out
}

// rewrite replaces the file by a compact one that holds d. The old file is there until the new one is whole.
func (j *journal) rewrite(s *Server, d *directory) error {
	if j == nil {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".*")
	if err != nil {
		return fmt.Errorf("rewrite journal: %w", err)
	}
	err = writeAll(f, s, d)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		return fmt.Errorf("rewrite journal: %w", errors.Join(err, f.Close(), os.Remove(f.Name())))
	}
	old := j.file
	j.file, j.err = f, nil
	if old != nil {
		_ = old.Close() // replaced: nothing in it counts any more
	}
	return nil
}

// writeAll writes the whole directory as the lines of a new journal.
func writeAll(f io.Writer, s *Server, d *directory) error {
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	err := enc.Encode(line{Version: journalVersion, Profile: s.Profile, Tenant: s.Tenant, Tokens: s.tokenRecords()})
	for u := range d.userOrder.after(0) {
		c := change{kind: changePutUser, id: u.id, at: u.modified, created: u.created, attrs: u.attrs}
		err = errors.Join(err, enc.Encode(line{Changes: []record{newRecord(c)}}))
	}
	for g := range d.groupSort.after(0) {
		put := change{kind: changePutGroup, id: g.id, at: g.modified, created: g.created, attrs: g.attrs}
		l := line{Changes: []record{newRecord(put)}}
		if len(g.members) > 0 {
			l.Changes = append(l.Changes, newRecord(change{kind: changeAdd, id: g.id, at: g.modified, members: memberIDs(g)}))
		}
		err = errors.Join(err, enc.Encode(l))
	}
	return errors.Join(err, w.Flush())
}

// Open keeps the directory in a file from now on: what the file holds is taken up, or the file is made. Call it before the
// first use of the server, so that the tenant and tokens of last time stay, unless the fields say others. A last line that
// was cut off by a crash is dropped; any other damage is an error, and the file stays as it is.
func (s *Server) Open(path string) error {
	lines, err := readJournal(path)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if len(lines) > 0 {
		s.Tenant = cmp.Or(s.Tenant, lines[0].Tenant)
	}
	if s.Tokens == nil {
		s.Tokens = lastTokens(lines)
	}
	s.init()
	d, err := s.replay(lines)
	if err != nil {
		return fmt.Errorf("open journal %s: %w", path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := &journal{path: path}
	if err := j.rewrite(s, d); err != nil {
		return err
	}
	s.dir, s.journal = d, j
	return nil
}

// Close ends the keeping of the directory in a file. Without a file it does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal == nil {
		return nil
	}
	j := s.journal
	s.journal = nil
	return errors.Join(j.err, j.file.Close())
}

// readJournal reads the lines of a file; there are none if there is no file.
func readJournal(path string) ([]line, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []line
	for n := 1; len(data) > 0; n++ {
		text, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			break // cut off while it was written, and so never acted on
		}
		data = rest
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if n == 1 && l.Version != journalVersion {
			return nil, fmt.Errorf("%s:1: this is no journal of version %d", path, journalVersion)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// lastTokens are the tokens as they stood at the end.
func lastTokens(lines []line) []Token {
	var out []Token
	for _, l := range lines {
		if l.Tokens == nil {
			continue
		}
		out = nil
		for _, t := range l.Tokens {
			t.Token.Secret = t.Secret
			out = append(out, t.Token)
		}
	}
	return out
}

// replay makes the directory that the lines tell of.
func (s *Server) replay(lines []line) (*directory, error) {
	d := newDirectory(s.rules)
	for n, l := range lines {
		for _, r := range l.Changes {
			c, err := r.change(s)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			d.apply(c)
		}
	}
	return d, nil
}
