package schema

import (
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/validate"
)

// loaded is what a Load with a Cache knows of the declarations that it returned: how they differ
// from those of the Load before it, and which users and groups have dates. With it, the next plan
// visits only those. It is immutable.
type loaded struct {
	id     *loadID
	users  map[string]*User // of the declarations, so that a copy with other users is known
	groups map[string]*Group
	// before is the Load that changes are relative to; nil if they are not known.
	before  *loadID
	changes Changes
	// dated are the users with a first or last day, and the groups with a member whose membership
	// ends.
	datedUsers  map[string]*User
	datedGroups map[string]*Group
}

// loadID is the identity of a Load. It keeps nothing of it in memory.
type loadID struct{ _ byte }

// newLoaded returns what is known of declarations. known is what the Load before it knew, and
// earlier the difference to that; nil if they are not known.
func newLoaded(d declaration.Principals, known *loaded, earlier *validate.Earlier) *loaded {
	out := &loaded{id: new(loadID), users: d.Users, groups: d.Groups}
	if known == nil || earlier == nil {
		out.datedUsers, out.datedGroups = map[string]*User{}, map[string]*Group{}
		setDated(out.datedUsers, d.Users, maps.Keys(d.Users), (*User).Dated)
		setDated(out.datedGroups, d.Groups, maps.Keys(d.Groups), (*Group).Dated)
		return out
	}
	out.before = known.id
	for _, list := range [][]*User{earlier.RemovedUsers, earlier.AddedUsers} {
		for _, u := range list {
			out.changes.Users = append(out.changes.Users, u.Key)
		}
	}
	slices.Sort(out.changes.Users)
	out.changes.Users = slices.Compact(out.changes.Users)
	out.changes.Groups = changedKeys(known.groups, d.Groups)
	out.datedUsers = nextDated(known.datedUsers, d.Users, out.changes.Users, (*User).Dated)
	out.datedGroups = nextDated(known.datedGroups, d.Groups, out.changes.Groups, (*Group).Dated)
	return out
}

// nextDated returns the dated records of later declarations, in which some keys changed.
func nextDated[V any](dated, all map[string]*V, changed []string, isDated func(*V) bool) map[string]*V {
	out := maps.Clone(dated)
	for _, key := range changed {
		delete(out, key)
	}
	setDated(out, all, slices.Values(changed), isDated)
	return out
}

func setDated[V any](out, all map[string]*V, keys iter.Seq[string], isDated func(*V) bool) {
	for key := range keys {
		if v := all[key]; v != nil && isDated(v) {
			out[key] = v
		}
	}
}

// changedKeys returns the sorted keys whose values differ. A missing value is nil.
func changedKeys[V any](a, b map[string]*V) []string {
	var out []string
	inBoth := 0
	for key, v := range b {
		was, found := a[key]
		if found {
			inBoth++
		}
		if was != v {
			out = append(out, key)
		}
	}
	if inBoth < len(a) {
		for key := range a {
			if _, found := b[key]; !found {
				out = append(out, key)
			}
		}
	}
	slices.Sort(out)
	return out
}

func sameMap[V any](a, b map[string]V) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// only returns the records that meet a condition.
func only[V any](all map[string]*V, condition func(*V) bool) iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		for key, v := range all {
			if condition(v) && !yield(key, v) {
				return
			}
		}
	}
}
