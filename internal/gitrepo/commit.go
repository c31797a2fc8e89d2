package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// A Person is an author or committer.
type Person struct {
	Name, Email string
}

// A Stamp is the author or committer of a commit, with the time.
type Stamp struct {
	Person
	When time.Time
}

// A Commit is a commit: a tree, its parents and its metadata.
type Commit struct {
	Hash      Hash
	Tree      Hash
	Parents   []Hash
	Author    Stamp
	Committer Stamp
	Message   string
	Signature string // armored OpenPGP or SSH signature; "" if the commit is not signed

	payload []byte // the signed bytes
}

// Commit reads a commit.
func (r *Repo) Commit(h Hash) (Commit, error) {
	data, err := r.objects.Read(h, gitobject.Commit)
	if err != nil {
		return Commit{}, fmt.Errorf("read commit %s: %w", h.Short(), err)
	}
	c, err := parseCommit(h, data)
	if err != nil {
		return Commit{}, fmt.Errorf("read commit %s: %w", h.Short(), err)
	}
	return c, nil
}

// parseCommit reads a commit object: header lines, an empty line, and the message. A header line
// that starts with a space continues the line before it. The signed payload is the object without
// its gpgsig header, byte for byte.
func parseCommit(h Hash, data []byte) (Commit, error) {
	c := Commit{Hash: h}
	var signature strings.Builder
	rest := data
	for inSignature := false; ; {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return Commit{}, errors.New("malformed commit: the header does not end")
		}
		rest = after
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' && inSignature {
			signature.Write(line[1:])
			signature.WriteByte('\n')
			continue
		}
		key, value, _ := strings.Cut(string(line), " ")
		if inSignature = key == "gpgsig"; inSignature {
			signature.WriteString(value + "\n")
			continue
		}
		if key == "gpgsig-sha256" { // signs the commit's SHA-256 form; this payload does not include it
			rest = skipContinuation(rest)
			continue
		}
		c.payload = append(append(c.payload, line...), '\n')
		if line[0] == ' ' {
			continue
		}
		if err := c.header(key, value); err != nil {
			return Commit{}, err
		}
	}
	c.payload = append(append(c.payload, '\n'), rest...)
	c.Message = strings.ToValidUTF8(string(rest), "\uFFFD")
	c.Signature = signature.String()
	if c.Tree.IsZero() {
		return Commit{}, errors.New("malformed commit: no tree")
	}
	return c, nil
}

// skipContinuation drops the lines that continue a header line.
func skipContinuation(rest []byte) []byte {
	for len(rest) > 0 && rest[0] == ' ' {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	return rest
}

// header parses one header line. A second tree is an error: programs that use different ones would
// see different commits.
func (c *Commit) header(key, value string) (err error) {
	switch key {
	case "tree":
		if !c.Tree.IsZero() {
			return errors.New("malformed commit: two trees")
		}
		c.Tree, err = ParseHash(value)
	case "parent":
		var p Hash
		p, err = ParseHash(value)
		c.Parents = append(c.Parents, p)
	case "author":
		if c.Author == (Stamp{}) { // the first one counts, as in Git
			c.Author = parseStamp(value)
		}
	case "committer":
		if c.Committer == (Stamp{}) {
			c.Committer = parseStamp(value)
		}
	}
	return err
}

// parseStamp reads "Name <email> seconds zone". It accepts malformed lines, because old histories
// contain them.
func parseStamp(s string) Stamp {
	var st Stamp
	open, end := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		st.Name = strings.TrimSpace(s)
		return st
	}
	st.Name = strings.ToValidUTF8(strings.TrimSpace(s[:open]), "\uFFFD")
	st.Email = strings.ToValidUTF8(s[open+1:end], "\uFFFD")
	fields := strings.Fields(s[end+1:])
	if len(fields) == 0 {
		return st
	}
	seconds, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return st
	}
	st.When = time.Unix(seconds, 0).UTC()
	if len(fields) > 1 {
		if zone, err := time.Parse("-0700", fields[1]); err == nil {
			st.When = st.When.In(zone.Location())
		}
	}
	return st
}

// CommitMeta is the metadata of a new commit.
type CommitMeta struct {
	Message string
	Author  Person    // also the committer
	When    time.Time // the date of author and committer, in seconds
	// Sign returns an armored OpenPGP or SSH signature of the payload. If Sign is nil, the commit
	// is not signed. See SSHSigner.
	Sign func(payload []byte) ([]byte, error)
}

// encodeCommit returns a commit object, signed if meta has Sign.
func encodeCommit(tree Hash, parents []Hash, meta CommitMeta) ([]byte, error) {
	if meta.Author.Name == "" || meta.Author.Email == "" {
		return nil, errors.New("a commit needs the name and the email address of an author")
	}
	if meta.When.IsZero() {
		return nil, errors.New("a commit needs a date")
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&head, "parent %s\n", p)
	}
	stamp := fmt.Sprintf("%s <%s> %d %s",
		ident(meta.Author.Name), ident(meta.Author.Email), meta.When.Unix(), meta.When.Format("-0700"))
	fmt.Fprintf(&head, "author %s\ncommitter %s\n", stamp, stamp)
	message := "\n" + strings.TrimRight(strings.ReplaceAll(meta.Message, "\x00", ""), "\n") + "\n"
	if meta.Sign == nil {
		return append(head.Bytes(), message...), nil
	}
	signature, err := meta.Sign(append(bytes.Clone(head.Bytes()), message...))
	if err != nil {
		return nil, fmt.Errorf("sign commit: %w", err)
	}
	armor := strings.TrimRight(string(signature), "\n")
	if armor == "" {
		return nil, errors.New("sign commit: the signature is empty")
	}
	fmt.Fprintf(&head, "gpgsig %s\n", strings.ReplaceAll(armor, "\n", "\n "))
	return append(head.Bytes(), message...), nil
}

// ident removes the characters that would end a name or an address in a commit header.
func ident(s string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == '<' || c == '>' || c < ' ' {
			return -1
		}
		return c
	}, s))
}
