package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// lookUp fulfils what a plan needs, in the cheapest way: who has many to look up lists them all, and memberships are read by group or by
// user, whichever takes fewer calls. It fails as a whole: what could not be read is never taken for absent.
func (r *DirectoryReader) lookUp(ctx context.Context, v *sight, n needs) error {
	wishes := v.cheapest(n)
	if err := r.list(ctx, v, wishes); err != nil {
		return err
	}
	wishes = slices.DeleteFunc(wishes, v.has)
	maps.DeleteFunc(n.counts, func(id string, _ int) bool { // who reads all of a group has counted it
		_, read := slices.BinarySearchFunc(wishes, wish{seeMembers, id}, wish.compare)
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
		run(func() (func(), error) { return r.find(ctx, v, w) })
	}
	for _, id := range slices.Sorted(maps.Keys(n.counts)) {
		run(func() (func(), error) { return r.countMembers(ctx, v, id, n.counts[id]) })
	}
	return group.Wait()
}

// cheapest turns memberships into wishes. Where members have to be counted, reading all of a small group does both.
func (v *sight) cheapest(n needs) []wish {
	byGroup, byUser := map[wish]bool{}, map[wish]bool{}
	for _, m := range n.pairs {
		byGroup[wish{seeMembers, m.group}], byUser[wish{seeGroupsOf, m.user}] = true, true
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
	wishes := slices.AppendSeq(slices.Clone(n.wishes), maps.Keys(chosen))
	slices.SortFunc(wishes, wish.compare)
	return slices.Compact(wishes)
}

// list reads all users, or all groups, when looking them up one by one would take more calls.
func (r *DirectoryReader) list(ctx context.Context, v *sight, wishes []wish) error {
	users, groups := 0, 0
	for _, w := range wishes {
		switch w.Kind {
		case seeUser, seeUserKey, seeUserName:
			users++
		case seeGroup, seeGroupKey, seeGroupName:
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

func (r *DirectoryReader) listUsers(ctx context.Context, v *sight) error {
	users, err := collect(r.Directory.Users(ctx))
	if err != nil {
		return fmt.Errorf("list users: %w", err)
	}
	v.putUsers(users, r.Started)
	return nil
}

func (r *DirectoryReader) listGroups(ctx context.Context, v *sight) error {
	groups, err := collect(r.Directory.Groups(ctx))
	if err != nil {
		return fmt.Errorf("list groups: %w", err)
	}
	v.putGroups(groups, r.Started)
	return nil
}

// find makes one lookup and returns what is to be noted of it.
func (r *DirectoryReader) find(ctx context.Context, v *sight, w wish) (keep func(), err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("look up %s %q: %w", w.Kind, w.Value, err)
		}
	}()
	switch w.Kind {
	case seeMembers:
		members, err := collect(r.Directory.Members(ctx, w.Value))
		slices.Sort(members)
		return func() { v.putMembers(w.Value, members, r.Started); v.seen[w] = true }, err
	case seeGroupsOf:
		groups, err := collect(r.Directory.GroupsOf(ctx, w.Value))
		slices.Sort(groups)
		return func() { v.putGroupsOf(w.Value, groups); v.seen[w] = true }, err
	case seeGroup, seeGroupKey, seeGroupName:
		g, ok, err := r.findGroup(ctx, w)
		if err == nil && !ok && w.Kind == seeGroup {
			err = r.confirm(ctx)
		}
		return func() { v.note(w, ok, g.ID, seeGroup, func() { v.putGroup(g) }, v.dropGroup) }, err
	}
	u, ok, err := r.findUser(ctx, w)
	if err == nil && !ok && w.Kind == seeUser {
		err = r.confirm(ctx)
	}
	return func() { v.note(w, ok, u.ID, seeUser, func() { v.putUser(u) }, v.dropUser) }, err
}

// note takes what a lookup has found, or that there is nothing.
func (v *sight) note(w wish, ok bool, id string, byID wishKind, put func(), drop func(id string)) {
	v.seen[w] = true
	switch {
	case ok:
		put()
		v.seen[wish{byID, id}] = true
	case w.Kind == byID:
		drop(w.Value)
	}
}

// confirm asks for what no directory has, when it denied an object that we know: AWS answers the same when the whole endpoint is gone, and
// nothing may follow from that.
func (r *DirectoryReader) confirm(ctx context.Context) error {
	_, _, err := r.Directory.UserByExternalID(ctx, "#")
	return err
}

func (r *DirectoryReader) findUser(ctx context.Context, w wish) (RemoteUser, bool, error) {
	switch w.Kind {
	case seeUserKey:
		return r.Directory.UserByExternalID(ctx, w.Value)
	case seeUserName:
		return r.Directory.UserByName(ctx, w.Value)
	}
	return r.Directory.User(ctx, w.Value)
}

func (r *DirectoryReader) findGroup(ctx context.Context, w wish) (RemoteGroup, bool, error) {
	switch w.Kind {
	case seeGroupKey:
		return r.Directory.GroupByExternalID(ctx, w.Value)
	case seeGroupName:
		return r.Directory.GroupByName(ctx, w.Value)
	}
	return r.Directory.Group(ctx, w.Value)
}

// countMembers reads members of a group until there are enough, or all.
func (r *DirectoryReader) countMembers(ctx context.Context, v *sight, group string, enough int) (func(), error) {
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
		v.seen[wish{seeMembers, group}] = true
	}, nil
}
