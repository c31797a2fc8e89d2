package run_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// org is the declared organization. Keys are fixed; names move between them.
type org struct {
	users  map[string]*userState
	groups map[string]*groupState

	enabled            bool
	paused             string // until
	adopt, deprovision string
	deleteAfter        int
	selection          []string // empty: all users
	pushGroups         bool
	approvals          map[string]string // digest -> reason
	policy             *policy           // nil: the default
	key                string            // of the provisioner; empty: aws
	previously         []string          // earlier keys of the provisioner
	serial             bool              // calls are made one after the other
}

type userState struct{ name, state, until, previously string }

type groupState struct {
	name    string
	members map[string]string // user -> until
	include string
}

func newOrg() *org {
	o := &org{users: map[string]*userState{}, groups: map[string]*groupState{}, enabled: true, adopt: "never",
		deprovision: "deactivate", pushGroups: true, approvals: map[string]string{}}
	for i, key := range userKeys[:4] {
		o.users[key] = &userState{name: userNames[i], state: "ACTIVE"}
	}
	for i, key := range groupKeys[:2] {
		o.groups[key] = &groupState{name: teamNames[i], members: map[string]string{"u1": "", userKeys[i+1]: ""}}
	}
	return o
}

// rekey gives a user another key, in all groups.
func (o *org) rekey(old, key string) {
	u := o.users[old]
	delete(o.users, old)
	o.users[key] = u
	u.previously = old
	for _, g := range o.groups {
		if until, member := g.members[old]; member {
			delete(g.members, old)
			g.members[key] = until
		}
	}
}

// previousKey returns the earlier key of a user, unless another user has it or names it too.
func (o *org) previousKey(key string) string {
	if o.users[key] == nil {
		return ""
	}
	old := o.users[key].previously
	if old == "" || o.users[old] != nil {
		return ""
	}
	for _, other := range slices.Sorted(maps.Keys(o.users)) {
		if o.users[other].previously == old && other < key {
			return ""
		}
	}
	return old
}

func (o *org) cue() (provisioner, cue string) {
	var p, b strings.Builder
	// At this rate a scheduled run can refresh almost nothing.
	fmt.Fprintf(&p, "enabled: %v, adopt: %q, pushGroups: %v, rate: perSecond: 0.01\n", o.enabled, o.adopt, o.pushGroups)
	if o.serial {
		p.WriteString("\trate: concurrency: 1\n")
	}
	fmt.Fprintf(&p, "\tdeprovision: {mode: %q", o.deprovision)
	if o.deleteAfter > 0 {
		fmt.Fprintf(&p, ", deleteAfterDays: %d", o.deleteAfter)
	}
	p.WriteString("}\n")
	if o.paused != "" {
		fmt.Fprintf(&p, "\tpaused: {reason: \"test\", until: %q}\n", o.paused)
	}
	var selection []string
	for _, key := range o.selection {
		if o.groups[key] != nil {
			selection = append(selection, key)
		}
	}
	if len(selection) > 0 {
		fmt.Fprintf(&p, "\tgroups: [\"%s\"]\n", strings.Join(selection, `", "`))
	}
	for _, key := range slices.Sorted(maps.Keys(o.users)) {
		u := o.users[key]
		fmt.Fprintf(&b,
			"users: %q: {userId: %q, firstName: %q, lastName: \"Test\", email: \"%s@example.com\", state: %q", key,
			u.name, u.name, u.name, u.state)
		if u.until != "" {
			fmt.Fprintf(&b, ", validUntil: %q", u.until)
		}
		if old := o.previousKey(key); old != "" {
			fmt.Fprintf(&b, ", previously: %q: {}", old)
		}
		b.WriteString("}\n")
	}
	for _, key := range slices.Sorted(maps.Keys(o.groups)) {
		g := o.groups[key]
		fmt.Fprintf(&b, "groups: %q: displayName: %q\n", key, g.name)
		for _, m := range slices.Sorted(maps.Keys(g.members)) {
			if o.users[m] == nil {
				continue
			}
			until := ""
			if g.members[m] != "" {
				until = fmt.Sprintf("until: %q", g.members[m])
			}
			fmt.Fprintf(&b, "groups: %q: members: %q: {%s}\n", key, m, until)
		}
		if g.include > key && o.groups[g.include] != nil { // never a circle
			fmt.Fprintf(&b, "groups: %q: include: %q: {}\n", key, g.include)
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(o.approvals)) {
		fmt.Fprintf(&b, "approvals: %q: {reason: %q, expires: \"2030-01-01\"}\n", digest, o.approvals[digest])
	}
	p.WriteString(o.policyCUE())
	for _, key := range o.previously {
		fmt.Fprintf(&p, "\tpreviously: %q: {}\n", key)
	}
	return p.String(), b.String()
}
