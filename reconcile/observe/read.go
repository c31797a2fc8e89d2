package observe

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"golang.org/x/sync/errgroup"
)

// Look says what Observe has to read.
type Options struct {
	Groups bool // list the groups at all
	// Wanted selects the groups whose members are read; nil selects all.
	Wanted func(reconcile.RemoteGroup) bool
	// Sizes estimates a group's members by its displayName, to choose the cheaper way of reading memberships. May be nil.
	Sizes func(reconcile.RemoteGroup) int
	// Users estimates how many users there are; 0 if nothing is known.
	Users int
	// Concurrency bounds the listings that run at once; at least 1.
	Concurrency int
	// Progress, if set, is told how many of the listings are done.
	Progress func(done, total int)
}

// Observe reads users, groups and memberships, users beside the rest: a listing goes one page after the other, whatever the rate allows. It
// fails as a whole: what could not be read to its end is never taken for absent.
func Read(ctx context.Context, r reconcile.Reader, look Options, now time.Time) (*reconcile.Observed, error) {
	o := &reconcile.Observed{ReadAt: now, Members: map[string][]string{}}
	members := false
	listings, beside := errgroup.WithContext(ctx)
	listings.Go(func() (err error) {
		if o.Users, err = collect(r.Users(beside)); err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		return nil
	})
	if look.Groups {
		listings.Go(func() (err error) {
			if o.Groups, err = collect(r.Groups(beside)); err != nil {
				return fmt.Errorf("list groups: %w", err)
			}
			if members = 2*callsByGroup(o, look) < look.Users; members { // cheaper than by user, however many there turn out to be
				return membersByGroup(beside, o, r, look)
			}
			return nil
		})
	}
	err := listings.Wait()
	switch {
	case err != nil:
		return nil, err
	case !look.Groups || members:
	case callsByGroup(o, look) > len(o.Users):
		err = membersByUser(ctx, o, r, look)
	default:
		err = membersByGroup(ctx, o, r, look)
	}
	if err != nil {
		return nil, err
	}
	for _, ids := range o.Members {
		slices.Sort(ids)
	}
	return o, nil
}

// callsByGroup is how many calls it takes to ask each group for its users. Asking each user for their groups takes one for each. The
// groups that matter get their places.
func callsByGroup(o *reconcile.Observed, look Options) int {
	calls := 0
	for _, g := range o.Groups {
		if look.Wanted != nil && !look.Wanted(g) {
			continue
		}
		o.Members[g.ID] = nil
		size := 1
		if look.Sizes != nil {
			size = look.Sizes(g)
		}
		calls += max(1, pages(size))
	}
	return calls
}

func membersByGroup(ctx context.Context, o *reconcile.Observed, r reconcile.Reader, look Options) error {
	ids := slices.Sorted(maps.Keys(o.Members))
	return each(ctx, ids, look, func(ctx context.Context, id string) ([]string, error) {
		members, err := collect(r.Members(ctx, id))
		if err != nil {
			return nil, fmt.Errorf("list members of group %s: %w", id, err)
		}
		return members, nil
	}, func(id string, members []string) { o.Members[id] = members })
}

func membersByUser(ctx context.Context, o *reconcile.Observed, r reconcile.Reader, look Options) error {
	ids := make([]string, len(o.Users))
	for i, u := range o.Users {
		ids[i] = u.ID
	}
	return each(ctx, ids, look, func(ctx context.Context, id string) ([]string, error) {
		groups, err := collect(r.GroupsOf(ctx, id))
		if err != nil {
			return nil, fmt.Errorf("list groups of user %s: %w", id, err)
		}
		return groups, nil
	}, func(id string, groups []string) {
		for _, g := range groups {
			if _, wanted := o.Members[g]; wanted {
				o.Members[g] = append(o.Members[g], id)
			}
		}
	})
}

// collect returns what a listing yields, all of it or nothing.
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

// each reads a list for every id, some at a time; keep is called serially.
func each(ctx context.Context, ids []string, look Options, read func(context.Context, string) ([]string, error), keep func(string, []string)) error {
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, look.Concurrency))
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
			if look.Progress != nil {
				look.Progress(done, len(ids))
			}
			return nil
		})
	}
	return group.Wait()
}

// pages is how many pages of 100 hold n results.
func pages(n int) int { return (n + 99) / 100 }
