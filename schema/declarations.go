package schema

import (
	"iter"
	"maps"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Declarations is the checked configuration of one commit. All references resolve, and AWS accepts
// all mapped users. It is immutable after Load and safe for concurrent use.
type Declarations struct {
	// Timezone is that of bare dates. It is never nil, and UTC by default.
	Timezone       *time.Location
	AttributeTypes map[string]*AttributeType
	Users          map[string]*User
	Groups         map[string]*Group
	Mappings       map[string]*Mapping
	Apps           map[string]*App
	Provisioners   map[string]*Provisioner
	Assertions     map[string]*Assertion
	Approvals      map[string]*Approval

	// Warnings are the problems that do not make the configuration invalid, sorted by position.
	Warnings tree.Problems

	// loaded is nil for declarations that no Load with a Cache returned.
	loaded *loaded
}

// NewDate parses a date, as declared, in a timezone. It returns nil if the text is invalid.
func NewDate(text string, zone *time.Location) *Date { return declaration.NewDate(text, zone) }

// principals returns the users and groups.
func (d *Declarations) principals() declaration.Principals {
	return declaration.Principals{Users: d.Users, Groups: d.Groups}
}

// Membership returns the members of each group at now.
func (d *Declarations) Membership(now time.Time) *Membership { return d.principals().Membership(now) }

// NextMembership returns the members of each group at now, and the keys of the groups that it
// computed again; the others are shared with earlier, the membership of earlier declarations.
// changes are those of d since then. It returns nil if a membership may have ended since, or now is
// before the moment of earlier: then the caller computes all groups.
func (d *Declarations) NextMembership(earlier *Membership, changes Changes, now time.Time) (*Membership, []string) {
	return earlier.Next(d.principals(), changes, now)
}

// loadedAs returns what Load knows of the declarations; nil if it knows nothing, or if they are a
// copy with other users or groups.
func (d *Declarations) loadedAs() *loaded {
	if d == nil || d.loaded == nil || !sameMap(d.loaded.users, d.Users) || !sameMap(d.loaded.groups, d.Groups) {
		return nil
	}
	return d.loaded
}

// DatedUsers returns the users with a first or last day, in no order.
func (d *Declarations) DatedUsers() iter.Seq2[string, *User] {
	if known := d.loadedAs(); known != nil {
		return maps.All(known.datedUsers)
	}
	return only(d.Users, (*User).Dated)
}

// DatedGroups returns the groups with a declared member whose membership ends, in no order.
func (d *Declarations) DatedGroups() iter.Seq2[string, *Group] {
	if known := d.loadedAs(); known != nil {
		return maps.All(known.datedGroups)
	}
	return only(d.Groups, (*Group).Dated)
}
