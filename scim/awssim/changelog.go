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
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

// changeLog keeps the directory in a file of JSON lines. The first line identifies the format. The
// other lines hold the tokens and every change, each written before the change is applied.
// Replaying the lines restores the directory. Opening the file compacts it. A nil change log writes
// nothing.
type changeLog struct {
	path string
	file logFile // nil if it could not be opened again
	end  int64   // of the last line that was written completely
	torn bool    // there may be a part of a line after end
}

// logFile is an open file; tests have one on a full disk.
type logFile interface {
	io.WriterAt
	Truncate(size int64) error
	Close() error
}

// changeLogLine is one line of a change log.
type changeLogLine struct {
	Version int            `json:"awssim,omitempty"` // of the format, on the first line only
	Profile Profile        `json:"profile,omitempty"`
	Tenant  string         `json:"tenant,omitempty"`
	Tokens  []tokenRecord  `json:"tokens,omitempty"`
	Changes []changeRecord `json:"changes,omitempty"` // of one call: all of them or none
}

// tokenRecord is a token with its secret. Only the file's owner can read the change log, so the
// secret may be in it.
type tokenRecord struct {
	Token
	Secret string `json:"secret"`
}

// changeRecord is a change.
type changeRecord struct {
	Kind       changeKind      `json:"kind"`
	ID         string          `json:"id"`
	At         time.Time       `json:"at"`
	Created    time.Time       `json:"created,omitzero"`
	Attributes json.RawMessage `json:"attributes,omitempty"`
	Members    []string        `json:"members,omitempty"`
}

const changeLogVersion = 1

func newChangeRecord(c change) changeRecord {
	r := changeRecord{Kind: c.kind, ID: c.id, At: c.at, Created: c.created, Members: c.members}
	if c.kind == changePutUser || c.kind == changePutGroup {
		r.Attributes = appendObject(nil, c.attrs, viewStored)
	}
	return r
}

// change decodes the record.
func (r changeRecord) change(s *Server) (change, error) {
	c := change{kind: r.Kind, id: r.ID, at: r.At, created: r.Created, members: r.Members}
	var err error
	switch r.Kind {
	case changePutUser:
		c.attrs, err = s.decodeStored(s.rules.user, r.Attributes)
	case changePutGroup:
		c.attrs, err = s.decodeStored(s.rules.group, r.Attributes)
	case changeDeleteUser, changeDeleteGroup, changeAddMembers, changeRemoveMembers:
	default:
		err = fmt.Errorf("unknown change %q", r.Kind)
	}
	if r.ID == "" {
		err = cmp.Or(err, fmt.Errorf("a change of kind %s has no id", r.Kind))
	}
	return c, cmp.Or(err, validateTime("at", r.At), validateTime("created", r.Created))
}

// append writes the changes of one call.
func (j *changeLog) append(changes []change) error {
	if j == nil || len(changes) == 0 {
		return nil
	}
	var l changeLogLine
	for _, c := range changes {
		l.Changes = append(l.Changes, newChangeRecord(c))
	}
	return j.write(l)
}

// write appends a line. If it fails, as on a full disk, the file keeps its lines and a later write
// may succeed.
func (j *changeLog) write(l changeLogLine) error {
	b, err := json.Marshal(l)
	if err == nil {
		err = j.repair()
	}
	if err != nil {
		return fmt.Errorf("write change log: %w", err)
	}
	b = append(b, '\n')
	if _, err := j.file.WriteAt(b, j.end); err != nil {
		j.torn = j.file.Truncate(j.end) != nil
		return fmt.Errorf("write change log: %w", err)
	}
	j.end += int64(len(b))
	return nil
}

// repair makes the file ready for a line: it opens the file, if an earlier call could not, and
// removes a part of a line.
func (j *changeLog) repair() error {
	if j.file == nil {
		if err := j.open(); err != nil {
			return err
		}
	}
	if j.torn {
		if err := j.file.Truncate(j.end); err != nil {
			return err
		}
		j.torn = false
	}
	return nil
}

// open opens the file, which ends in a complete line.
func (j *changeLog) open() error {
	f, err := os.OpenFile(j.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	j.file, j.end, j.torn = f, end, false
	return nil
}

// saveTokens writes the tokens to the change log.
func (s *Server) saveTokens() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changeLog == nil {
		return nil
	}
	return s.changeLog.write(changeLogLine{Tokens: s.tokenRecords()})
}

func (s *Server) tokenRecords() []tokenRecord {
	var out []tokenRecord
	for _, t := range s.tokens.all() {
		out = append(out, tokenRecord{t, t.Secret})
	}
	return out
}

// rewrite replaces the file with a compact one that holds d, and opens it for further changes. If
// it fails before the new file is complete, the old file is unchanged.
func (j *changeLog) rewrite(s *Server, d *directory) error {
	if j == nil {
		return nil
	}
	err := atomicfile.Write(j.path, 0o600, func(w io.Writer) error { return writeDirectory(w, s, d) })
	if err != nil {
		return fmt.Errorf("rewrite change log: %w", err)
	}
	if j.file != nil {
		_ = j.file.Close() // the file that was replaced; its content is no longer needed
		j.file = nil
	}
	_ = j.open() // the file has the new directory in any case, so the next write opens it if this fails
	return nil
}

// writeDirectory writes the whole directory as the lines of a new change log.
func writeDirectory(f io.Writer, s *Server, d *directory) error {
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	err := enc.Encode(changeLogLine{
		Version: changeLogVersion, Profile: s.Profile, Tenant: s.Tenant, Tokens: s.tokenRecords(),
	})
	for u := range d.userOrder.after(0) {
		put := change{kind: changePutUser, id: u.id, at: u.modified, created: u.created, attrs: u.attrs}
		err = errors.Join(err, enc.Encode(changeLogLine{Changes: []changeRecord{newChangeRecord(put)}}))
	}
	for g := range d.groupOrder.after(0) {
		put := change{kind: changePutGroup, id: g.id, at: g.modified, created: g.created, attrs: g.attrs}
		l := changeLogLine{Changes: []changeRecord{newChangeRecord(put)}}
		if len(g.members) > 0 {
			add := change{kind: changeAddMembers, id: g.id, at: g.modified, members: memberIDs(g)}
			l.Changes = append(l.Changes, newChangeRecord(add))
		}
		err = errors.Join(err, enc.Encode(l))
	}
	return errors.Join(err, w.Flush())
}

// Open keeps the directory in a file from now on. It restores the directory from the file, or
// creates the file. Call it before the first use of the server: then the tenant and the tokens are
// those of the file, unless the fields set others. Open drops an incomplete last line, which a
// crash leaves behind. Any other damage is an error, and the file stays unchanged. Only one server
// may have the file open: the caller ensures that.
func (s *Server) Open(path string) error {
	lines, err := readChangeLog(path)
	if err != nil {
		return fmt.Errorf("open change log: %w", err)
	}
	if len(lines) > 0 {
		s.Tenant = cmp.Or(s.Tenant, lines[0].Tenant)
	}
	if s.Tokens == nil {
		s.Tokens = lastTokens(lines)
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("open change log %s: %w", path, err)
	}
	s.init()
	d, err := s.replay(lines)
	if err != nil {
		return fmt.Errorf("open change log %s: %w", path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := &changeLog{path: path}
	if err := j.rewrite(s, d); err != nil {
		return err
	}
	if err := j.repair(); err != nil {
		return fmt.Errorf("open change log: %w", err)
	}
	s.dir, s.changeLog = d, j
	return nil
}

// Close closes the file that [Server.Open] opened. Later changes are kept in memory only. Without a
// file it does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changeLog == nil {
		return nil
	}
	j := s.changeLog
	s.changeLog = nil
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// readChangeLog reads the lines of a file. It returns none if the file does not exist.
func readChangeLog(path string) ([]changeLogLine, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []changeLogLine
	for n := 1; len(data) > 0; n++ {
		text, rest, complete := bytes.Cut(data, []byte("\n"))
		if !complete {
			break // the write was interrupted, so its change was not applied
		}
		data = rest
		var l changeLogLine
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if n == 1 && l.Version != changeLogVersion {
			return nil, fmt.Errorf("%s:1: not a change log of version %d", path, changeLogVersion)
		}
		if n > 1 && l.Tokens == nil && l.Changes == nil {
			return nil, fmt.Errorf("%s:%d: the line has neither tokens nor changes", path, n)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// lastTokens returns the tokens that the last line with tokens holds.
func lastTokens(lines []changeLogLine) []Token {
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

// replay applies the changes of the lines to an empty directory.
func (s *Server) replay(lines []changeLogLine) (*directory, error) {
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
