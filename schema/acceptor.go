package schema

import (
	"slices"
	"strings"
	"time"
)

// recordKey names a declaration.
type recordKey struct{ kind, key string }

// record is a declaration that is data.
type record struct {
	kind string
	field
}

// terms are what decides about a record besides the record itself.
type fileContext struct {
	types map[string]string // of custom attributes
	zone  *time.Location
}

// blob is what a file's people and groups are, judged one by one: those that are right by themselves, and the names of those that need a closer look.
type fileResult struct {
	users       []*User
	groups      []*Group
	memberLists []*Group // memberships alone, of groups that are declared elsewhere
	remaining   []recordKey
	hasProblems bool // there is something to say about the file
}

// settler settles records: it holds them against the compiled schema, which only accepts, and binds them. It is for one goroutine.
type acceptor struct {
	binder
	schema *compiledSchema
	arena  arena
	result *fileResult
}

func newAcceptor(schema *compiledSchema, t *fileContext) *acceptor {
	return &acceptor{binder: binder{d: &Declarations{Timezone: t.zone}, dates: map[string]*Date{}}, schema: schema}
}

// cue settles the records that a CUE file holds.
func (s *acceptor) cueFile(records []record) *fileResult {
	s.result = &fileResult{}
	for _, r := range records {
		s.accept(r.kind, r.field)
	}
	return s.result
}

// data settles the records of a data file.
func (s *acceptor) dataFile(src *fileRef, text string, t *fileContext, limits limits) *fileResult {
	s.result = &fileResult{}
	s.arena.reset()
	f := &dataFile{ref: src, types: t.types, depth: limits.depth, yield: s.accept, reuseNodes: true, discard: func() { *s.result = fileResult{} }, chunkBytes: limits.chunkBytes, arena: &s.arena,
		report: func(Problem) { s.result.hasProblems = true }, conflict: func(string, *node, *node) { s.result.hasProblems = true }}
	f.read(text)
	return s.result
}

func (s *acceptor) accept(kind string, f field) {
	rule := s.schema.roots[kind].rule.(*structRule)
	n := *f.value // what is filled in stays out of the node, which others may join
	fine := rule.acceptsKey(f.name)
	switch {
	case fine && kind == "users" && rule.values.check(&n, nil):
		s.result.users = append(s.result.users, s.user(f.name, f.at.pos(), &n))
	case fine && kind == "groups" && s.isMemberList(&n):
		s.result.memberLists = append(s.result.memberLists, s.group(f.name, f.at.pos(), &n))
	case fine && kind == "groups" && rule.values.check(&n, nil):
		s.result.groups = append(s.result.groups, s.group(f.name, f.at.pos(), &n))
	default:
		s.result.remaining = append(s.result.remaining, recordKey{kind, f.name})
	}
}

// isPart reports whether a record of a group is nothing but members that are right.
func (s *acceptor) isMemberList(n *node) bool {
	if n.kind != structNode || len(n.fields) != 1 || n.fields[0].name != "members" {
		return false
	}
	group := s.schema.roots["groups"].rule.(*structRule).values.(*structRule)
	return group.field("members").rule.check(n.fields[0].value, nil)
}

// keys calls yield with every record that the blob has.
func (b *fileResult) keys(yield func(recordKey) bool) {
	for _, k := range b.remaining {
		if !yield(k) {
			return
		}
	}
	for _, u := range b.users {
		if !yield(recordKey{"users", u.Key}) {
			return
		}
	}
	for _, groups := range [][]*Group{b.groups, b.memberLists} {
		for _, g := range groups {
			if !yield(recordKey{"groups", g.Key}) {
				return
			}
		}
	}
}

// join adds the members of other declarations of the group. It reports false if somebody is a member twice.
func (g *Group) addMembers(parts []*Group) bool {
	n := len(g.Members)
	for _, p := range parts {
		n += len(p.Members)
	}
	all := append(make([]GroupMember, 0, n), g.Members...)
	for _, p := range parts {
		all = append(all, p.Members...)
	}
	sortMembers(all)
	g.Members = all
	for i := range max(0, n-1) {
		if all[i].User == all[i+1].User {
			return false
		}
	}
	return true
}

func compareMembers(a, b GroupMember) int { return strings.Compare(a.User, b.User) }

func sortMembers(members []GroupMember) {
	if !slices.IsSortedFunc(members, compareMembers) {
		slices.SortFunc(members, compareMembers)
	}
}
