package records

import (
	"maps"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// accepted has the users and groups that are valid on their own and need no evaluation.
type accepted struct {
	users  map[string]*declaration.User
	groups map[string]*declaration.Group
	// slowPath are the records that are not accepted.
	slowPath map[recordKey]bool
	merged   map[*declaration.Group]mergedGroup

	// UserSet has the users. It is nil if some users take the slow path.
	userSet *UserSet
	// diff is the difference to the users of the previous Load. It is nil if it is unknown.
	diff *UserDiff
}

// mergedGroup is a group with members from several declarations.
type mergedGroup struct {
	memberLists []*declaration.Group
	group       *declaration.Group
}

// mergeFiles merges the results of the files. Records that are declared twice, or that CUE may
// refer to, take the slow path.
func (r *reader) mergeFiles(files []*sourceFile) {
	a := &accepted{
		groups: map[string]*declaration.Group{}, slowPath: map[recordKey]bool{},
		merged: map[*declaration.Group]mergedGroup{},
	}
	r.accepted = a
	others := len(r.dynamic.Keys["users"]) > 0 // there are users on the slow path
	for _, f := range files {
		for _, k := range f.result.remaining {
			a.slowPath[k] = true
			others = others || k.kind == "users"
		}
	}
	a.diff = r.Cache.users.update(files)
	if a.diff == nil {
		a.users = a.allUsers(files)
	} else {
		a.users, a.userSet = r.Cache.users.current.users, r.Cache.users.current
	}
	a.mergeGroups(files, r.Cache)
	references(r.dynamic, func(k recordKey) {
		if k.kind == "users" && a.users[k.key] != nil || k.kind == "groups" && a.groups[k.key] != nil {
			a.slowPath[k] = true
		}
	})
	for k := range a.slowPath {
		others = others || k.kind == "users" && a.users[k.key] != nil
	}
	if others {
		a.users, a.userSet = maps.Clone(a.users), nil
	}
	for k := range a.slowPath {
		if k.kind == "users" {
			delete(a.users, k.key)
		} else {
			delete(a.groups, k.key)
		}
	}
}

// allUsers returns the users of all files. Users that are declared twice take the slow path.
func (a *accepted) allUsers(files []*sourceFile) map[string]*declaration.User {
	all := map[string]*declaration.User{}
	for _, file := range files {
		for _, u := range file.result.users {
			if all[u.Key] != nil {
				a.slowPath[recordKey{"users", u.Key}] = true
			}
			all[u.Key] = u
		}
	}
	return all
}

// mergeGroups merges the groups of all files with their members from all files.
func (a *accepted) mergeGroups(files []*sourceFile, c *Cache) {
	memberLists := map[string][]*declaration.Group{}
	positions := map[string]tree.Pos{} // of member lists that precede their group
	for _, file := range files {
		for _, g := range file.result.groups {
			if a.groups[g.Key] != nil {
				a.slowPath[recordKey{"groups", g.Key}] = true
			}
			a.groups[g.Key] = g
		}
		for _, g := range file.result.memberLists {
			if memberLists[g.Key] == nil && a.groups[g.Key] == nil {
				positions[g.Key] = g.Pos
			}
			memberLists[g.Key] = append(memberLists[g.Key], g)
		}
	}
	for key, lists := range memberLists {
		if k := (recordKey{"groups", key}); !a.slowPath[k] && !a.mergeMembers(key, lists, positions[key], c) {
			a.slowPath[k] = true
		}
	}
}

// mergeMembers adds the member lists to a group. It returns false if the group is missing or a user
// is a member twice.
func (a *accepted) mergeMembers(key string, memberLists []*declaration.Group, first tree.Pos, c *Cache) bool {
	g := a.groups[key]
	if g == nil {
		return false
	}
	merged := c.mergedGroup(g, memberLists, first)
	if merged == nil {
		clone := *g
		merged = &clone
		if first.Line > 0 {
			merged.Pos = first
		}
		if !merged.AddMembers(memberLists) {
			return false
		}
	}
	a.groups[key] = merged
	a.merged[g] = mergedGroup{memberLists, merged}
	return true
}

// references calls yield with the users and groups that CUE's declarations may refer to or extend,
// by name.
func references(d *source.Dynamic, yield func(recordKey)) {
	for _, kind := range []string{"users", "groups"} {
		for name := range d.Identifiers {
			yield(recordKey{kind, name})
		}
		for key := range d.Keys[kind] {
			yield(recordKey{kind, key})
		}
	}
}
