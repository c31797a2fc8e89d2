package explainindex

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// users writes the shards of users, and collects the names and the texts.
func (w *writer) users(d *schema.Declarations) error {
	s := &shardWriter{writer: w, declarations: d, positions: map[uint64]int{}}
	for _, key := range mappingKeys(d) {
		s.mappings = append(s.mappings, d.Mappings[key])
	}
	w.texts = newTextTable()
	s.distribute()
	for shard := range shards {
		records, err := s.records(shard)
		if err != nil {
			return err
		}
		if err := w.putValue(userPart(shard), records); err != nil {
			return err
		}
	}
	return nil
}

// tables writes what users has collected.
func (w *writer) tables(*schema.Declarations) error {
	if err := w.putValue(textsPart, w.texts.list); err != nil {
		return err
	}
	if err := w.putValue(listsPart, w.lists); err != nil {
		return err
	}
	for shard := range shards {
		if err := w.put(namePart(shard), w.names[shard]); err != nil {
			return err
		}
	}
	return nil
}

// shardWriter makes the records of users.
type shardWriter struct {
	writer       *writer
	declarations *schema.Declarations
	mappings     []*schema.Mapping

	// keys are the users of each shard, sorted. members are the declared memberships of these, each
	// after the hash of the user and its own length.
	keys    [shards][]string
	members [shards][]byte

	// The memory for one shard.
	positions map[uint64]int // of users in the shard, by hash
	direct    [][]byte
	made      []userRecord
}

// distribute assigns users and memberships to shards. It visits the members of a group one after
// the other, because these are near one another in memory.
func (s *shardWriter) distribute() {
	d := s.declarations
	for _, key := range slices.Sorted(maps.Keys(d.Users)) {
		shard := shardOf(key)
		s.keys[shard] = append(s.keys[shard], key)
	}
	var room []byte
	for _, key := range slices.Sorted(maps.Keys(d.Groups)) {
		group, members := s.writer.texts.number(key), d.Groups[key].Members
		for m := range members {
			room = s.writer.texts.appendMembership(room[:0], group, &members[m])
			hash := xxhash.Sum64String(members[m].User)
			shard := &s.members[shardOfHash(hash)]
			*shard = binary.BigEndian.AppendUint64(*shard, hash)
			*shard = binary.AppendUvarint(*shard, uint64(len(room)))
			*shard = append(*shard, room...)
		}
	}
}

// records returns the records of a shard. They are valid until the next call.
func (s *shardWriter) records(shard int) ([]userRecord, error) {
	keys := s.keys[shard]
	if len(keys) > maxShardUsers {
		return nil, ErrNotIndexable
	}
	clear(s.positions)
	for len(s.direct) < len(keys) {
		s.direct = append(s.direct, nil)
	}
	for i, key := range keys {
		s.positions[xxhash.Sum64String(key)], s.direct[i] = i, s.direct[i][:0]
	}
	if len(s.positions) != len(keys) { // two users have the same hash
		return nil, ErrNotIndexable
	}
	for rest := s.members[shard]; len(rest) > 0; {
		i, declared := s.positions[binary.BigEndian.Uint64(rest)]
		length, size := binary.Uvarint(rest[8:])
		membership := rest[8+size:][:length]
		if declared {
			s.direct[i] = append(s.direct[i], membership...)
		}
		rest = rest[8+size+int(length):]
	}
	s.members[shard] = nil
	s.made = s.made[:0]
	for i, key := range keys {
		u := s.declarations.Users[key]
		s.made = append(s.made, s.record(u, s.direct[i]))
		s.addNames(u, &s.made[i], newUserNumber(shard, i))
	}
	return s.made, nil
}

func (s *shardWriter) record(u *schema.User, direct []byte) userRecord {
	out := userRecord{Key: u.Key, UserID: u.UserID, FirstName: u.FirstName, LastName: u.LastName, Email: u.Email,
		State: u.State, File: s.writer.texts.number(u.Pos.File), Line: u.Pos.Line, Column: u.Pos.Column,
		ValidFrom: dateText(u.ValidFrom), ValidUntil: dateText(u.ValidUntil),
		Previously: u.Previously, Direct: direct, Mapped: s.mapUser(u)}
	out.AttributeNames, out.Attributes = s.writer.attributes(u.Attributes)
	if u.Dated() {
		inactive := *u
		inactive.State = schema.Inactive
		out.Outside = s.mapUser(&inactive)
	}
	return out
}

// mapUser returns the results of the mappings for a user.
func (s *shardWriter) mapUser(u *schema.User) []mappedRecord {
	out := make([]mappedRecord, len(s.mappings))
	for i, m := range s.mappings {
		mapped, err := m.Map(u, nil)
		out[i].Error = explain.MappingFailure(err)
		out[i].Paths = s.writer.pathsNumber(mapped.Attributes)
		out[i].Values = make([]string, len(mapped.Attributes))
		for v := range mapped.Attributes {
			out[i].Values[v] = mapped.Attributes[v].Value
		}
	}
	return out
}

// pathsNumber returns the number of the list of the paths of attributes.
func (w *writer) pathsNumber(attributes schema.Attributes) int {
	n, found := w.lists.find(len(attributes), func(i int, path string) bool { return attributes[i].Path == path })
	if found {
		return n
	}
	paths := make([]string, len(attributes))
	for i := range attributes {
		paths[i] = attributes[i].Path
	}
	w.lists = append(w.lists, paths)
	return len(w.lists) - 1
}

// attributes returns the number of the list of the names of attributes, and their values.
func (w *writer) attributes(of map[string]any) (int, []any) {
	values := make([]any, len(of))
	n, found := w.lists.find(len(of), func(i int, name string) (present bool) {
		values[i], present = of[name]
		return present
	})
	if found {
		return n, values
	}
	names := slices.Sorted(maps.Keys(of))
	for i, name := range names {
		values[i] = of[name]
	}
	w.lists = append(w.lists, names)
	return len(w.lists) - 1, values
}

// addNames adds all names by which a user may be asked about.
func (s *shardWriter) addNames(u *schema.User, r *userRecord, number userNumber) {
	var room [16]string
	names := append(room[:0], u.Key, u.UserID, u.Email, u.FirstName+" "+u.LastName)
	names = append(names, u.Previously...)
	for _, mapped := range slices.Concat(r.Mapped, r.Outside) {
		if at := slices.Index(s.writer.lists[mapped.Paths], "userName"); at >= 0 {
			names = append(names, mapped.Values[at])
		}
	}
	for i, name := range names {
		if !slices.Contains(names[:i], name) {
			s.writer.names.add(name, number)
		}
	}
}
