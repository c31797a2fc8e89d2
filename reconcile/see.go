package reconcile

import (
	"context"
	"fmt"
	"slices"
)

// mostRounds bounds how often a plan is made anew because what was looked up was otherwise than remembered. A directory that changes faster
// than that is read whole.
const mostRounds = 5

// see looks at the directory and plans, until the plan rests on nothing that this run has not seen with its own eyes.
func (s *session) see(ctx context.Context, in PlanInput) (*Plan, error) {
	look := s.lookFor(in.Want)
	v, err := s.look(ctx, look)
	for round := 0; err == nil; round++ {
		s.sight, in.Observed = v, v.Observed
		in.Observed.ReadAt = v.oldest()
		if in.Reviewed, err = s.reviewed(ctx, in); err != nil {
			return nil, err
		}
		plan := NewPlan(in)
		missing := v.needsOf(plan, in)
		if v.whole {
			return plan, nil
		}
		plan.CachedRead = &Remembered{OldestRead: in.Observed.ReadAt, Lookups: len(v.seen)}
		if missing.none() {
			return plan, nil
		}
		if round == mostRounds {
			v, err = s.readAll(ctx, look)
			continue
		}
		before := v.version
		if err = s.lookUp(ctx, v, missing); err == nil && v.version == before { // all is as remembered
			plan.CachedRead.Lookups = len(v.seen)
			return plan, nil
		}
	}
	return nil, fmt.Errorf("read %s: %w", s.provisioner.Identity(), err)
}

// look is how this run comes to see the directory: all of it, or what is remembered with a part read again.
func (s *session) look(ctx context.Context, look Look) (*sight, error) {
	if s.memory == nil || s.req.Trigger == "command" {
		return s.readAll(ctx, look)
	}
	v := newSight(s.memory.copy())
	due := sweepOf(v.Recollection, s.provisioner, v.wanted(look), s.req.Trigger == "schedule", s.started)
	if due.whole || v.UsersReadAt.IsZero() {
		return s.readAll(ctx, look)
	}
	if due.users {
		if err := s.listUsers(ctx, v); err != nil {
			return nil, err
		}
	}
	if s.provisioner.PushGroups && (due.groups || v.GroupsReadAt.IsZero()) {
		if err := s.listGroups(ctx, v); err != nil {
			return nil, err
		}
	}
	n := needs{wishes: v.Unverified}
	if s.provisioner.PushGroups {
		for _, id := range v.wanted(look) {
			if _, read := v.Observed.Members[id]; !read || slices.Contains(due.members, id) {
				n.wish(v, wish{seeMembers, id})
			}
		}
	}
	if err := s.lookUp(ctx, v, n); err != nil {
		return nil, err
	}
	v.Unverified = nil
	return v, nil
}

func (s *session) readAll(ctx context.Context, look Look) (*sight, error) {
	o, err := Observe(ctx, s.dir, look, s.started)
	if err != nil {
		return nil, err
	}
	v := newSight(recollect(o, s.provisioner))
	v.whole = true
	return v, nil
}

// wanted lists the ids of the groups whose members matter.
func (r *Recollection) wanted(look Look) []string {
	var out []string
	for _, g := range r.Observed.Groups {
		if look.Wanted == nil || look.Wanted(g) {
			out = append(out, g.ID)
		}
	}
	return out
}

// lookFor asks for the members of our groups and of those that we might adopt; other people's groups stay unread.
func (s *session) lookFor(want *Desired) Look {
	ours := map[string]bool{}
	for _, owned := range s.past.Ledger.Groups {
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
	return Look{Groups: s.provisioner.PushGroups, Concurrency: s.provisioner.Rate.Concurrency, Users: min(len(want.Users), len(s.past.Ledger.Users)),
		Progress: s.progress("read memberships"),
		Wanted:   func(g RemoteGroup) bool { _, wanted := size(g); return wanted || ours[g.ID] },
		Sizes:    func(g RemoteGroup) int { n, _ := size(g); return n }}
}
