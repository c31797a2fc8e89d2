package explainindex

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/seed-d64a251c/roster/schema"
)

// Format is the version of the format.
const Format = 2

// shards is the number of parts for users, and for names.
const shards = 256

// ErrNotIndexable is the error for declarations that Write does not support: a mapping reads
// groups, so its result depends on more than the user and the date.
var ErrNotIndexable = errors.New("a mapping reads the groups of users")

// part is where one part of an index is in its file.
type part struct {
	Offset, Length int64
	SHA256         string
}

// contents lists the parts of an index.
type contents struct {
	Format   int
	Identity string
	Parts    map[string]part
}

// organizationPart is the name of the part with everything except users and memberships.
const organizationPart = "organization"

// textsPart is the name of the part with the texts that occur often, and listsPart that of the part
// with the lists of names.
const (
	textsPart = "texts"
	listsPart = "lists"
)

func userPart(shard int) string { return fmt.Sprintf("users-%02x", shard) }
func namePart(shard int) string { return fmt.Sprintf("names-%02x", shard) }

// Write writes the index of declarations. identity names the declarations and everything else that
// their facts depend on; key authenticates the file. The error is ErrNotIndexable if an index of
// the declarations would not be right.
func Write(w io.Writer, identity string, key []byte, d *schema.Declarations) error {
	for _, m := range d.Mappings {
		if m.ReadsGroups() {
			return ErrNotIndexable
		}
	}
	out := &writer{w: w, contents: contents{Format: Format, Identity: identity, Parts: map[string]part{}}}
	for _, step := range []func(*schema.Declarations) error{out.organization, out.users, out.tables} {
		if err := step(d); err != nil {
			return err
		}
	}
	return out.end(key)
}

// writer writes the parts of an index.
type writer struct {
	w        io.Writer
	offset   int64
	contents contents
	texts    *textTable
	lists    nameLists
	names    nameShards
	part     bytes.Buffer // the memory for one part: there are hundreds
}

// put writes a part.
func (w *writer) put(name string, data []byte) error {
	sum := sha256.Sum256(data)
	w.contents.Parts[name] = part{Offset: w.offset, Length: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	n, err := w.w.Write(data)
	w.offset += int64(n)
	return err
}

// putValue writes a part with one value.
func (w *writer) putValue(name string, value any) error {
	w.part.Reset()
	if err := encode(&w.part, value); err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return w.put(name, w.part.Bytes())
}

// organization writes the declarations without users and memberships.
func (w *writer) organization(d *schema.Declarations) error {
	reduced := &schema.Declarations{Timezone: d.Timezone, AttributeTypes: d.AttributeTypes, Groups: groupsOf(d),
		Mappings: d.Mappings, Apps: d.Apps, Provisioners: d.Provisioners}
	w.part.Reset()
	if err := reduced.Encode(&w.part); err != nil {
		return fmt.Errorf("encode %s: %w", organizationPart, err)
	}
	return w.put(organizationPart, w.part.Bytes())
}

// groupsOf returns the groups without their members.
func groupsOf(d *schema.Declarations) map[string]*schema.Group {
	out := make(map[string]*schema.Group, len(d.Groups))
	for key, g := range d.Groups {
		bare := *g
		bare.Members = nil
		out[key] = &bare
	}
	return out
}

// end writes the list of the parts, its MAC and its length.
func (w *writer) end(key []byte) error {
	list, err := json.Marshal(w.contents)
	if err != nil {
		return err
	}
	trailer := binary.BigEndian.AppendUint64(macOf(key, list), uint64(len(list)))
	_, err = w.w.Write(append(list, trailer...))
	return err
}

func macOf(key, list []byte) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write(list)
	return mac.Sum(nil)
}
