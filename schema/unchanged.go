package schema

import (
	"maps"
	"reflect"
	"slices"
)

// keepUnchanged replaces the records of a file that was read again by those of the earlier content
// of the file that are the same at the same position. So a Load knows which records changed.
func (r *fileResult) keepUnchanged(earlier *fileResult) {
	keepSame(r.users, earlier.users, (*User).same)
	keepSame(r.groups, earlier.groups, (*Group).same)
	keepSame(r.memberLists, earlier.memberLists, (*Group).same)
}

// keepSame compares the records at the same index, because another number of records before them
// also changes their positions.
func keepSame[V any](now, earlier []*V, same func(a, b *V) bool) {
	for i := range min(len(now), len(earlier)) {
		if same(now[i], earlier[i]) {
			now[i] = earlier[i]
		}
	}
}

// same reports whether two users are the same, positions included.
func (u *User) same(other *User) bool {
	return u.Key == other.Key && u.Pos == other.Pos && u.UserID == other.UserID && u.FirstName == other.FirstName &&
		u.LastName == other.LastName && u.Email == other.Email && u.State == other.State &&
		sameDate(u.ValidFrom, other.ValidFrom) && sameDate(u.ValidUntil, other.ValidUntil) &&
		slices.Equal(u.Previously, other.Previously) && maps.EqualFunc(u.Attributes, other.Attributes, sameValue)
}

// sameValue reports whether two values of custom attributes are the same, with their types.
func sameValue(a, b any) bool {
	if list, ok := a.([]string); ok {
		other, ok := b.([]string)
		return ok && slices.Equal(list, other)
	}
	if _, ok := b.([]string); ok {
		return false
	}
	return a == b
}

// same reports whether two groups are the same, positions included.
func (g *Group) same(other *Group) bool {
	return g.Key == other.Key && g.Pos == other.Pos && g.DisplayName == other.DisplayName &&
		g.Description == other.Description && slices.Equal(g.Previously, other.Previously) &&
		slices.EqualFunc(g.Members, other.Members, GroupMember.same) && maps.Equal(g.Include, other.Include) &&
		reflect.DeepEqual(g.Where, other.Where)
}

func (m GroupMember) same(other GroupMember) bool {
	same := sameDate(m.Until, other.Until)
	m.Until, other.Until = nil, nil
	return same && m == other
}

func sameDate(a, b *Date) bool { return a == b || a != nil && b != nil && *a == *b }
