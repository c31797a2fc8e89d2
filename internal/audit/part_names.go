package audit

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
)

// partNames are the parts of a report that name each user and group, by key. A part has its number,
// from 1.
type partNames struct {
	users, groups map[string][]int
}

func newPartNames() *partNames {
	return &partNames{users: map[string][]int{}, groups: map[string][]int{}}
}

// clear removes all names.
func (n *partNames) clear() {
	clear(n.users)
	clear(n.groups)
}

// add adds a part to the entries of the user and the group that one of its changes names.
func (n *partNames) add(d *reconcile.Done, part int) {
	group, user := named(d)
	if group != nil {
		addPart(n.groups, *group, part)
	}
	if user != nil {
		addPart(n.users, *user, part)
	}
}

func addPart(named map[string][]int, key string, part int) {
	if parts := named[key]; len(parts) == 0 || parts[len(parts)-1] != part {
		named[key] = append(parts, part)
	}
}

// named returns the keys of the group and the user that a change names; nil if it names none.
func named(d *reconcile.Done) (group, user *string) {
	switch {
	case d.Member != "":
		return &d.Key, &d.Member
	case d.Kind.OfUser():
		return nil, &d.Key
	}
	return &d.Key, nil
}

// names reports whether a change names a user or group; see reconcile.UserRef.
func names(d *reconcile.Done, ref string) bool {
	kind, key := reconcile.ObjectKey(ref)
	group, user := named(d)
	return kind == "group" && group != nil && *group == key || kind == "user" && user != nil && *user == key
}

// indexLine is a line of an index: a user or group with the parts that name it, from 1.
type indexLine struct {
	Ref   string `json:"ref"`
	Parts []int  `json:"parts"`
}

// encodedLine is a line of an index as it is written.
type encodedLine struct {
	ref  string
	text []byte
}

// lines yields the lines of the index, sorted by reference.
func (n *partNames) lines(yield func(encodedLine, error) bool) {
	for _, kind := range []struct {
		ref   func(key string) string
		named map[string][]int
	}{{reconcile.GroupRef, n.groups}, {reconcile.UserRef, n.users}} {
		for _, key := range slices.Sorted(maps.Keys(kind.named)) {
			line := indexLine{kind.ref(key), kind.named[key]}
			text, err := json.Marshal(line)
			if !yield(encodedLine{line.Ref, append(output.EscapeJSON(text), '\n')}, err) || err != nil {
				return
			}
		}
	}
}
