package declaration

import (
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// AttributeType declares one custom attribute of users.
type AttributeType struct {
	Key string
	Pos tree.Pos
	// Type is "string", "bool", "int" or "strings".
	Type string
	// Redact hides the values of the attribute in reports, pages and comments.
	Redact bool
}

// UserState is the state of a user.
type UserState string

// The states of a user. Locked and inactive users keep their memberships and are inactive in AWS.
const (
	Active   UserState = "ACTIVE"
	Locked   UserState = "LOCKED"
	Inactive UserState = "INACTIVE"
)

// User is one user. Key is the stable identity of the user: it becomes the SCIM externalId and is
// never reused.
type User struct {
	Key                                string
	Pos                                tree.Pos
	UserID, FirstName, LastName, Email string
	State                              UserState
	// Attributes are string, bool, int64 or []string, according to AttributeTypes.
	Attributes map[string]any
	ValidFrom  *Date
	ValidUntil *Date
	// Previously has earlier keys of the user.
	Previously []string
}

// Date is a day in the repository's timezone, or a point in time. Both ends are inclusive.
type Date struct {
	Text string // as declared
	// Start and End are the midnight of the day and the next one. For a point in time both are
	// equal.
	Start, End time.Time
}

// Begun reports whether the date has started at now.
func (d *Date) Begun(now time.Time) bool { return !now.Before(d.Start) }

// Over reports whether the date has ended at now.
func (d *Date) Over(now time.Time) bool { return !now.Before(d.End) }

// Group is a declared group. DisplayName is its name in AWS, and Key becomes its externalId.
type Group struct {
	Key         string
	Pos         tree.Pos
	DisplayName string
	Description string
	// Members are the declared members, sorted by user key. Their Via is "".
	Members []GroupMember
	// Include has the nested groups. Their effective members are also members of this group.
	Include map[string]tree.Pos
	// Where selects members by their fields and attributes. Nil selects no user.
	Where *Rule
	// Previously has earlier keys of the group.
	Previously []string
}

// Member returns the declared membership of a user, or nil.
func (g *Group) Member(user string) *GroupMember {
	i, ok := slices.BinarySearchFunc(g.Members, user, func(m GroupMember, user string) int {
		return strings.Compare(m.User, user)
	})
	if !ok {
		return nil
	}
	return &g.Members[i]
}

// AddMembers adds the members of other declarations of the group. It returns false if a user is a
// member twice.
func (g *Group) AddMembers(lists []*Group) bool {
	n := len(g.Members)
	for _, list := range lists {
		n += len(list.Members)
	}
	all := append(make([]GroupMember, 0, n), g.Members...)
	for _, list := range lists {
		all = append(all, list.Members...)
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

// CompareMembers orders members by their user.
func CompareMembers(a, b GroupMember) int { return strings.Compare(a.User, b.User) }

func sortMembers(members []GroupMember) {
	if !slices.IsSortedFunc(members, CompareMembers) {
		slices.SortFunc(members, CompareMembers)
	}
}

// GroupMember is the membership of one user in a group. In a Group it is declared. In a Membership
// it is effective: of several ways to be a member it is the one that lasts longest, and of those
// the most direct.
type GroupMember struct {
	User string   // key
	Pos  tree.Pos // of the declaration
	// Via is "" for a declared member, `include "sre"` for a member of a nested group, and "where"
	// for one that a rule selects.
	Via    string
	Until  *Date // nil if the membership has no end
	Reason string
}

// Principals are the users and groups of declarations, by key.
type Principals struct {
	Users  map[string]*User
	Groups map[string]*Group
}

// MarshalText returns the date as declared.
func (d *Date) MarshalText() ([]byte, error) { return []byte(d.Text), nil }

// UnmarshalText sets only Text. The decoder of Declarations adds the timezone.
func (d *Date) UnmarshalText(text []byte) error {
	d.Text = string(text)
	return nil
}
