package reconcile

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// declaredAccess checks assertions on the declared access.
type declaredAccess struct {
	d           *schema.Declarations
	membership  *schema.Membership
	desired     []*Desired
	now         time.Time
	ignoreDates bool // no membership or validity has an end or a beginning
}

func (x declaredAccess) check(a *schema.Assertion) Violation {
	switch {
	case a.Disjoint != nil:
		several := x.inSeveral(a.Disjoint)
		return disjoint(a.Disjoint, func(group string) []Violator {
			var in []Violator
			for _, m := range x.membership.Group(group) {
				if several[m.User] < 2 {
					continue
				}
				in = append(in, Violator{Key: m.User, Name: x.name(m.User), Paths: []string{membershipText(group, m)}})
			}
			return in
		})
	case a.AtLeast != nil:
		var active []Violator
		for _, m := range x.membership.Group(a.AtLeast.Group) {
			if u := x.d.Users[m.User]; u.State == schema.Active && (x.ignoreDates || InvalidReason(u, x.now) == "") {
				active = append(active, Violator{Key: m.User, Name: x.name(m.User)})
			}
		}
		return atLeast(a.AtLeast, active)
	case a.Only != nil:
		return x.only(a.Only)
	}
	return Violation{}
}

// inSeveral returns in how many of some groups each of their members is.
func (x declaredAccess) inSeveral(groups []string) map[string]int {
	out := map[string]int{}
	for _, group := range groups {
		for _, m := range x.membership.Group(group) {
			out[m.User]++
		}
	}
	return out
}

// only checks all users in the scope of a provisioner. Time only removes users from a scope, so no
// date causes a violation, unless the attribute is the one that dates change.
func (x declaredAccess) only(o *schema.Only) Violation {
	matches := compiled(o.Pattern)
	found := map[string]Violator{}
	dated := true
	for _, desired := range x.desired {
		for key, u := range desired.Users {
			declared := x.d.Users[key]
			value, _ := u.Attributes.Get(o.Attribute)
			if declared == nil || value == "" || !matches(value) || o.Where.Matches(declared) {
				continue
			}
			found[key] = Violator{Key: key, Name: x.name(key), Paths: []string{differs(o, declared, u.At)}}
			dated = dated && o.Attribute == "active" && (declared.ValidFrom != nil || declared.ValidUntil != nil)
		}
	}
	return onlySome(o, found, dated)
}

// name returns the userName of a user, or the email address if no provisioner desires the user.
func (x declaredAccess) name(key string) string {
	for _, desired := range x.desired {
		if u := desired.Users[key]; u != nil {
			name, _ := u.Attributes.Get("userName")
			return name
		}
	}
	return x.d.Users[key].Email
}

// observedAccess checks assertions on the observed access.
type observedAccess struct {
	d        *schema.Declarations
	observed *Observed
	linking  *Linking
}

func (x observedAccess) check(a *schema.Assertion) Violation {
	switch {
	case a.Disjoint != nil:
		return disjoint(a.Disjoint, func(group string) []Violator {
			var in []Violator
			for _, ref := range x.members(group) {
				w := x.violator(ref)
				w.Paths = []string{fmt.Sprintf("is in %q", group)}
				in = append(in, w)
			}
			return in
		})
	case a.AtLeast != nil:
		if x.linking.State.Groups[a.AtLeast.Group] == nil {
			return Violation{}
		}
		active := map[string]bool{}
		for i := range x.observed.Users {
			value, _ := x.observed.Users[i].Attributes.Get("active")
			active[x.observed.Users[i].ID] = value == "true"
		}
		var in []Violator
		for _, ref := range x.members(a.AtLeast.Group) {
			if active[x.id(ref)] {
				in = append(in, x.violator(ref))
			}
		}
		return atLeast(a.AtLeast, in)
	case a.Only != nil:
		return x.only(a.Only)
	}
	return Violation{}
}

func (x observedAccess) only(o *schema.Only) Violation {
	matches := compiled(o.Pattern)
	keys := map[string]string{}
	for key, u := range x.linking.State.Users {
		keys[u.ID] = key
	}
	found := map[string]Violator{}
	for i := range x.observed.Users {
		u := &x.observed.Users[i]
		value, _ := u.Attributes.Get(o.Attribute)
		if value == "" || !matches(value) {
			continue
		}
		key := keys[u.ID]
		declared := x.d.Users[key]
		switch {
		case declared == nil:
			found[u.ID] = Violator{Key: key, Name: u.UserName(), Paths: []string{"is not declared"}}
		case !o.Where.Matches(declared):
			found[u.ID] = Violator{Key: key, Name: u.UserName(), Paths: []string{differs(o, declared, declared.Pos)}}
		}
	}
	return onlySome(o, found, false)
}

// members returns the member references of a group.
func (x observedAccess) members(group string) []string {
	if g := x.linking.State.Groups[group]; g != nil {
		return g.Members
	}
	return nil
}

// id returns the id of a member.
func (x observedAccess) id(ref string) string {
	if u := x.linking.State.Users[ref]; u != nil {
		return u.ID
	}
	return strings.TrimPrefix(ref, "#")
}

// violator returns a member as a violator.
func (x observedAccess) violator(ref string) Violator {
	if u := x.linking.State.Users[ref]; u != nil {
		return Violator{Key: ref, Name: u.Name()}
	}
	name := x.linking.UnmanagedUsers[ref]
	if name == "" {
		name = strings.TrimPrefix(ref, "#")
	}
	return Violator{Name: name}
}

// differs returns the position of a user with the fields that do not satisfy the assertion.
func differs(o *schema.Only, u *schema.User, at schema.Pos) string {
	return fmt.Sprintf("declared at %s, with a different %s", at, strings.Join(o.Where.Mismatches(u), " and "))
}
