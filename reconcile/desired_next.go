package reconcile

import (
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// desiredSource is what a Desired was computed from.
type desiredSource struct {
	declarations *schema.Declarations
	provisioner  *schema.Provisioner
	mapping      *schema.Mapping
	at           time.Time
}

// datedKeys are the declared users with a first or last day, and the selected groups with a member
// whose membership ends. Only these need a look when time passes.
type datedKeys struct{ users, groups map[string]bool }

// DesiredChanges are the keys of the users and groups that are desired differently in two states.
// Positions do not count.
type DesiredChanges struct{ Users, Groups map[string]bool }

// Next returns what Desire(declarations, p, now) returns, computed from d: only users and groups
// that the declarations changed, or for which a date passed, are computed again. The others are
// shared with d. It returns nil if too much may differ for that, or if a user cannot be mapped;
// then the caller uses Desire:
//
//	d is that of a removed provisioner, or of a later time
//	the provisioner or its mapping was edited
//	the mapping reads the groups of users
//	a membership may have ended since d
func (d *Desired) Next(declarations *schema.Declarations, p *schema.Provisioner, now time.Time) *Desired {
	mapping := declarations.Mappings[p.Mapping]
	if d == nil || d.source == nil || now.Before(d.source.at) || mapping == nil || mapping.ReadsGroups() ||
		!mapping.SameAs(d.source.mapping) || !reflect.DeepEqual(p, d.source.provisioner) {
		return nil
	}
	changes := declarations.ChangedSince(d.source.declarations)
	membership, groups := declarations.NextMembership(d.Membership, changes, now)
	if membership == nil {
		return nil
	}
	out := *d
	out.Membership, out.Declared, out.all = membership, declarations.Users, nil
	out.source = &desiredSource{declarations: declarations, provisioner: p, mapping: mapping, at: now}
	if p.AllUsers && !sameKeys(d.source.declarations.Groups, declarations.Groups, changes.Groups) {
		out.Selected = slices.Sorted(maps.Keys(declarations.Groups))
	}
	moved := d.moved(&out, groups)
	edited := d.passed(now)
	for _, key := range changes.Users {
		edited[key] = true
	}
	for key := range moved {
		edited[key] = true
	}
	changed := DesiredChanges{Groups: out.nextGroups(d, slices.Concat(changes.Groups, groups))}
	var ok bool
	if changed.Users, ok = out.nextUsers(d, edited, moved); !ok {
		return nil
	}
	out.dated = d.dated.next(&out, edited, slices.Concat(changes.Groups, groups))
	out.changed, out.before = changed, d.source
	out.crowded = d.nextCrowded(&out)
	return &out
}

// sameKeys reports whether two maps have the same keys, if no others than changed ones differ.
func sameKeys[V any](a, b map[string]V, changed []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(changed, func(key string) bool {
		_, inA := a[key]
		_, inB := b[key]
		return inA != inB
	})
}

// passed returns the keys of the users for whom a first or last day began or passed since d.
func (d *Desired) passed(now time.Time) map[string]bool {
	out, then := map[string]bool{}, d.source.at
	for key := range d.dated.users {
		u := d.Declared[key]
		if u.ValidFrom != nil && u.ValidFrom.Begun(then) != u.ValidFrom.Begun(now) ||
			u.ValidUntil != nil && u.ValidUntil.Over(then) != u.ValidUntil.Over(now) {
			out[key] = true
		}
	}
	return out
}

// moved returns the keys of the users who are members of one of the groups in only one of two
// states. Only selected groups count, because only they bring users into scope.
func (d *Desired) moved(later *Desired, groups []string) map[string]bool {
	out := map[string]bool{}
	if d.AllUsers {
		return out
	}
	for _, key := range groups {
		if !d.selects(key) {
			continue
		}
		a, b := d.Membership.Group(key), later.Membership.Group(key)
		for len(a) > 0 || len(b) > 0 {
			switch {
			case len(a) > 0 && len(b) > 0 && a[0].User == b[0].User:
				a, b = a[1:], b[1:]
			case len(b) == 0 || len(a) > 0 && a[0].User < b[0].User:
				out[a[0].User] = true
				a = a[1:]
			default:
				out[b[0].User] = true
				b = b[1:]
			}
		}
	}
	return out
}

// nextUsers sets the users: those of before, and the edited ones computed again. It returns those
// that are desired differently; false if one of them cannot be mapped. moved are those whose
// memberships of selected groups changed.
func (d *Desired) nextUsers(before *Desired, edited, moved map[string]bool) (map[string]bool, bool) {
	changed := map[string]bool{}
	if len(edited) == 0 {
		return changed, true
	}
	d.Users = maps.Clone(before.Users)
	for key := range edited {
		was, u := before.Users[key], d.Declared[key]
		in := d.AllUsers || was != nil
		if moved[key] {
			in = d.inScope(key)
		}
		if u == nil || !in {
			delete(d.Users, key)
			if was != nil {
				changed[key] = true
			}
			continue
		}
		mapped, err := d.source.mapping.Map(UserAt(u, d.source.at), nil)
		if err != nil {
			return nil, false
		}
		user := desiredUser(u, mapped, d.source.at)
		d.Users[key] = &user
		if was == nil || !was.sameAs(&user) {
			changed[key] = true
		}
	}
	return changed, true
}

// sameAs reports whether two users are the same except for their position.
func (u *DesiredUser) sameAs(other *DesiredUser) bool {
	sameEnd := u.Until == other.Until ||
		u.Until != nil && other.Until != nil && u.Until.End.Equal(other.Until.End) && u.Until.Text == other.Until.Text
	sameFrom := u.From == other.From || u.From != nil && other.From != nil && u.From.Text == other.From.Text
	return sameEnd && sameFrom && u.Active == other.Active && u.Ended == other.Ended && u.State == other.State &&
		slices.Equal(u.Attributes, other.Attributes) && slices.Equal(u.OnCreate, other.OnCreate) &&
		slices.Equal(u.Previously, other.Previously)
}

// inScope reports whether a declared user is a member of a selected group.
func (d *Desired) inScope(key string) bool {
	return d.AllUsers || slices.ContainsFunc(d.Selected, func(group string) bool {
		_, member := d.Membership.Member(group, key)
		return member
	})
}

// nextGroups sets the groups: those of before, and the edited ones computed again. It returns those
// that are desired differently.
func (d *Desired) nextGroups(before *Desired, edited []string) map[string]bool {
	changed, declared := map[string]bool{}, d.source.declarations.Groups
	if !d.source.provisioner.PushGroups {
		d.setPreviousGroups(d.source.declarations)
		return changed
	}
	if len(edited) == 0 {
		return changed
	}
	d.Groups = maps.Clone(before.Groups)
	for _, key := range edited {
		was := before.Groups[key]
		if g := declared[key]; g == nil || !d.selects(key) {
			delete(d.Groups, key)
			if was != nil {
				changed[key] = true
			}
			continue
		}
		d.Groups[key] = d.desireGroup(declared[key])
		if was == nil || !was.sameAs(d.Groups[key]) {
			changed[key] = true
		}
	}
	return changed
}

// sameAs reports whether two groups are the same except for their position.
func (g *DesiredGroup) sameAs(other *DesiredGroup) bool {
	return g.DisplayName == other.DisplayName && slices.Equal(g.Members, other.Members) &&
		slices.Equal(g.Previously, other.Previously)
}

// newDatedKeys returns the dated keys of a desired state.
func newDatedKeys(d *Desired) *datedKeys {
	out := &datedKeys{users: map[string]bool{}, groups: map[string]bool{}}
	for key, u := range d.Declared {
		if u.ValidFrom != nil || u.ValidUntil != nil {
			out.users[key] = true
		}
	}
	for _, key := range d.Selected {
		if hasEnd(d.Membership.Group(key)) {
			out.groups[key] = true
		}
	}
	return out
}

// datedUsers returns the users in scope with a first or last day, in no order.
func (d *Desired) datedUsers() iter.Seq2[string, *DesiredUser] {
	if d.dated == nil {
		return maps.All(d.Users)
	}
	return func(yield func(string, *DesiredUser) bool) {
		for key := range d.dated.users {
			if u := d.Users[key]; u != nil && !yield(key, u) {
				return
			}
		}
	}
}

// datedGroups returns the selected groups with a membership that ends, in no order.
func (d *Desired) datedGroups() iter.Seq[string] {
	if d.dated == nil {
		return slices.Values(d.Selected)
	}
	return maps.Keys(d.dated.groups)
}

func hasEnd(members []schema.GroupMember) bool {
	for i := range members {
		if members[i].Until != nil {
			return true
		}
	}
	return false
}

// next returns the dated keys of a later desired state, in which some users and groups were
// computed again.
func (k *datedKeys) next(later *Desired, users map[string]bool, groups []string) *datedKeys {
	return &datedKeys{
		users: nextSet(k.users, maps.Keys(users), func(key string) bool {
			u := later.Declared[key]
			return u != nil && (u.ValidFrom != nil || u.ValidUntil != nil)
		}),
		groups: nextSet(k.groups, slices.Values(groups), func(key string) bool {
			return later.selects(key) && hasEnd(later.Membership.Group(key))
		}),
	}
}

// nextSet returns a set in which the changed keys are members if in says so. It returns the same
// set if that makes no difference.
func nextSet(set map[string]bool, changed iter.Seq[string], in func(string) bool) map[string]bool {
	var out map[string]bool
	for key := range changed {
		is := in(key)
		if is == set[key] {
			continue
		}
		if out == nil {
			out = maps.Clone(set)
		}
		if is {
			out[key] = true
		} else {
			delete(out, key)
		}
	}
	if out == nil {
		return set
	}
	return out
}
