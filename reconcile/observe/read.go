package observe

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Options says what Read has to read.
type Options struct {
	Groups bool // whether groups are listed at all
	// SelectMembers selects the groups whose members are read; nil selects all.
	SelectMembers func(reconcile.RemoteGroup) bool
	// EstimatedMembers estimates the number of members of a group. It helps to choose the cheaper
	// way to read memberships. May be nil.
	EstimatedMembers func(reconcile.RemoteGroup) int
	// EstimatedUsers is the expected number of users; 0 if there is no estimate.
	EstimatedUsers int
	// Concurrency is the number of listings that run at once; at least 1.
	Concurrency int
	// Progress, if set, is called with the number of listings that are done.
	Progress func(done, total int)
}

// selects reports whether the members of a group are read.
func (o Options) selects(g reconcile.RemoteGroup) bool {
	return o.SelectMembers == nil || o.SelectMembers(g)
}

// Read reads users, groups and memberships. If any listing fails, Read fails: what could not be
// read is never taken for absent.
func Read(ctx context.Context, r reconcile.Reader, options Options, now time.Time) (*reconcile.Observed, error) {
	v := newView(emptyCache(""))
	if err := readAll(ctx, r, v, options, now); err != nil {
		return nil, err
	}
	return v.Observed, nil
}

// readAll reads everything into a view, except what an earlier run has already read for the same
// full read. If the concurrency allows it, users are listed together with groups, because the pages
// of one listing are sequential. If any listing fails, readAll fails. The view then has what was
// read completely, for the next attempt.
func readAll(ctx context.Context, r reconcile.Reader, v *View, options Options, now time.Time) error {
	if v.FullReadSince.IsZero() {
		v.FullReadSince = now
	}
	f := &fullRead{reader: r, view: v, options: options, now: now, resumed: v.FullReadSince.Before(now)}
	if err := f.read(ctx); err != nil {
		return err
	}
	f.finish()
	return nil
}

// fullRead reads a directory part by part. Each part that is complete enters the view.
type fullRead struct {
	reader  reconcile.Reader
	options Options
	now     time.Time
	resumed bool // an earlier run has read some of the parts

	mu      sync.Mutex // guards view while listings run
	view    *View
	byGroup bool // members were read by group
}

func (f *fullRead) read(ctx context.Context) error {
	listings, listCtx := errgroup.WithContext(ctx)
	listings.SetLimit(max(1, f.options.Concurrency))
	listings.Go(func() error { return f.listUsers(listCtx) })
	if f.options.Groups {
		listings.Go(func() error {
			if err := f.listGroups(listCtx); err != nil {
				return err
			}
			// Well below one call for each user: cheaper, however many users there turn out to be.
			if 2*f.callsByGroup() < f.options.EstimatedUsers {
				return f.membersByGroup(listCtx)
			}
			return nil
		})
	}
	err := listings.Wait()
	switch {
	case err != nil:
		return err
	case !f.options.Groups || f.byGroup:
		return nil
	case f.callsByGroup() > len(f.view.Observed.Users):
		return f.membersByUser(ctx)
	}
	return f.membersByGroup(ctx)
}

// isDone reports whether a part that was read at a time need not be read again.
func (f *fullRead) isDone(readAt time.Time) bool { return !readAt.Before(f.view.FullReadSince) }

func (f *fullRead) listUsers(ctx context.Context) error {
	f.mu.Lock()
	done := f.isDone(f.view.UsersReadAt)
	f.mu.Unlock()
	if done {
		return nil
	}
	users, err := collect(f.reader.Users(ctx))
	if err != nil {
		return fmt.Errorf("list users: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view.putUsers(users, f.now)
	return nil
}

func (f *fullRead) listGroups(ctx context.Context) error {
	f.mu.Lock()
	done := f.isDone(f.view.GroupsReadAt)
	f.mu.Unlock()
	if done {
		return nil
	}
	groups, err := collect(f.reader.Groups(ctx))
	if err != nil {
		return fmt.Errorf("list groups: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view.putGroups(groups, f.now)
	return nil
}

// callsByGroup returns the number of calls that it takes to ask each selected group for its users.
// To ask each user for their groups takes one call a user.
func (f *fullRead) callsByGroup() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := 0
	for _, g := range f.view.Observed.Groups {
		if !f.options.selects(g) {
			continue
		}
		size := 1
		if f.options.EstimatedMembers != nil {
			size = f.options.EstimatedMembers(g)
		}
		calls += max(1, pages(size))
	}
	return calls
}

func (f *fullRead) membersByGroup(ctx context.Context) error {
	f.byGroup = true
	f.mu.Lock()
	var ids []string
	for _, g := range f.view.Observed.Groups {
		if f.options.selects(g) && !f.isDone(f.view.MembersReadAt[g.ID]) {
			ids = append(ids, g.ID)
		}
	}
	f.mu.Unlock()
	slices.Sort(ids)
	read := func(ctx context.Context, id string) ([]string, error) {
		members, err := collect(f.reader.Members(ctx, id))
		if err != nil {
			return nil, fmt.Errorf("list members of group %s: %w", id, err)
		}
		slices.Sort(members)
		return members, nil
	}
	return readEach(ctx, ids, f.options, read, func(id string, members []string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.view.putMembers(id, members, f.now)
		f.view.lookedUp[lookup{lookupMembers, id}] = true
	})
}

func (f *fullRead) membersByUser(ctx context.Context) error {
	v := f.view
	if v.GroupsOf == nil {
		v.GroupsOf = map[string][]string{}
	}
	var ids []string
	for _, u := range v.Observed.Users {
		if _, done := v.GroupsOf[u.ID]; !done {
			ids = append(ids, u.ID)
		}
	}
	read := func(ctx context.Context, id string) ([]string, error) {
		groups, err := collect(f.reader.GroupsOf(ctx, id))
		if err != nil {
			return nil, fmt.Errorf("list groups of user %s: %w", id, err)
		}
		return groups, nil
	}
	err := readEach(ctx, ids, f.options, read, func(id string, groups []string) {
		v.GroupsOf[id] = groups
		v.lookedUp[lookup{lookupGroupsOf, id}] = true
	})
	if err != nil {
		return err
	}
	v.putMembersByUser(f.options, v.FullReadSince)
	return nil
}

// finish makes the view one that was read completely.
func (f *fullRead) finish() {
	v := f.view
	for id := range v.Observed.Members {
		if !f.isDone(v.MembersReadAt[id]) { // no longer selected
			delete(v.Observed.Members, id)
			delete(v.MembersReadAt, id)
		}
	}
	if !f.options.Groups {
		v.Observed.Groups, v.GroupsReadAt, v.groupIndex = nil, time.Time{}, nil
	}
	if v.fullyRead = !f.resumed; v.fullyRead {
		v.Unverified = nil
	}
	v.FullReadAt, v.Observed.ReadAt = v.FullReadSince, v.FullReadSince
	v.FullReadSince, v.GroupsOf = time.Time{}, nil
	shareIDs(v.Observed)
}

// collect returns all that a listing yields, or its error.
func collect[T any](listing iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for x, err := range listing {
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// readEach reads one list for each id, some concurrently. Calls of keep are serial.
func readEach(ctx context.Context, ids []string, options Options, read func(context.Context, string) ([]string, error),
	keep func(string, []string)) error {
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, options.Concurrency))
	for _, id := range ids {
		group.Go(func() error {
			list, err := read(ctx, id)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			keep(id, list)
			done++
			if options.Progress != nil {
				options.Progress(done, len(ids))
			}
			return nil
		})
	}
	return group.Wait()
}

// pages returns how many pages of 100 hold n results.
func pages(n int) int { return (n + 99) / 100 }

// FullReadCalls returns the number of calls of a full read of a directory of this size, if it reads
// the members by group and each group has at most 100 members.
func FullReadCalls(users, groups int) int {
	return max(1, pages(users)) + max(1, pages(groups)) + groups
}

// FullReadCalls returns the number of calls of a full read of the directory as it is cached.
func (c *CachedDirectory) FullReadCalls() int {
	o := c.Observed
	byGroup := 0
	for _, g := range o.Groups {
		byGroup += max(1, pages(len(o.Members[g.ID])))
	}
	return max(1, pages(len(o.Users))) + max(1, pages(len(o.Groups))) + min(byGroup, max(1, len(o.Users)))
}
