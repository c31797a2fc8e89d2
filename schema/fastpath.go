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
type sourceFile struct {
	ref     *fileRef
	hash    string // of its content; "" if that is not known
	isCUE   bool
	mixed   bool        // a CUE file that holds more than people and groups that are data
	records []record    // of a CUE file that was read
	result  *fileResult // what it settles to; nil until that is known
}

// settled holds the declarations that need no further look.
type accepted struct {
	users    map[string]*User
	groups   map[string]*Group
	needsCUE map[recordKey]bool // declarations that do
	merged   map[*Group]mergedGroup

	userSet *userSet  // users, if there are no others; nil if there are
	diff    *userDiff // what became of everybody since the last Load; nil if that is not known
}

// joined is a group whose members stand in several places.
type mergedGroup struct {
	memberLists []*Group
	group       *Group
}

// readAll reads the files: what is right by itself is settled, the rest goes into literals and dynamic.
func (l *loader) readFiles(t *fileList) error {
	var units []*sourceFile
	for _, name := range t.cue {
		u := l.sourceFile(name)
		u.isCUE = true
		if u.result == nil {
			if err := l.readCUEFile(u); err != nil {
				return err
			}
		}
		units = append(units, u)
	}
	for _, name := range t.data {
		units = append(units, l.sourceFile(name))
	}
	l.collectTypes()
	if terms := l.fileContext(); terms != nil {
		if err := l.acceptFiles(units, terms); err != nil {
			return err
		}
		l.mergeFiles(units)
		l.cache.store(units, t.sizes, terms, l.accepted.merged)
	}
	for _, u := range units {
		if err := l.readRemaining(u); err != nil {
			return err
		}
	}
	return nil
}

// hashed is a file system that knows its files by their content, as a commit's does.
type hasher interface {
	Hash(name string) (string, error)
}

// unit begins a file, with what is known of it from an earlier Load.
func (l *loader) sourceFile(name string) *sourceFile {
	u := &sourceFile{ref: &fileRef{name}, hash: hashOf(l.fsys, name)}
	if u.hash != "" {
		u.result = l.cache.lookup(name, u.hash)
	}
	return u
}

// hashOf returns the hash of a file, or "" if fsys does not know it.
func hashOf(fsys fs.FS, name string) string {
	if h, ok := fsys.(hasher); ok {
		if hash, err := h.Hash(name); err == nil {
			return hash
		}
	}
	return ""
}

// readConfiguration reads a CUE file.
func (l *loader) readCUEFile(u *sourceFile) error {
	text, err := fs.ReadFile(l.fsys, u.ref.path)
	if err != nil {
		return err
	}
	if u.records, u.mixed = l.readCUE(u.ref, text); u.mixed {
		l.mixed = append(l.mixed, u)
	}
	return nil
}

// declareTypes takes the types of custom attributes that are declared as data.
func (l *loader) collectTypes() {
	l.types = map[string]string{}
	if b := l.literals["attributeTypes"]; b != nil {
		for _, f := range b.n.fields {
			l.types[f.name] = f.value.child("type").string()
		}
	}
}

// terms returns what people and groups are judged by, or nil if only CUE knows.
func (l *loader) fileContext() *fileContext {
	if l.limits.noFastPath {
		return nil
	}
	d := l.dynamic
	for _, kind := range []string{"users", "groups", "attributeTypes", "timezone"} {
		if d.kinds[kind] || d.identifiers[kind] || kind == "attributeTypes" && len(d.keys[kind]) > 0 {
			return nil
		}
	}
	for name := range l.types {
		if d.includes("attributeTypes", name) {
			return nil
		}
	}
	t := &fileContext{types: l.types, zone: time.UTC}
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
func (l *loader) acceptFiles(units []*sourceFile, t *fileContext) error {
	for _, u := range units {
		if u.result != nil && !l.cache.context.equal(t) {
			if u.result = nil; u.isCUE {
				if err := l.readCUEFile(u); err != nil {
					return err
				}
			}
		}
	}
	l.schema.setTypes(l.types)
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, min(len(units), runtime.GOMAXPROCS(0)))
	for i := range errs {
		wait.Go(func() {
			s := newAcceptor(l.schema, t)
			for errs[i] == nil {
				k := int(next.Add(1)) - 1
				if k >= len(units) {
					return
				}
				if units[k].result == nil {
					units[k].result, errs[i] = s.file(units[k], l, t)
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

func (s *acceptor) file(u *sourceFile, l *loader, t *fileContext) (*fileResult, error) {
	if u.isCUE {
		return s.cueFile(u.records), nil
	}
	text, err := fs.ReadFile(l.fsys, u.ref.path)
	if err != nil {
		return nil, err
	}
	return s.dataFile(u.ref, string(text), t, l.limits), nil
}

// combine puts together what the files settle to. What comes twice, and what CUE has to do with, stays open.
func (l *loader) mergeFiles(units []*sourceFile) {
	s := &accepted{groups: map[string]*Group{}, needsCUE: map[recordKey]bool{}, merged: map[*Group]mergedGroup{}}
	l.accepted = s
	others := len(l.dynamic.keys["users"]) > 0 // there are people who do not settle
	for _, u := range units {
		for _, k := range u.result.remaining {
			s.needsCUE[k] = true
			others = others || k.kind == "users"
		}
	}
	s.diff = l.cache.users.update(units)
	if s.diff == nil {
		s.users = s.allUsers(units)
	} else {
		s.users, s.userSet = l.cache.users.current.users, l.cache.users.current
	}
	s.mergeGroups(units, l.cache)
	l.dynamic.references(func(k recordKey) {
		if k.kind == "users" && s.users[k.key] != nil || k.kind == "groups" && s.groups[k.key] != nil {
			s.needsCUE[k] = true
		}
	})
	for k := range s.needsCUE {
		others = others || k.kind == "users" && s.users[k.key] != nil
	}
	if others {
		s.users, s.userSet = maps.Clone(s.users), nil
	}
	for k := range s.needsCUE {
		if k.kind == "users" {
			delete(s.users, k.key)
		} else {
			delete(s.groups, k.key)
		}
	}
}

// everybody returns the people of all files. Whoever comes twice is open.
func (s *accepted) allUsers(units []*sourceFile) map[string]*User {
	all := map[string]*User{}
	for _, u := range units {
		for _, x := range u.result.users {
			if all[x.Key] != nil {
				s.needsCUE[recordKey{"users", x.Key}] = true
			}
			all[x.Key] = x
		}
	}
	return all
}

// combineGroups takes the groups of all files, each with its members from all files.
func (s *accepted) mergeGroups(units []*sourceFile, c *Cache) {
	parts := map[string][]*Group{}
	first := map[string]Pos{} // where a group that has parts is first spoken of
	for _, u := range units {
		for _, g := range u.result.groups {
			if s.groups[g.Key] != nil {
				s.needsCUE[recordKey{"groups", g.Key}] = true
			}
			s.groups[g.Key] = g
		}
		for _, g := range u.result.memberLists {
			if parts[g.Key] == nil && s.groups[g.Key] == nil {
				first[g.Key] = g.Pos
			}
			parts[g.Key] = append(parts[g.Key], g)
		}
	}
	for key, of := range parts {
		if k := (recordKey{"groups", key}); !s.needsCUE[k] && !s.mergeMembers(key, of, first[key], c) {
			s.needsCUE[k] = true
		}
	}
}

// merge gives a group its members from elsewhere. It reports false if the group itself is missing, or somebody is a member twice.
func (s *accepted) mergeMembers(key string, parts []*Group, first Pos, c *Cache) bool {
	g := s.groups[key]
	if g == nil {
		return false
	}
	whole := c.mergedGroup(g, parts, first)
	if whole == nil {
		copied := *g
		whole = &copied
		if first.Line > 0 {
			whole.Pos = first
		}
		if !whole.addMembers(parts) {
			return false
		}
	}
	s.groups[key] = whole
	s.merged[g] = mergedGroup{parts, whole}
	return true
}

// touches calls yield with the people and groups that what CUE evaluates may have to do with, by their names.
func (d *dynamic) references(yield func(recordKey)) {
	for _, kind := range []string{"users", "groups"} {
		for name := range d.identifiers {
			yield(recordKey{kind, name})
		}
		for key := range d.keys[kind] {
			yield(recordKey{kind, key})
		}
	}
}

// open reads what a file has that is not settled into literals, and reports what is wrong with the file.
func (l *loader) readRemaining(u *sourceFile) error {
	if l.accepted != nil && !u.result.hasProblems {
		closed := true
		if len(l.accepted.needsCUE) > 0 {
			for k := range u.result.keys {
				closed = closed && !l.accepted.needsCUE[k]
			}
		}
		if closed {
			return nil
		}
	}
	if u.isCUE {
		if u.records == nil {
			if err := l.readCUEFile(u); err != nil {
				return err
			}
		}
		for _, r := range u.records {
			l.record(r.kind, r.field)
		}
		return nil
	}
	text, err := fs.ReadFile(l.fsys, u.ref.path)
	if err != nil {
		return err
	}
	l.readData(u.ref, string(text))
	return nil
}

// readData reads the records of a data file that are open.
func (l *loader) readData(src *fileRef, text string) {
	f := &dataFile{ref: src, types: l.types, depth: l.limits.depth, report: l.report, yield: l.record, conflict: l.conflict, arena: &arena{}}
	f.read(text)
}
