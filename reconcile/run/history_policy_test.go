package run_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// policy is what a provisioner declares to restrain changes, apart from adopt and deprovision. It
// holds the gates that a small organization can reach.
type policy struct {
	maxRemovals, signInNames int  // limits; off: negative
	groupDeletesOff          bool // a group may be deleted
	memberRemovalsOff        bool // a group may be emptied
	protectedUsers           []string
	protectedGroups          []string
	review                   bool // reviews are required
}

// strictPolicy holds almost everything that takes access.
func strictPolicy() *policy {
	return &policy{maxRemovals: 1, signInNames: 1, protectedUsers: []string{"u2"}, protectedGroups: []string{"g2"}}
}

// loosePolicy holds nothing.
func loosePolicy() *policy {
	return &policy{maxRemovals: -1, signInNames: -1, groupDeletesOff: true, memberRemovalsOff: true}
}

func (p *policy) clone() *policy {
	if p == nil {
		return nil
	}
	out := *p
	out.protectedUsers, out.protectedGroups = slices.Clone(p.protectedUsers), slices.Clone(p.protectedGroups)
	return &out
}

// policyCUE returns the fields of the provisioner. Only declared objects can be protected.
func (o *org) policyCUE() string {
	p := o.policy
	if p == nil {
		return ""
	}
	const off = `{off: true, reason: "test"}`
	var b strings.Builder
	limit := func(name string, n int) {
		if n < 0 {
			fmt.Fprintf(&b, "\tlimits: %s: %s\n", name, off)
		} else {
			fmt.Fprintf(&b, "\tlimits: %s: {min: %d, percent: 0}\n", name, n)
		}
	}
	limit("maxRemovals", p.maxRemovals)
	limit("signInNames", p.signInNames)
	if p.groupDeletesOff {
		fmt.Fprintf(&b, "\tlimits: groupDeletes: %s\n", off)
	}
	if p.memberRemovalsOff {
		fmt.Fprintf(&b, "\tlimits: memberRemovals: %s\n", off)
	}
	if p.review {
		b.WriteString("\treview: \"required\"\n")
	}
	for _, key := range userKeys {
		if o.protectsUser(key) {
			fmt.Fprintf(&b, "\tprotect: users: %q: {}\n", key)
		}
	}
	for _, key := range groupKeys {
		if o.protectsGroup(key) {
			fmt.Fprintf(&b, "\tprotect: groups: %q: {}\n", key)
		}
	}
	return b.String()
}

func (o *org) protectsUser(key string) bool {
	return o.users[key] != nil && slices.Contains(o.policy.protectedUsers, key)
}

func (o *org) protectsGroup(key string) bool {
	return o.groups[key] != nil && slices.Contains(o.policy.protectedGroups, key)
}

// clone returns a copy that shares nothing.
func (o *org) clone() *org {
	out := *o
	out.users, out.groups = map[string]*userState{}, map[string]*groupState{}
	for key, u := range o.users {
		copied := *u
		out.users[key] = &copied
	}
	for key, g := range o.groups {
		out.groups[key] = &groupState{name: g.name, members: maps.Clone(g.members), include: g.include}
	}
	out.selection, out.approvals = slices.Clone(o.selection), maps.Clone(o.approvals)
	out.policy, out.previously = o.policy.clone(), slices.Clone(o.previously)
	return &out
}

// provisioner returns the key of the provisioner.
func (o *org) provisioner() string {
	if o.key == "" {
		return "aws"
	}
	return o.key
}
