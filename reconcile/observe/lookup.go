package observe

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d64a251c/roster/reconcile"
)

// lookup is one question to the directory.
type lookup struct {
	Kind  lookupKind `json:"kind"`
	Value string     `json:"value"`
}

type lookupKind string

// The kinds of lookups, with what Value is.
const (
	lookupUser      lookupKind = "user"      // id
	lookupUserKey   lookupKind = "userKey"   // externalId
	lookupUserName  lookupKind = "userName"  // userName
	lookupGroup     lookupKind = "group"     // id
	lookupGroupKey  lookupKind = "groupKey"  // externalId
	lookupGroupName lookupKind = "groupName" // displayName
	lookupMembers   lookupKind = "members"   // id of the group whose members are all read
	lookupGroupsOf  lookupKind = "groupsOf"  // id of the user whose groups are all read
)

func (l lookup) compare(o lookup) int {
	return cmp.Or(strings.Compare(string(l.Kind), string(o.Kind)), strings.Compare(l.Value, o.Value))
}

// lookUp performs the required lookups with the fewest calls. Where single lookups would take more
// calls than a listing, it lists all objects. It reads memberships by group or by user, whichever
// takes fewer calls. If one lookup fails, lookUp fails: what could not be read is never taken for
// absent.
func (r *Reader) lookUp(ctx context.Context, v *View, required requiredLookups) error {
	lookups := v.cheapestLookups(required)
	if err := r.list(ctx, v, lookups); err != nil {
		return err
	}
	lookups = slices.DeleteFunc(lookups, v.isFresh)
	maps.DeleteFunc(required.minMembers, func(id string, _ int) bool { // a read of all members counts them
		_, all := slices.BinarySearchFunc(lookups, lookup{lookupMembers, id}, lookup.compare)
		return all
	})
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Provisioner.Rate.Concurrency))
	progress, done, total := r.progress("look up"), 0, len(lookups)+len(required.minMembers)
	start := func(read func() (record func(), err error)) {
		group.Go(func() error {
			record, err := read()
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			record()
			if done++; progress != nil {
				progress(done, total)
			}
			return nil
		})
	}
	for _, l := range lookups {
		start(func() (func(), error) { return r.lookUpOne(ctx, v, l) })
	}
	for _, id := range slices.Sorted(maps.Keys(required.minMembers)) {
		start(func() (func(), error) { return r.countMembers(ctx, v, id, required.minMembers[id]) })
	}
	return group.Wait()
}

// cheapestLookups returns the lookups with the memberships turned into lookups, by group or by
// user. Where members must be counted as well, reading all members of a small group does both.
func (v *View) cheapestLookups(required requiredLookups) []lookup {
	byGroup, byUser := map[lookup]bool{}, map[lookup]bool{}
	for _, m := range required.memberships {
		byGroup[lookup{lookupMembers, m.group}], byUser[lookup{lookupGroupsOf, m.user}] = true, true
	}
	groupCalls, userCalls := 0, len(byUser)
	for l := range byGroup {
		groupCalls += max(1, pages(len(v.Observed.Members[l.Value])))
		userCalls += pages(required.minMembers[l.Value])
	}
	chosen := byUser
	if groupCalls <= userCalls {
		chosen = byGroup
	}
	lookups := slices.AppendSeq(slices.Clone(required.lookups), maps.Keys(chosen))
	slices.SortFunc(lookups, lookup.compare)
	return slices.Compact(lookups)
}

// list lists all users, or all groups, where single lookups would take more calls.
func (r *Reader) list(ctx context.Context, v *View, lookups []lookup) error {
	users, groups := 0, 0
	for _, l := range lookups {
		switch l.Kind {
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

// lookUpOne performs one lookup. It returns the function that records the answer in the view.
func (r *Reader) lookUpOne(ctx context.Context, v *View, l lookup) (record func(), err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("look up %s %q: %w", l.Kind, l.Value, err)
		}
	}()
	switch l.Kind {
	case lookupMembers:
		members, err := collect(r.Directory.Members(ctx, l.Value))
		slices.Sort(members)
		return func() { v.putMembers(l.Value, members, r.Started); v.lookedUp[l] = true }, err
	case lookupGroupsOf:
		groups, err := collect(r.Directory.GroupsOf(ctx, l.Value))
		slices.Sort(groups)
		return func() { v.putGroupsOf(l.Value, groups); v.lookedUp[l] = true }, err
	case lookupGroup, lookupGroupKey, lookupGroupName:
		g, ok, err := r.findGroup(ctx, l)
		if err == nil && !ok && l.Kind == lookupGroup {
			err = r.confirmEndpoint(ctx)
		}
		return func() {
			v.recordLookup(l, ok, g.ID, lookupGroup, r.Started, func() { v.putGroup(g) }, v.dropGroup)
		}, err
	}
	u, ok, err := r.findUser(ctx, l)
	if err == nil && !ok && l.Kind == lookupUser {
		err = r.confirmEndpoint(ctx)
	}
	return func() {
		v.recordLookup(l, ok, u.ID, lookupUser, r.Started, func() { v.putUser(u) }, v.dropUser)
	}, err
}

// confirmEndpoint looks up an object that no directory has, after the directory denied a known
// object. AWS gives the same answer for every object if the whole endpoint is gone; then the lookup
// fails.
func (r *Reader) confirmEndpoint(ctx context.Context) error {
	_, _, err := r.Directory.UserByExternalID(ctx, "#")
	return err
}

func (r *Reader) findUser(ctx context.Context, l lookup) (reconcile.RemoteUser, bool, error) {
	switch l.Kind {
	case lookupUserKey:
		return r.Directory.UserByExternalID(ctx, l.Value)
	case lookupUserName:
		return r.Directory.UserByName(ctx, l.Value)
	}
	return r.Directory.User(ctx, l.Value)
}

func (r *Reader) findGroup(ctx context.Context, l lookup) (reconcile.RemoteGroup, bool, error) {
	switch l.Kind {
	case lookupGroupKey:
		return r.Directory.GroupByExternalID(ctx, l.Value)
	case lookupGroupName:
		return r.Directory.GroupByName(ctx, l.Value)
	}
	return r.Directory.Group(ctx, l.Value)
}

// countMembers reads members of a group until it has enough, or all.
func (r *Reader) countMembers(ctx context.Context, v *View, group string, enough int) (record func(), err error) {
	var members []string
	for id, err := range r.Directory.Members(ctx, group) {
		if err != nil {
			return nil, fmt.Errorf("list members of group %s: %w", group, err)
		}
		if members = append(members, id); len(members) == enough {
			return func() { v.minMembers[group] = enough }, nil
		}
	}
	slices.Sort(members)
	return func() {
		v.putMembers(group, members, r.Started)
		v.lookedUp[lookup{lookupMembers, group}] = true
	}, nil
}
