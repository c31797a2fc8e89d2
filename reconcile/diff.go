package reconcile

import (
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

func attribute(path, value string) schema.Attribute {
	return schema.Attribute{Path: path, Value: value}
}

// Diff returns the changes that turn a into b, in the order in which they are made. Diff(a, a) is
// empty, and After(Diff(a, b), a) equals b except for the ids of created objects. NewPlan sets
// origins, reasons and holds.
func Diff(a, b State) []Change {
	users, inBoth := changedUsers(b.Users, a.Users)
	var changes []Change
	if n := len(users) + countNewGroups(a, b); n > 0 {
		changes = make([]Change, 0, n) // growing a list of a million changes would copy it many times
	}
	changes = diffUsers(changes, users, inBoth, a, b)
	changes = diffGroups(changes, a, b)
	changes = orderNameChanges(changes, a)
	return order(changes)
}

// diffUsers adds the changes of users. keys and inBoth are those of changedUsers.
func diffUsers(changes []Change, keys []string, inBoth int, a, b State) []Change {
	for _, key := range keys {
		want, have := b.Users[key], a.Users[key]
		if have == nil {
			changes = append(
				changes,
				Change{Kind: CreateUser, Key: key, Name: want.Name(), Attributes: diffAttributes(nil, want.Attributes)},
			)
			continue
		}
		attributes := diffAttributes(have.Attributes, want.Attributes)
		adopt := have.NotOwned && !want.NotOwned
		if len(attributes) == 0 && !adopt {
			continue
		}
		kind := userKind(attributes)
		if adopt {
			kind = AdoptUser
		}
		c := Change{Kind: kind, Key: key, ID: have.ID, Name: have.Name(), Attributes: attributes}
		if kind == ActivateUser && have.ActivateApart {
			changes = append(changes, splitActivation(c)...)
		} else {
			changes = append(changes, c)
		}
	}
	if inBoth < len(a.Users) {
		for _, key := range missingKeys(a.Users, b.Users) {
			have := a.Users[key]
			changes = append(changes, Change{Kind: DeleteUser, Key: key, ID: have.ID, Name: have.Name()})
		}
	}
	return changes
}

// changedUsers returns the sorted keys of the users that are missing in other or differ there, and
// the number of users that are in both.
func changedUsers(users, other map[string]*User) (keys []string, inBoth int) {
	for key, u := range users {
		o := other[key]
		if o != nil {
			inBoth++
		}
		if o != u && (o == nil || o.NotOwned != u.NotOwned || !slices.Equal(o.Attributes, u.Attributes)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, inBoth
}

// missingKeys returns the sorted keys of m that other does not have.
func missingKeys[A, B any](m map[string]A, other map[string]B) []string {
	keys := make([]string, 0, max(0, len(m)-len(other)))
	for key := range m {
		if _, found := other[key]; !found {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// userKind returns the kind of an update: that of its most serious attribute change.
func userKind(attributes []AttributeChange) Kind {
	kind := UpdateUser
	for _, c := range attributes {
		switch {
		case c.Path == "active" && c.New != "true":
			return DeactivateUser
		case c.Path == "active":
			kind = ActivateUser
		case c.Path == "userName" && kind == UpdateUser:
			kind = RenameUser
		}
	}
	return kind
}

func diffAttributes(a, b Attributes) []AttributeChange {
	var out []AttributeChange
	if len(a) == 0 && len(b) > 0 { // a creation: there may be many
		out = make([]AttributeChange, 0, len(b))
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Path < b[0].Path:
			out = append(out, AttributeChange{Path: a[0].Path, Old: a[0].Value})
			a = a[1:]
		case len(a) == 0 || b[0].Path < a[0].Path:
			out = append(out, AttributeChange{Path: b[0].Path, New: b[0].Value})
			b = b[1:]
		default:
			if a[0].Value != b[0].Value {
				out = append(out, AttributeChange{Path: b[0].Path, Old: a[0].Value, New: b[0].Value})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}

func diffGroups(changes []Change, a, b State) []Change {
	for _, key := range slices.Sorted(maps.Keys(b.Groups)) {
		want, have := b.Groups[key], a.Groups[key]
		if have == nil {
			have = &Group{}
			changes = append(changes, Change{
				Kind: CreateGroup, Key: key, Name: want.DisplayName, Attributes: groupAttributes(have, want),
			})
		} else if kind, attributes := groupKind(have, want), groupAttributes(have, want); kind != "" {
			changes = append(changes, Change{
				Kind: kind, Key: key, ID: have.ID, Name: have.DisplayName, Attributes: attributes,
			})
		}
		changes = diffMembers(changes, a, b, have, want)
	}
	// The groups are not emptied first: if a deletion is held, no member is lost.
	for _, key := range missingKeys(a.Groups, b.Groups) {
		have := a.Groups[key]
		changes = append(changes, Change{Kind: DeleteGroup, Key: key, ID: have.ID, Name: have.DisplayName})
	}
	return changes
}

// countNewGroups returns the number of changes that create the groups of b which a does not have,
// and add their members.
func countNewGroups(a, b State) int {
	n := 0
	for key, want := range b.Groups {
		if a.Groups[key] == nil {
			n += 1 + len(want.Members)
		}
	}
	return n
}

// groupKind returns the kind of the change from one state of a group to another; "" if the group
// itself does not change.
func groupKind(have, want *Group) Kind {
	switch {
	case have.NotOwned && !want.NotOwned:
		return AdoptGroup
	case have.DisplayName != want.DisplayName:
		return RenameGroup
	case have.ExternalID != want.ExternalID:
		return UpdateGroup
	}
	return ""
}

func groupAttributes(a, b *Group) []AttributeChange {
	var out []AttributeChange
	if a.DisplayName != b.DisplayName {
		out = append(out, AttributeChange{Path: "displayName", Old: a.DisplayName, New: b.DisplayName})
	}
	if a.ExternalID != b.ExternalID {
		out = append(out, AttributeChange{Path: "externalId", Old: a.ExternalID, New: b.ExternalID})
	}
	return out
}

// diffMembers compares the sorted member lists of a group. An unchanged group costs one pass.
func diffMembers(changes []Change, a, b State, have, want *Group) []Change {
	x, y := have.Members, want.Members
	member := func(kind Kind, m string, s State) {
		c := Change{Kind: kind, Key: want.Key, ID: have.ID, Name: want.DisplayName, Member: m}
		if u := s.Users[m]; u != nil {
			c.MemberName = u.Name()
		}
		changes = append(changes, c)
	}
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(x) > 0 && len(y) > 0 && x[0] == y[0]: // the common case
			x, y = x[1:], y[1:]
		case len(y) == 0 || len(x) > 0 && x[0] < y[0]:
			if deleted := a.Users[x[0]] != nil && b.Users[x[0]] == nil; !deleted { // a deletion removes the memberships
				member(RemoveMember, x[0], a)
			}
			x = x[1:]
		default:
			member(AddMember, y[0], b)
			y = y[1:]
		}
	}
	return changes
}

// FoldName returns a name as it is compared for uniqueness. AWS does not document whether case and
// the form of Unicode matter; roster assumes that they do not.
func FoldName(name string) string { return schema.FoldName(name) }
