package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Desired is what a provisioner's directory should hold. It is a function of declarations and time.
type Desired struct {
	Users    map[string]*DesiredUser
	Groups   map[string]*DesiredGroup
	AllUsers bool // no groups are selected: all users are in scope
	// Removed means that the provisioner is no longer declared: its users are deprovisioned, its
	// groups stay.
	Removed bool
	// Selected are the keys of the selected groups, or of all groups. Their members are in scope.
	Selected   []string
	Membership *schema.Membership
	// Declared are all declared users, in scope or not.
	Declared map[string]*schema.User
	// previousGroups are the earlier keys of the selected groups that are not in Groups.
	previousGroups map[string][]string

	source *desiredSource // nil for a removed provisioner
	dated  *datedKeys     // nil for a removed provisioner
	// before is the source of the state from which Next computed this one, and changed is the
	// difference between the two. before is nil if Desire computed this one.
	before  *desiredSource
	changed DesiredChanges
	crowded []string // the sorted keys of the users in too many groups
	// all is the whole desired state if Users and Groups have only a part of it; nil otherwise.
	all *Desired
}

// whole returns the whole desired state.
func (d *Desired) whole() *Desired {
	if d != nil && d.all != nil {
		return d.all
	}
	return d
}

// selects reports whether a group is selected.
func (d *Desired) selects(group string) bool {
	if d.AllUsers && d.source != nil {
		return d.source.declarations.Groups[group] != nil
	}
	return slices.Contains(d.Selected, group)
}

// DesiredUser is a user in scope.
type DesiredUser struct {
	Key string
	At  schema.Pos
	// Attributes are the managed attributes; an empty value means that the attribute must be
	// absent. They are shared and must not be changed.
	Attributes Attributes
	OnCreate   Attributes
	Active     bool
	Until      *schema.Date // the last day of the user's validity; nil if none is declared
	Previously []string     // earlier keys
	// Ended is true if the user is inactive because Until has passed, whatever the declared state.
	Ended bool
	// State is the declared state, and From the first day of the validity if that is still to come.
	// They say why the user is inactive.
	State schema.UserState
	From  *schema.Date
}

// DesiredGroup is a group that is pushed.
type DesiredGroup struct {
	Key         string
	At          schema.Pos
	DisplayName string
	Members     []string // sorted user keys
	Previously  []string
}

// Desire computes what the directory of provisioner p should hold at now. The error is
// schema.Problems if the mapping fails for users.
func Desire(d *schema.Declarations, p *schema.Provisioner, now time.Time) (*Desired, error) {
	mapping := d.Mappings[p.Mapping]
	if mapping == nil {
		return nil, fmt.Errorf("provisioner %q: there is no mapping %q", p.Key, p.Mapping)
	}
	out := &Desired{
		Groups: map[string]*DesiredGroup{}, AllUsers: p.AllUsers, Selected: p.Groups, Membership: d.Membership(now),
		Declared: d.Users,
	}
	if p.AllUsers {
		out.Selected = slices.Sorted(maps.Keys(d.Groups))
	}
	if err := out.desireUsers(d, p, mapping, now); err != nil {
		return nil, err
	}
	if p.PushGroups {
		for _, key := range out.Selected {
			out.Groups[key] = out.desireGroup(d.Groups[key])
		}
	}
	out.setPreviousGroups(d)
	out.source = &desiredSource{declarations: d, provisioner: p, mapping: mapping, at: now}
	out.dated, out.crowded = newDatedKeys(out), out.usersInMoreThan(maxGroupsOfUser)
	return out, nil
}

// setPreviousGroups sets the earlier keys of the groups that are selected and not pushed.
func (d *Desired) setPreviousGroups(decls *schema.Declarations) {
	d.previousGroups = map[string][]string{}
	for _, key := range d.Selected {
		if g := decls.Groups[key]; g != nil && d.Groups[key] == nil && len(g.Previously) > 0 {
			d.previousGroups[key] = g.Previously
		}
	}
}

// desireUsers maps the users in scope.
func (d *Desired) desireUsers(decls *schema.Declarations, p *schema.Provisioner, mapping *schema.Mapping,
	now time.Time) error {
	scope := d.scope(decls, p)
	d.Users = make(map[string]*DesiredUser, len(scope))
	users := make([]DesiredUser, len(scope)) // one allocation instead of one for each user
	groups := func(string) []string { return nil }
	if mapping.ReadsGroups() {
		groups = d.Membership.GroupsOf
	}
	failed := map[string]schema.Problems{}
	for key, u := range scope {
		mapped, err := mapping.Map(UserAt(u, now), groups(key))
		if err != nil {
			var problems schema.Problems
			if !errors.As(err, &problems) {
				return fmt.Errorf("map user %q: %w", key, err)
			}
			failed[key] = problems
			continue
		}
		user := &users[len(d.Users)]
		*user = desiredUser(u, mapped, now)
		d.Users[key] = user
	}
	var problems schema.Problems
	for _, key := range slices.Sorted(maps.Keys(failed)) {
		problems = append(problems, failed[key]...)
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// scope returns the users in the provisioner's scope, by key.
func (d *Desired) scope(decls *schema.Declarations, p *schema.Provisioner) map[string]*schema.User {
	if p.AllUsers {
		return decls.Users
	}
	in := make(map[string]*schema.User, len(decls.Users))
	for _, group := range d.Selected {
		for _, m := range d.Membership.Group(group) {
			if in[m.User] == nil {
				in[m.User] = decls.Users[m.User]
			}
		}
	}
	return in
}

// UserAt returns a user as of now: outside its validity a user is inactive, whatever its
// state.
func UserAt(u *schema.User, now time.Time) *schema.User {
	if u.ValidFrom != nil && !u.ValidFrom.Begun(now) || u.ValidUntil != nil && u.ValidUntil.Over(now) {
		inactive := *u
		inactive.State = schema.Inactive
		return &inactive
	}
	return u
}

// ended reports whether a user is inactive because validUntil has passed, whatever the state.
func ended(u *schema.User, now time.Time) bool {
	return u.State != schema.Inactive && u.ValidUntil != nil && u.ValidUntil.Over(now)
}

func desiredUser(u *schema.User, mapped schema.Mapped, now time.Time) DesiredUser {
	active, _ := mapped.Attributes.Get("active")
	user := DesiredUser{
		Key:        u.Key,
		At:         u.Pos,
		Attributes: mapped.Attributes,
		OnCreate:   mapped.OnCreate,
		Active:     active == "true",
		Until:      u.ValidUntil,
		Previously: u.Previously,
		Ended:      ended(u, now),
		State:      u.State,
	}
	if u.ValidFrom != nil && !u.ValidFrom.Begun(now) {
		user.From = u.ValidFrom
	}
	return user
}

// whyInactive returns the reason for which a user is to be inactive.
func (u *DesiredUser) whyInactive() string {
	switch {
	case u.Ended:
		return "valid until " + u.Until.Text
	case u.State == schema.Locked:
		return "declared LOCKED"
	case u.State == schema.Active && u.From != nil:
		return "valid from " + u.From.Text
	case u.State == schema.Active:
		return "declared ACTIVE, but the mapping sets active to false"
	}
	return "declared inactive"
}

func (d *Desired) desireGroup(g *schema.Group) *DesiredGroup {
	effective := d.Membership.Group(g.Key)
	members := make([]string, len(effective))
	for i := range effective {
		members[i] = effective[i].User
	}
	return &DesiredGroup{Key: g.Key, At: g.Pos, DisplayName: g.DisplayName, Members: members, Previously: g.Previously}
}

// has reports whether a user should be a member of a group.
func (d *Desired) has(group, user string) bool {
	g := d.Groups[group]
	if g == nil {
		return false
	}
	_, found := slices.BinarySearch(g.Members, user)
	return found
}

// Member returns why a user is in a group; false if the user is not.
func (d *Desired) Member(group, user string) (schema.GroupMember, bool) {
	return d.Membership.Member(group, user)
}

// DesiredOfRemoved returns what is desired for a removed provisioner: its users are deprovisioned,
// its groups stay unchanged.
func DesiredOfRemoved(p *schema.Provisioner) *Desired {
	return &Desired{
		Users: map[string]*DesiredUser{}, Groups: map[string]*DesiredGroup{}, AllUsers: p.AllUsers, Removed: true,
		Membership: &schema.Membership{},
	}
}

// merge merges two sorted attribute lists. Where both have a path, the value of over counts. An
// empty value removes the path.
func merge(under, over Attributes) Attributes {
	out := make(Attributes, 0, len(under)+len(over))
	put := func(a schema.Attribute) {
		if a.Value != "" {
			out = append(out, a)
		}
	}
	for len(under) > 0 || len(over) > 0 {
		switch {
		case len(over) == 0 || len(under) > 0 && under[0].Path < over[0].Path:
			put(under[0])
			under = under[1:]
		case len(under) == 0 || over[0].Path < under[0].Path:
			put(over[0])
			over = over[1:]
		default:
			put(over[0])
			under, over = under[1:], over[1:]
		}
	}
	return out
}
