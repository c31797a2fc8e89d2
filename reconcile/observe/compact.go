package observe

import (
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Compact makes a directory that was decoded from a file as small as one that was read: member
// lists share the ids of users, equal paths and values of attributes are one string, and lists have
// no unused capacity. Call it before anything else uses the directory.
func (c *CachedDirectory) Compact() {
	shareIDs(c.Observed)
	texts := textTable{values: map[string]*valueTable{}}
	users := slices.Clip(slices.Clone(c.Observed.Users))
	for i := range users {
		users[i].Attributes = texts.compact(users[i].Attributes)
	}
	c.Observed.Users = users
	for id, members := range c.Observed.Members {
		c.Observed.Members[id] = slices.Clip(slices.Clone(members))
	}
}

// textTable has one string of each path, and of the values of each path.
type textTable struct {
	values map[string]*valueTable // by path
}

type valueTable struct {
	path   string
	seen   int
	values map[string]string // nil if most values differ, as those of names
}

// manyValues is the number of values of a path after which it is decided whether most of them
// differ.
const manyValues = 1000

// compact returns the attributes of a user with shared strings.
func (t *textTable) compact(in reconcile.Attributes) reconcile.Attributes {
	out := make(reconcile.Attributes, len(in))
	for i, a := range in {
		table := t.values[a.Path]
		if table == nil {
			table = &valueTable{path: a.Path, values: map[string]string{}}
			t.values[a.Path] = table
		}
		out[i].Path, out[i].Value = table.path, table.share(a.Value)
		for _, other := range out[:i] { // a userName is often the address too
			if other.Value == a.Value {
				out[i].Value = other.Value
				break
			}
		}
	}
	return out
}

// share returns an equal string that was seen before, or the value itself.
func (t *valueTable) share(value string) string {
	if t.values == nil {
		return value
	}
	if known, ok := t.values[value]; ok {
		return known
	}
	if t.seen++; t.seen >= manyValues {
		t.values = nil
		return value
	}
	t.values[value] = value
	return value
}
