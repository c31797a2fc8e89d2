package declaration

import (
	"maps"
	"reflect"
	"slices"
)

// Same reports whether two users are the same, positions included.
func (u *User) Same(other *User) bool {
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

// Same reports whether two groups are the same, positions included.
func (g *Group) Same(other *Group) bool {
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

// Dated reports whether the user has a first or last day.
func (u *User) Dated() bool { return u.ValidFrom != nil || u.ValidUntil != nil }

// Dated reports whether a declared membership of the group ends.
func (g *Group) Dated() bool {
	return slices.ContainsFunc(g.Members, func(m GroupMember) bool { return m.Until != nil })
}
