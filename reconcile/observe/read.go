package observe

import (
	"context"
	"fmt"
	"iter"
	"maps"
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

// Read reads users, groups and memberships. If the concurrency allows it, Read lists users together
// with groups, because the pages of one listing are sequential. If any listing fails, Read fails:
// what could not be read is never taken for absent.
func Read(ctx context.Context, r reconcile.Reader, options Options, now time.Time) (*reconcile.Observed, error) {
	o := &reconcile.Observed{ReadAt: now, Members: map[string][]string{}}
	membersRead := false
	listings, listCtx := errgroup.WithContext(ctx)
	listings.SetLimit(max(1, options.Concurrency))
	listings.Go(func() (err error) {
		if o.Users, err = collect(r.Users(listCtx)); err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		return nil
	})
	if options.Groups {
		listings.Go(func() (err error) {
			if o.Groups, err = collect(r.Groups(listCtx)); err != nil {
				return fmt.Errorf("list groups: %w", err)
			}
			// Well below one call for each user: cheaper, however many users there turn out to be.
			if membersRead = 2*callsByGroup(o, options) < options.EstimatedUsers; membersRead {
				return membersByGroup(listCtx, o, r, options)
			}
			return nil
		})
	}
	err := listings.Wait()
	switch {
	case err != nil:
		return nil, err
	case !options.Groups || membersRead:
	case callsByGroup(o, options) > len(o.Users):
		err = membersByUser(ctx, o, r, options)
	default:
		err = membersByGroup(ctx, o, r, options)
	}
	if err != nil {
		return nil, err
	}
	for _, ids := range o.Members {
		slices.Sort(ids)
	}
	return o, nil
}

// callsByGroup returns the number of calls that it takes to ask each selected group for its users,
// and adds those groups to o.Members. To ask each user for their groups takes one call a user.
func callsByGroup(o *reconcile.Observed, options Options) int {
	calls := 0
	for _, g := range o.Groups {
		if options.SelectMembers != nil && !options.SelectMembers(g) {
			continue
		}
		o.Members[g.ID] = nil
		size := 1
		if options.EstimatedMembers != nil {
			size = options.EstimatedMembers(g)
		}
		calls += max(1, pages(size))
	}
	return calls
}

func membersByGroup(ctx context.Context, o *reconcile.Observed, r reconcile.Reader, options Options) error {
	ids := slices.Sorted(maps.Keys(o.Members))
	read := func(ctx context.Context, id string) ([]string, error) {
		members, err := collect(r.Members(ctx, id))
		if err != nil {
			return nil, fmt.Errorf("list members of group %s: %w", id, err)
		}
		return members, nil
	}
	return readEach(ctx, ids, options, read, func(id string, members []string) { o.Members[id] = members })
}

func membersByUser(ctx context.Context, o *reconcile.Observed, r reconcile.Reader, options Options) error {
	ids := make([]string, len(o.Users))
	for i, u := range o.Users {
		ids[i] = u.ID
	}
	read := func(ctx context.Context, id string) ([]string, error) {
		groups, err := collect(r.GroupsOf(ctx, id))
		if err != nil {
			return nil, fmt.Errorf("list groups of user %s: %w", id, err)
		}
		return groups, nil
	}
	return readEach(ctx, ids, options, read, func(id string, groups []string) {
		for _, g := range groups {
			if _, selected := o.Members[g]; selected {
				o.Members[g] = append(o.Members[g], id)
			}
		}
	})
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
