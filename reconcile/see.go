package reconcile

import (
	"context"
	"fmt"
	"slices"
)

// mostRounds bounds how often a plan is made anew because what was looked up was otherwise than remembered. A directory that changes faster
// than that is read whole.
const mostRounds = 5

// Plan looks at the directory and plans, until the plan rests on nothing that this run has not seen with its own eyes.
func (r *DirectoryReader) Plan(ctx context.Context, in PlanInput, history *ReviewHistory) (*Plan, *sight, error) {
	look := r.lookFor(in.Want, in.Ledger)
	v, err := r.look(ctx, look)
	for round := 0; err == nil; round++ {
		in.Observed = v.Observed
		in.Observed.ReadAt = v.oldest()
		in.Reviewed = history.Reviewed(in)
		plan := NewPlan(in)
		missing := v.needsOf(plan, in)
		if v.whole {
			return plan, v, nil
		}
		plan.CachedRead = &Remembered{OldestRead: in.Observed.ReadAt, Lookups: len(v.seen)}
		if missing.none() {
			return plan, v, nil
		}
		if round == mostRounds {
			v, err = r.readAll(ctx, look)
			continue
		}
		before := v.version
		if err = r.lookUp(ctx, v, missing); err == nil && v.version == before { // all is as remembered
			plan.CachedRead.Lookups = len(v.seen)
			return plan, v, nil
		}
	}
	return nil, nil, fmt.Errorf("read %s: %w", r.Provisioner.Identity(), err)
}

// look is how this run comes to see the directory: all of it, or what is remembered with a part read again.
func (r *DirectoryReader) look(ctx context.Context, look Look) (*sight, error) {
	if r.Cached == nil || r.Trigger == "command" {
		return r.readAll(ctx, look)
	}
	v := newSight(r.Cached.copy())
	due := sweepOf(v.Recollection, r.Provisioner, v.wanted(look), r.Trigger == "schedule", r.Started)
	if due.whole || v.UsersReadAt.IsZero() {
		return r.readAll(ctx, look)
	}
	if due.users {
		if err := r.listUsers(ctx, v); err != nil {
			return nil, err
		}
	}
	if r.Provisioner.PushGroups && (due.groups || v.GroupsReadAt.IsZero()) {
		if err := r.listGroups(ctx, v); err != nil {
			return nil, err
		}
	}
	n := needs{wishes: v.Unverified}
	if r.Provisioner.PushGroups {
		for _, id := range v.wanted(look) {
			if _, read := v.Observed.Members[id]; !read || slices.Contains(due.members, id) {
				n.wish(v, wish{seeMembers, id})
			}
		}
	}
	if err := r.lookUp(ctx, v, n); err != nil {
		return nil, err
	}
	v.Unverified = nil
	return v, nil
}

func (r *DirectoryReader) readAll(ctx context.Context, look Look) (*sight, error) {
	o, err := Observe(ctx, r.Directory, look, r.Started)
	if err != nil {
		return nil, err
	}
	v := newSight(recollect(o, r.Provisioner))
	v.whole = true
	return v, nil
}

// wanted lists the ids of the groups whose members matter.
func (c *Recollection) wanted(look Look) []string {
	var out []string
	for _, g := range c.Observed.Groups {
		if look.Wanted == nil || look.Wanted(g) {
			out = append(out, g.ID)
		}
	}
	return out
}

// lookFor asks for the members of our groups and of those that we might adopt; other people's groups stay unread.
func (r *DirectoryReader) lookFor(want *Desired, ledger *Ledger) Look {
	ours := map[string]bool{}
	for _, owned := range ledger.Groups {
		ours[owned.ID] = true
	}
	sizes := map[string]int{} // by folded name and by externalId
	for key, g := range want.Groups {
		sizes["name/"+fold(g.DisplayName)], sizes["key/"+key] = len(g.Members), len(g.Members)
	}
	size := func(g RemoteGroup) (int, bool) {
		if n, ok := sizes["name/"+fold(g.DisplayName)]; ok {
			return n, true
		}
		n, ok := sizes["key/"+g.ExternalID]
		return n, ok
	}
	return Look{Groups: r.Provisioner.PushGroups, Concurrency: r.Provisioner.Rate.Concurrency, Users: min(len(want.Users), len(ledger.Users)),
		Progress: r.progress("read memberships"),
		Wanted:   func(g RemoteGroup) bool { _, wanted := size(g); return wanted || ours[g.ID] },
		Sizes:    func(g RemoteGroup) int { n, _ := size(g); return n }}
}
