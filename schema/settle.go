package schema

import (
	"io/fs"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Most people and groups are data, each written in one place, and right. Those are settled file by file, without a look at the rest, and what came of a file
// is kept for as long as the file stays as it is. All others are open: they go the way of everything else, through CUE where it must be.

// unit is a file on its way.
type unit struct {
	src     *source
	hash    string // of its content; "" if that is not known
	isCUE   bool
	mixed   bool     // a CUE file that holds more than people and groups that are data
	records []record // of a CUE file that was read
	blob    *blob    // what it settles to; nil until that is known
}

// settled holds the declarations that need no further look.
type settled struct {
	users  map[string]*User
	groups map[string]*Group
	open   map[recordKey]bool // declarations that do
	joined map[*Group]joined

	roll  *roll  // users, if there are no others; nil if there are
	delta *delta // what became of everybody since the last Load; nil if that is not known
}

// joined is a group whose members stand in several places.
type joined struct {
	parts []*Group
	whole *Group
}

// readAll reads the files: what is right by itself is settled, the rest goes into literals and dynamic.
func (l *loader) readAll(t *tree) error {
	var units []*unit
	for _, name := range t.cue {
		u := l.unit(name)
		u.isCUE = true
		if u.blob == nil {
			if err := l.readConfiguration(u); err != nil {
				return err
			}
		}
		units = append(units, u)
	}
	for _, name := range t.data {
		units = append(units, l.unit(name))
	}
	l.declareTypes()
	if terms := l.terms(); terms != nil {
		if err := l.settle(units, terms); err != nil {
			return err
		}
		l.combine(units)
		l.cache.keep(units, t.sizes, terms, l.settled.joined)
	}
	for _, u := range units {
		if err := l.open(u); err != nil {
			return err
		}
	}
	return nil
}

// hashed is a file system that knows its files by their content, as a commit's does.
type hashed interface {
	Hash(name string) (string, error)
}

// unit begins a file, with what is known of it from an earlier Load.
func (l *loader) unit(name string) *unit {
	u := &unit{src: &source{name}, hash: hashOf(l.fsys, name)}
	if u.hash != "" {
		u.blob = l.cache.find(name, u.hash)
	}
	return u
}

// hashOf returns the hash of a file, or "" if fsys does not know it.
func hashOf(fsys fs.FS, name string) string {
	if h, ok := fsys.(hashed); ok {
		if hash, err := h.Hash(name); err == nil {
			return hash
		}
	}
	return ""
}

// readConfiguration reads a CUE file.
func (l *loader) readConfiguration(u *unit) error {
	text, err := fs.ReadFile(l.fsys, u.src.path)
	if err != nil {
		return err
	}
	if u.records, u.mixed = l.readCUE(u.src, text); u.mixed {
		l.mixed = append(l.mixed, u)
	}
	return nil
}

// declareTypes takes the types of custom attributes that are declared as data.
func (l *loader) declareTypes() {
	l.types = map[string]string{}
	if b := l.literals["attributeTypes"]; b != nil {
		for _, f := range b.n.fields {
			l.types[f.name] = f.value.child("type").string()
		}
	}
}

// terms returns what people and groups are judged by, or nil if only CUE knows.
func (l *loader) terms() *terms {
	if l.limits.settleNothing {
		return nil
	}
	d := l.dynamic
	for _, kind := range []string{"users", "groups", "attributeTypes", "timezone"} {
		if d.kinds[kind] || d.names[kind] || kind == "attributeTypes" && len(d.keys[kind]) > 0 {
			return nil
		}
	}
	for name := range l.types {
		if d.moves("attributeTypes", name) {
			return nil
		}
	}
	t := &terms{types: l.types, zone: time.UTC}
	if b := l.literals[""]; b != nil {
		for _, f := range b.n.fields {
			if zone, err := time.LoadLocation(f.value.string()); f.name == "timezone" && err == nil && f.value.kind == stringNode {
				t.zone = zone
				continue
			}
			return nil // something is wrong
		}
	}
	return t
}

// settle fills in the blobs that are missing.
func (l *loader) settle(units []*unit, t *terms) error {
	for _, u := range units {
		if u.blob != nil && !l.cache.terms.equal(t) {
			if u.blob = nil; u.isCUE {
				if err := l.readConfiguration(u); err != nil {
					return err
				}
			}
		}
	}
	l.schema.declare(l.types)
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, min(len(units), runtime.GOMAXPROCS(0)))
	for i := range errs {
		wait.Go(func() {
			s := newSettler(l.schema, t)
			for errs[i] == nil {
				k := int(next.Add(1)) - 1
				if k >= len(units) {
					return
				}
				if units[k].blob == nil {
					units[k].blob, errs[i] = s.unit(units[k], l, t)
				}
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *settler) unit(u *unit, l *loader, t *terms) (*blob, error) {
	if u.isCUE {
		return s.cue(u.records), nil
	}
	text, err := fs.ReadFile(l.fsys, u.src.path)
	if err != nil {
		return nil, err
	}
	return s.data(u.src, string(text), t, l.limits), nil
}

// combine puts together what the files settle to. What comes twice, and what CUE has to do with, stays open.
func (l *loader) combine(units []*unit) {
	s := &settled{groups: map[string]*Group{}, open: map[recordKey]bool{}, joined: map[*Group]joined{}}
	l.settled = s
	others := len(l.dynamic.keys["users"]) > 0 // there are people who do not settle
	for _, u := range units {
		for _, k := range u.blob.left {
			s.open[k] = true
			others = others || k.kind == "users"
		}
	}
	s.delta = l.cache.people.advance(units)
	if s.delta == nil {
		s.users = s.everybody(units)
	} else {
		s.users, s.roll = l.cache.people.now.users, l.cache.people.now
	}
	s.combineGroups(units, l.cache)
	l.dynamic.touches(func(k recordKey) {
		if k.kind == "users" && s.users[k.key] != nil || k.kind == "groups" && s.groups[k.key] != nil {
			s.open[k] = true
		}
	})
	for k := range s.open {
		others = others || k.kind == "users" && s.users[k.key] != nil
	}
	if others {
		s.users, s.roll = maps.Clone(s.users), nil
	}
	for k := range s.open {
		if k.kind == "users" {
			delete(s.users, k.key)
		} else {
			delete(s.groups, k.key)
		}
	}
}

// everybody returns the people of all files. Whoever comes twice is open.
func (s *settled) everybody(units []*unit) map[string]*User {
	all := map[string]*User{}
	for _, u := range units {
		for _, x := range u.blob.users {
			if all[x.Key] != nil {
				s.open[recordKey{"users", x.Key}] = true
			}
			all[x.Key] = x
		}
	}
	return all
}

// combineGroups takes the groups of all files, each with its members from all files.
func (s *settled) combineGroups(units []*unit, c *Cache) {
	parts := map[string][]*Group{}
	first := map[string]Pos{} // where a group that has parts is first spoken of
	for _, u := range units {
		for _, g := range u.blob.groups {
			if s.groups[g.Key] != nil {
				s.open[recordKey{"groups", g.Key}] = true
			}
			s.groups[g.Key] = g
		}
		for _, g := range u.blob.parts {
			if parts[g.Key] == nil && s.groups[g.Key] == nil {
				first[g.Key] = g.Pos
			}
			parts[g.Key] = append(parts[g.Key], g)
		}
	}
	for key, of := range parts {
		if k := (recordKey{"groups", key}); !s.open[k] && !s.merge(key, of, first[key], c) {
			s.open[k] = true
		}
	}
}

// merge gives a group its members from elsewhere. It reports false if the group itself is missing, or somebody is a member twice.
func (s *settled) merge(key string, parts []*Group, first Pos, c *Cache) bool {
	g := s.groups[key]
	if g == nil {
		return false
	}
	whole := c.join(g, parts, first)
	if whole == nil {
		copied := *g
		whole = &copied
		if first.Line > 0 {
			whole.Pos = first
		}
		if !whole.join(parts) {
			return false
		}
	}
	s.groups[key] = whole
	s.joined[g] = joined{parts, whole}
	return true
}

// touches calls yield with the people and groups that what CUE evaluates may have to do with, by their names.
func (d *dynamic) touches(yield func(recordKey)) {
	for _, kind := range []string{"users", "groups"} {
		for name := range d.names {
			yield(recordKey{kind, name})
		}
		for key := range d.keys[kind] {
			yield(recordKey{kind, key})
		}
	}
}

// open reads what a file has that is not settled into literals, and reports what is wrong with the file.
func (l *loader) open(u *unit) error {
	if l.settled != nil && !u.blob.said {
		closed := true
		if len(l.settled.open) > 0 {
			for k := range u.blob.keys {
				closed = closed && !l.settled.open[k]
			}
		}
		if closed {
			return nil
		}
	}
	if u.isCUE {
		if u.records == nil {
			if err := l.readConfiguration(u); err != nil {
				return err
			}
		}
		for _, r := range u.records {
			l.record(r.kind, r.field)
		}
		return nil
	}
	text, err := fs.ReadFile(l.fsys, u.src.path)
	if err != nil {
		return err
	}
	l.readData(u.src, string(text))
	return nil
}

// readData reads the records of a data file that are open.
func (l *loader) readData(src *source, text string) {
	f := &dataFile{src: src, types: l.types, depth: l.limits.depth, report: l.report, take: l.record, conflict: l.conflict, arena: &arena{}}
	f.read(text)
}
