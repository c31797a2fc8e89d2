package explain

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Organization has the declarations that concern all users: groups, provisioners, and which
// attributes are redacted. The members of its groups are not read, and may be missing.
type Organization struct {
	Groups       map[string]*schema.Group
	Provisioners map[string]*schema.Provisioner
	Redacted     map[string]bool // attributes of users
}

// OrganizationOf returns the organization of declarations.
func OrganizationOf(d *schema.Declarations) *Organization {
	o := &Organization{Groups: d.Groups, Provisioners: d.Provisioners, Redacted: map[string]bool{}}
	for name, t := range d.AttributeTypes {
		if t.Redact {
			o.Redacted[name] = true
		}
	}
	return o
}

// Declared is what one commit declares about one user or group, evaluated at a time.
type Declared struct {
	Commit       reconcile.CommitRef
	At           time.Time
	Organization *Organization
	User         *UserFacts  // nil: the user is not declared, or the facts are of a group
	Group        *GroupFacts // nil: the group is not declared, or the facts are of a user
}

// NameInAWS returns the name that the object should have in AWS: the userName that the mapping of a
// provisioner gives, or else the email address, or the displayName of a group. It is "" for an
// object that is not declared.
func (d *Declared) NameInAWS(provisioner string) string {
	switch {
	case d.Group != nil:
		return d.Group.Group.DisplayName
	case d.User != nil:
		return cmp.Or(d.User.Mapped[provisioner].value("userName"), d.User.User.Email)
	}
	return ""
}

// UserNameIn returns the userName that the mapping of a provisioner gives; "" for a user who is not
// in its scope.
func (d *Declared) UserNameIn(p *schema.Provisioner) string {
	if d.User == nil || !inScope(p, d.memberships(d.At)) {
		return ""
	}
	return d.User.Mapped[p.Key].value("userName")
}

// Keys returns the key of the object and its earlier keys.
func (d *Declared) Keys(key string) []string {
	switch {
	case d.Group != nil:
		return append([]string{key}, d.Group.Group.Previously...)
	case d.User != nil:
		return append([]string{key}, d.User.User.Previously...)
	}
	return []string{key}
}

// UserFacts are the declarations of one user.
type UserFacts struct {
	User *schema.User
	// Direct are the declared memberships of the user, also ended ones, sorted by group.
	Direct []DirectMembership
	// Mapped is the result of each provisioner's mapping, in scope or not.
	Mapped map[string]MappedUser
}

// DirectMembership is a membership that a group declares by the key of the user.
type DirectMembership struct {
	Group  string
	Pos    schema.Pos
	Until  *schema.Date
	Reason string
}

// MappedUser is the result of a mapping for a user.
type MappedUser struct {
	Values []MappedValue
	Active bool
	// Error is why the mapping fails for the user; empty if it does not.
	Error string
}

// MappedValue is a mapped attribute with the position of its expression. An empty value means that
// the attribute must be absent.
type MappedValue struct {
	Path, Value string
	Pos         schema.Pos
}

// value returns the value of a path; "" if there is none.
func (m MappedUser) value(path string) string {
	for _, v := range m.Values {
		if v.Path == path {
			return v.Value
		}
	}
	return ""
}

// GroupFacts are the declaration and the effective members of one group.
type GroupFacts struct {
	Group   *schema.Group
	Members []MemberFacts
}

// MemberFacts are the facts of one member of a group.
type MemberFacts struct {
	schema.GroupMember
	Path string // how the user is a member
	// Inactive is why the user may not sign in, as declared; empty if the user may.
	Inactive string
}

// DeclaredUser returns what declarations say about a user at a time.
func DeclaredUser(
	d *schema.Declarations, org *Organization, key string, commit reconcile.CommitRef, at time.Time,
) *Declared {
	out := &Declared{Commit: commit, At: at, Organization: org}
	u := d.Users[key]
	if u == nil {
		return out
	}
	out.User = &UserFacts{User: u}
	for group, g := range d.Groups { // a user is in few of many groups
		if m := g.Member(key); m != nil {
			out.User.Direct = append(out.User.Direct,
				DirectMembership{Group: group, Pos: m.Pos, Until: m.Until, Reason: m.Reason})
		}
	}
	slices.SortFunc(out.User.Direct, func(a, b DirectMembership) int { return strings.Compare(a.Group, b.Group) })
	out.mapUser(d)
	return out
}

// AsOf returns what the same declarations say about the user at another time, for a commit that has
// them too.
func (d *Declared) AsOf(decls *schema.Declarations, commit reconcile.CommitRef, at time.Time) *Declared {
	out := *d
	out.Commit, out.At = commit, at
	if d.User != nil {
		user := *d.User
		out.User = &user
		out.mapUser(decls)
	}
	return &out
}

// mapUser maps the user for each provisioner.
func (d *Declared) mapUser(decls *schema.Declarations) {
	var groups []string
	if readGroups(decls) {
		for _, m := range d.memberships(d.At) {
			groups = append(groups, m.group)
		}
	}
	d.User.Mapped = MapUser(decls, reconcile.UserAt(d.User.User, d.At), groups)
}

// readGroups reports whether a mapping reads the groups of users.
func readGroups(d *schema.Declarations) bool {
	for _, m := range d.Mappings {
		if m.ReadsGroups() {
			return true
		}
	}
	return false
}

// MapUser returns the result of the mapping of each provisioner for a user with these groups.
func MapUser(d *schema.Declarations, u *schema.User, groups []string) map[string]MappedUser {
	out := make(map[string]MappedUser, len(d.Provisioners))
	for key, p := range d.Provisioners {
		mapping := d.Mappings[p.Mapping]
		if mapping == nil {
			continue
		}
		read := groups
		if !mapping.ReadsGroups() {
			read = nil
		}
		out[key] = mapUser(mapping, u, read)
	}
	return out
}

// inScope reports whether a user with these memberships is in the scope of a provisioner.
func inScope(p *schema.Provisioner, memberships []userMembership) bool {
	return p.AllUsers || slices.ContainsFunc(memberships, func(m userMembership) bool {
		return slices.Contains(p.Groups, m.group)
	})
}

func mapUser(mapping *schema.Mapping, u *schema.User, groups []string) MappedUser {
	mapped, err := mapping.Map(u, groups)
	return NewMappedUser(mapping, mapped.Attributes, MappingFailure(err))
}

// MappingFailure returns why a mapping fails for a user, from the error of Map; "" if there is
// none.
func MappingFailure(err error) string {
	var problems schema.Problems
	switch {
	case errors.As(err, &problems):
		return problems[0].Message
	case err != nil:
		return err.Error()
	}
	return ""
}

// NewMappedUser returns the result of a mapping: attributes, or why it fails.
func NewMappedUser(mapping *schema.Mapping, attributes schema.Attributes, failure string) MappedUser {
	out := MappedUser{Error: failure}
	for _, a := range attributes {
		out.Values = append(out.Values, MappedValue{Path: a.Path, Value: a.Value, Pos: mapping.AttributePos(a.Path)})
		out.Active = out.Active || a.Path == "active" && a.Value == "true"
	}
	return out
}

// DeclaredGroup returns what declarations say about a group at the time of a membership.
func DeclaredGroup(
	d *schema.Declarations, org *Organization, members *schema.Membership, key string, commit reconcile.CommitRef,
	at time.Time,
) *Declared {
	out := &Declared{Commit: commit, At: at, Organization: org}
	g := d.Groups[key]
	if g == nil {
		return out
	}
	out.Group = &GroupFacts{Group: g}
	for _, m := range members.Group(key) {
		facts := MemberFacts{GroupMember: m, Path: memberPath(d, members, key, m.User)}
		if u := d.Users[m.User]; u.State != schema.Active || reconcile.InvalidReason(u, at) != "" {
			facts.Inactive = condition(u, at)
		}
		out.Group.Members = append(out.Group.Members, facts)
	}
	return out
}

// memberPath returns the path from a group to the declaration that makes a user a member.
func memberPath(d *schema.Declarations, members *schema.Membership, group, user string) string {
	m, _ := members.Member(group, user)
	if nested := includedGroup(m.Via); nested != "" {
		inner, _ := members.Member(nested, user)
		return includePath(nested, memberPath(d, members, nested, user), inner.Pos)
	}
	return directPath(m.Via, m.Reason, d.Groups[group])
}

// condition returns the state of a user, or that the user is not valid at the time.
func condition(u *schema.User, at time.Time) string {
	switch {
	case u.ValidUntil != nil && u.ValidUntil.Over(at):
		return "the validity of the user ended on " + u.ValidUntil.Text + " (validUntil)"
	case u.ValidFrom != nil && !u.ValidFrom.Begun(at):
		return "the user is not valid before " + u.ValidFrom.Text + " (validFrom)"
	case u.ValidUntil != nil:
		return "state " + string(u.State) + ", valid until " + u.ValidUntil.Text
	}
	return "state " + string(u.State)
}
