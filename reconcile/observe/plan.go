package observe

import (
	"context"
	"fmt"
	"github.com/seed-d64a251c/roster/reconcile"
	"slices"
)

// mostRounds bounds how often a plan is made anew because what was looked up was otherwise than remembered. A directory that changes faster
// than that is read whole.
const maxRounds = 5

// Plan looks at the directory and plans, until the plan rests on nothing that this run has not seen with its own eyes.
func (r *Reader) ObserveAndPlan(ctx context.Context, in reconcile.PlanInput, history *reconcile.ReviewHistory) (*reconcile.Plan, *View, error) {
	look := r.options(in.Desired, in.Ledger)
	v, err := r.refresh(ctx, look)
	for round := 0; err == nil; round++ {
		in.Observed = v.Observed
		in.Observed.ReadAt = v.oldest()
		in.Reviewed = history.Reviewed(in)
		plan := reconcile.NewPlan(in)
		missing := v.requiredLookups(plan, in)
		if v.whole {
			return plan, v, nil
		}
		plan.CachedRead = &reconcile.CachedRead{OldestRead: in.Observed.ReadAt, Lookups: len(v.done)}
		if missing.empty() {
			return plan, v, nil
		}
		if round == maxRounds {
			v, err = r.fullRead(ctx, look)
			continue
		}
		before := v.version
		if err = r.lookUp(ctx, v, missing); err == nil && v.version == before { // all is as remembered
			plan.CachedRead.Lookups = len(v.done)
			return plan, v, nil
		}
	}
	return nil, nil, fmt.Errorf("read %s: %w", r.Provisioner.Identity(), err)
}

// look is how this run comes to see the directory: all of it, or what is remembered with a part read again.
func (r *Reader) refresh(ctx context.Context, look Options) (*View, error) {
	if r.Cached == nil || r.Trigger == "command" {
		return r.fullRead(ctx, look)
	}
	v := newView(r.Cached.copy())
	due := planRefresh(v.CachedDirectory, r.Provisioner, v.wanted(look), r.Trigger == "schedule", r.Started)
	if due.whole || v.UsersReadAt.IsZero() {
		return r.fullRead(ctx, look)
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
	n := requiredLookups{lookups: v.Unverified}
	if r.Provisioner.PushGroups {
		for _, id := range v.wanted(look) {
			if _, read := v.Observed.Members[id]; !read || slices.Contains(due.members, id) {
				n.add(v, lookup{lookupMembers, id})
			}
		}
	}
	if err := r.lookUp(ctx, v, n); err != nil {
		return nil, err
	}
	v.Unverified = nil
	return v, nil
}

func (r *Reader) fullRead(ctx context.Context, look Options) (*View, error) {
	o, err := Read(ctx, r.Directory, look, r.Started)
	if err != nil {
		return nil, err
	}
	v := newView(newCache(o, r.Provisioner))
	v.whole = true
	return v, nil
}

// wanted lists the ids of the groups whose members matter.
func (c *CachedDirectory) wanted(look Options) []string {
	var out []string
	for _, g := range c.Observed.Groups {
		if look.Wanted == nil || look.Wanted(g) {
			out = append(out, g.ID)
		}
	}
	return out
}

// lookFor asks for the members of our groups and of those that we might adopt; other people's groups stay unread.
func (r *Reader) options(want *reconcile.Desired, ledger *reconcile.Ledger) Options {
	ours := map[string]bool{}
	for _, owned := range ledger.Groups {
		ours[owned.ID] = true
	}
	sizes := map[string]int{} // by folded name and by externalId
	for key, g := range want.Groups {
		sizes["name/"+reconcile.FoldName(g.DisplayName)], sizes["key/"+key] = len(g.Members), len(g.Members)
	}
	size := func(g reconcile.RemoteGroup) (int, bool) {
		if n, ok := sizes["name/"+reconcile.FoldName(g.DisplayName)]; ok {
			return n, true
		}
		n, ok := sizes["key/"+g.ExternalID]
		return n, ok
	}
	return Options{Groups: r.Provisioner.PushGroups, Concurrency: r.Provisioner.Rate.Concurrency, Users: min(len(want.Users), len(ledger.Users)),
		Progress: r.progress("read memberships"),
		Wanted:   func(g reconcile.RemoteGroup) bool { _, wanted := size(g); return wanted || ours[g.ID] },
		Sizes:    func(g reconcile.RemoteGroup) int { n, _ := size(g); return n }}
}
