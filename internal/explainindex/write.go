package explainindex

import (
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// format is the version of the format. It is part of the identity of an index.
const format = 1

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

// userRecord is one user of a shard.
type userRecord struct {
	User   schema.User
	Direct []explain.DirectMembership
	// Mapped are the results of the mappings for the user as declared, Outside those outside the
	// validity, by provisioner.
	Mapped, Outside map[string]explain.MappedUser
}

// organizationPart is the name of the part with everything except users and memberships.
const organizationPart = "organization"

func userPart(key string) string  { return fmt.Sprintf("users-%02x", shardOf(key)) }
func namePart(name string) string { return fmt.Sprintf("names-%02x", shardOf(name)) }

func shardOf(text string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return int(h.Sum32() % shards)
}

// fold returns a text that is the same for all texts that strings.EqualFold calls equal.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, text)
}

// Write writes the index of declarations. identity names the declarations and everything else that
// their facts depend on; key authenticates the file. The error is ErrNotIndexable if an index of
// the declarations would not be right.
func Write(w io.Writer, identity string, key []byte, d *schema.Declarations) error {
	for _, m := range d.Mappings {
		if m.ReadsGroups() {
			return ErrNotIndexable
		}
	}
	out := &writer{w: w, contents: contents{Format: format, Identity: identity, Parts: map[string]part{}}}
	if err := out.organization(d); err != nil {
		return err
	}
	if err := out.users(d); err != nil {
		return err
	}
	if err := out.names(d); err != nil {
		return err
	}
	return out.end(key)
}

type writer struct {
	w        io.Writer
	offset   int64
	contents contents

	// The memory for one part: there are hundreds, and a compressor takes a megabyte.
	text, compressed bytes.Buffer
	deflate          *flate.Writer
}

// put writes a part: what encode writes, compressed.
func (w *writer) put(name string, encode func(io.Writer) error) error {
	w.text.Reset()
	w.compressed.Reset()
	if w.deflate == nil {
		w.deflate, _ = flate.NewWriter(&w.compressed, flate.BestSpeed) // the level is valid
	}
	w.deflate.Reset(&w.compressed)
	err := encode(&w.text)
	if err == nil {
		_, err = w.deflate.Write(w.text.Bytes())
	}
	if err := cmp.Or(err, w.deflate.Close()); err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	sum := sha256.Sum256(w.compressed.Bytes())
	w.contents.Parts[name] = part{Offset: w.offset, Length: int64(w.compressed.Len()),
		SHA256: hex.EncodeToString(sum[:])}
	n, err := w.w.Write(w.compressed.Bytes())
	w.offset += int64(n)
	return err
}

// organization writes the declarations without users and memberships.
func (w *writer) organization(d *schema.Declarations) error {
	reduced := &schema.Declarations{Timezone: d.Timezone, AttributeTypes: d.AttributeTypes, Groups: groupsOf(d),
		Mappings: d.Mappings, Apps: d.Apps, Provisioners: d.Provisioners}
	return w.put(organizationPart, reduced.Encode)
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

// users writes the shards of users.
func (w *writer) users(d *schema.Declarations) error {
	groups := slices.Sorted(maps.Keys(d.Groups))
	type place struct{ group, member int32 }
	var members [shards][]place
	for g, key := range groups {
		for m := range d.Groups[key].Members {
			shard := shardOf(d.Groups[key].Members[m].User)
			members[shard] = append(members[shard], place{int32(g), int32(m)})
		}
	}
	var keys [shards][]string
	for _, key := range slices.Sorted(maps.Keys(d.Users)) {
		keys[shardOf(key)] = append(keys[shardOf(key)], key)
	}
	for shard := range shards {
		direct := map[string][]explain.DirectMembership{}
		for _, at := range members[shard] {
			m := &d.Groups[groups[at.group]].Members[at.member]
			direct[m.User] = append(direct[m.User], explain.DirectMembership{Group: groups[at.group], Pos: m.Pos,
				Until: m.Until, Reason: m.Reason})
		}
		records := make(map[string]userRecord, len(keys[shard]))
		for _, key := range keys[shard] {
			u := d.Users[key]
			r := userRecord{User: *u, Direct: direct[key], Mapped: explain.MapUser(d, u, nil)}
			if u.ValidFrom != nil || u.ValidUntil != nil {
				inactive := *u
				inactive.State = schema.Inactive
				r.Outside = explain.MapUser(d, &inactive, nil)
			}
			records[key] = r
		}
		err := w.put(fmt.Sprintf("users-%02x", shard),
			func(z io.Writer) error { return gob.NewEncoder(z).Encode(records) })
		if err != nil {
			return err
		}
	}
	return nil
}

// names writes the shards of names: the keys of the users that have each name.
func (w *writer) names(d *schema.Declarations) error {
	var names [shards]map[string][]string
	for shard := range names {
		names[shard] = map[string][]string{}
	}
	for _, key := range slices.Sorted(maps.Keys(d.Users)) {
		u := d.Users[key]
		for _, name := range append([]string{key, u.UserID, u.Email}, u.Previously...) {
			name = fold(name)
			of := names[shardOf(name)]
			if !slices.Contains(of[name], key) {
				of[name] = append(of[name], key)
			}
		}
	}
	for shard := range shards {
		err := w.put(fmt.Sprintf("names-%02x", shard), func(z io.Writer) error {
			return gob.NewEncoder(z).Encode(names[shard])
		})
		if err != nil {
			return err
		}
	}
	return nil
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
