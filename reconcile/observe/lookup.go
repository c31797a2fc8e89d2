package observe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
	"golang.org/x/sync/errgroup"
)

// lookUp fulfils what a plan needs, in the cheapest way: who has many to look up lists them all, and memberships are read by group or by
// user, whichever takes fewer calls. It fails as a whole: what could not be read is never taken for absent.
func (r *Reader) lookUp(ctx context.Context, v *View, n requiredLookups) error {
	wishes := v.cheapest(n)
	if err := r.list(ctx, v, wishes); err != nil {
		return err
	}
	wishes = slices.DeleteFunc(wishes, v.has)
	maps.DeleteFunc(n.counts, func(id string, _ int) bool { // who reads all of a group has counted it
		_, read := slices.BinarySearchFunc(wishes, lookup{lookupMembers, id}, lookup.compare)
		return read
	})
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Provisioner.Rate.Concurrency))
	progress, done := r.progress("look up"), 0
	run := func(read func() (func(), error)) {
		group.Go(func() error {
			keep, err := read()
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			keep()
			if done++; progress != nil {
				progress(done, len(wishes)+len(n.counts))
			}
			return nil
		})
	}
	for _, w := range wishes {
		run(func() (func(), error) { return r.lookUpOne(ctx, v, w) })
	}
	for _, id := range slices.Sorted(maps.Keys(n.counts)) {
		run(func() (func(), error) { return r.countMembers(ctx, v, id, n.counts[id]) })
	}
	return group.Wait()
}

// cheapest turns memberships into wishes. Where members have to be counted, reading all of a small group does both.
func (v *View) cheapest(n requiredLookups) []lookup {
	byGroup, byUser := map[lookup]bool{}, map[lookup]bool{}
	for _, m := range n.pairs {
		byGroup[lookup{lookupMembers, m.group}], byUser[lookup{lookupGroupsOf, m.user}] = true, true
	}
	groups, users := 0, len(byUser)
	for w := range byGroup {
		groups += v.cost(w)
		users += pages(n.counts[w.Value])
	}
	chosen := byUser
	if groups <= users {
		chosen = byGroup
	}
	wishes := slices.AppendSeq(slices.Clone(n.lookups), maps.Keys(chosen))
	slices.SortFunc(wishes, lookup.compare)
	return slices.Compact(wishes)
}

// list reads all users, or all groups, when looking them up one by one would take more calls.
func (r *Reader) list(ctx context.Context, v *View, wishes []lookup) error {
	users, groups := 0, 0
	for _, w := range wishes {
		switch w.Kind {
		case lookupUser, lookupUserKey, lookupUserName:
			users++
		case lookupGroup, lookupGroupKey, lookupGroupName:
			groups++
		}
	}
	if users > max(1, pages(len(v.Observed.Users))) {
		if err := r.listUsers(ctx, v); err != nil {
			return err
		}
	}
	if groups > max(1, pages(len(v.Observed.Groups))) {
		return r.listGroups(ctx, v)
	}
	return nil
}

func (r *Reader) listUsers(ctx context.Context, v *View) error {
	users, err := collect(r.Directory.Users(ctx))
	if err != nil {
		return fmt.Errorf("list users: %w", err)
	}
	v.putUsers(users, r.Started)
	return nil
}

func (r *Reader) listGroups(ctx context.Context, v *View) error {
	groups, err := collect(r.Directory.Groups(ctx))
	if err != nil {
		return fmt.Errorf("list groups: %w", err)
	}
	v.putGroups(groups, r.Started)
	return nil
}

// find makes one lookup and returns what is to be noted of it.
func (r *Reader) lookUpOne(ctx context.Context, v *View, w lookup) (keep func(), err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("look up %s %q: %w", w.Kind, w.Value, err)
		}
	}()
	switch w.Kind {
	case lookupMembers:
		members, err := collect(r.Directory.Members(ctx, w.Value))
		slices.Sort(members)
		return func() { v.putMembers(w.Value, members, r.Started); v.done[w] = true }, err
	case lookupGroupsOf:
		groups, err := collect(r.Directory.GroupsOf(ctx, w.Value))
		slices.Sort(groups)
		return func() { v.putGroupsOf(w.Value, groups); v.done[w] = true }, err
	case lookupGroup, lookupGroupKey, lookupGroupName:
		g, ok, err := r.findGroup(ctx, w)
		if err == nil && !ok && w.Kind == lookupGroup {
			err = r.confirm(ctx)
		}
		return func() { v.recordLookup(w, ok, g.ID, lookupGroup, func() { v.putGroup(g) }, v.dropGroup) }, err
	}
	u, ok, err := r.findUser(ctx, w)
	if err == nil && !ok && w.Kind == lookupUser {
		err = r.confirm(ctx)
	}
	return func() { v.recordLookup(w, ok, u.ID, lookupUser, func() { v.putUser(u) }, v.dropUser) }, err
}

// note takes what a lookup has found, or that there is nothing.
func (v *View) recordLookup(w lookup, ok bool, id string, byID lookupKind, put func(), drop func(id string)) {
	v.done[w] = true
	switch {
	case ok:
		put()
		v.done[lookup{byID, id}] = true
	case w.Kind == byID:
		drop(w.Value)
	}
}

// confirm asks for what no directory has, when it denied an object that we know: AWS answers the same when the whole endpoint is gone, and
// nothing may follow from that.
func (r *Reader) confirm(ctx context.Context) error {
	_, _, err := r.Directory.UserByExternalID(ctx, "#")
	return err
}

func (r *Reader) findUser(ctx context.Context, w lookup) (reconcile.RemoteUser, bool, error) {
	switch w.Kind {
	case lookupUserKey:
		return r.Directory.UserByExternalID(ctx, w.Value)
	case lookupUserName:
		return r.Directory.UserByName(ctx, w.Value)
	}
	return r.Directory.User(ctx, w.Value)
}

func (r *Reader) findGroup(ctx context.Context, w lookup) (reconcile.RemoteGroup, bool, error) {
	switch w.Kind {
	case lookupGroupKey:
		return r.Directory.GroupByExternalID(ctx, w.Value)
	case lookupGroupName:
		return r.Directory.GroupByName(ctx, w.Value)
	}
	return r.Directory.Group(ctx, w.Value)
}

// countMembers reads members of a group until there are enough, or all.
func (r *Reader) countMembers(ctx context.Context, v *View, group string, enough int) (func(), error) {
	var members []string
	for id, err := range r.Directory.Members(ctx, group) {
		if err != nil {
			return nil, fmt.Errorf("list members of group %s: %w", group, err)
		}
		if members = append(members, id); len(members) == enough {
			return func() { v.atLeast[group] = enough }, nil
		}
	}
	slices.Sort(members)
	return func() {
		v.putMembers(group, members, r.Started)
		v.done[lookup{lookupMembers, group}] = true
	}, nil
}
