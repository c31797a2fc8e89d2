package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// announceDays is the number of days before many users lose access at once at which plans announce
// it.
const announceDays = 7

// upcomingLoss is a date on which more users lose access than a gate would let through as an edit.
type upcomingLoss struct {
	date  *schema.Date
	group string // key; empty: all access
	users int
	gate  string
}

// String returns the date and how many users lose access.
func (l upcomingLoss) String() string {
	what := "all access"
	if l.group != "" {
		what = fmt.Sprintf("their membership in %q", l.group)
	}
	return fmt.Sprintf("on %s %d users lose %s at once; gate %s would hold an edit of this size, "+
		"but it does not hold reviewed dates", l.date.Text, l.users, what, l.gate)
}

// upcomingLosses lists the losses within announceDays, the soonest first. A gate that is off would
// hold nothing.
func upcomingLosses(in PlanInput) []upcomingLoss {
	type loss struct {
		at    time.Time
		group string
	}
	losses := map[loss]*upcomingLoss{}
	add := func(until *schema.Date, group, gate string) {
		if until == nil || until.Over(in.Now) || until.End.After(in.Now.AddDate(0, 0, announceDays)) {
			return
		}
		key := loss{until.End, group}
		if losses[key] == nil {
			losses[key] = &upcomingLoss{date: until, group: group, gate: gate}
		}
		losses[key].users++
	}
	dated := map[string]bool{}  // users with a date
	ending := map[string]bool{} // users with a membership that ends
	desired := in.Desired.whole()
	for group := range desired.datedGroups() {
		members := desired.Membership.Group(group)
		for i := range members {
			if m := &members[i]; m.Until != nil {
				dated[m.User], ending[m.User] = true, true
				add(m.Until, group, gateMemberRemovals)
			}
		}
	}
	for key := range desired.datedUsers() {
		dated[key] = true
	}
	for key := range dated {
		u := desired.Users[key]
		if u == nil || !u.Active {
			continue
		}
		end := u.Until
		var left *schema.Date
		if ending[key] {
			left = desired.scopeEnd(key)
		}
		if left != nil && (end == nil || left.End.Before(end.End)) {
			end = left
		}
		add(end, "", gateMaxRemovals)
	}
	var out []upcomingLoss
	for _, l := range losses {
		if l.users > in.allowedRemovals(l.gate, l.group) {
			out = append(out, *l)
		}
	}
	slices.SortFunc(out, func(a, b upcomingLoss) int {
		return cmp.Or(a.date.End.Compare(b.date.End), strings.Compare(a.group, b.group))
	})
	return out
}

// scopeEnd returns the date on which the last of a user's selected memberships ends; nil if one of
// them does not end.
func (d *Desired) scopeEnd(user string) *schema.Date {
	if d.AllUsers {
		return nil
	}
	var last *schema.Date
	for _, group := range d.Membership.GroupsOf(user) {
		if !slices.Contains(d.Selected, group) {
			continue
		}
		m, _ := d.Member(group, user)
		if m.Until == nil {
			return nil
		}
		if last == nil || m.Until.End.After(last.End) {
			last = m.Until
		}
	}
	return last
}

// allowedRemovals returns how many removals a gate lets through as an edit: of all users, or in a
// group. A commit that loosens the gate does not hide the losses that it brings.
func (in PlanInput) allowedRemovals(gate, group string) int {
	declared := in.stricter().Limits[gate]
	if declared != nil && declared.Off {
		return unbounded
	}
	base := len(in.Ledger.Users) + in.rest.userCount()
	if group != "" {
		base = len(in.Desired.Membership.Group(group))
	}
	return gateNamed(gate).tuned(declared).of(base)
}
