package scim

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
)

// maxPageSize is the number of objects in a full page of IAM Identity Center.
const maxPageSize = 100

// defaultParallel is the default of MembershipQuery.Parallel.
const defaultParallel = 4

// MembershipQuery selects memberships.
type MembershipQuery struct {
	// Groups are the ids of the groups whose members are read.
	Groups []string

	// Users are the ids of all users of the directory. With them, memberships can be read by user.
	// A user that is not in the list is then missing in the result. If Users is empty, memberships
	// are read by group.
	Users []string

	// Sizes are the last known numbers of members by group id, to estimate the number of calls. A
	// group without a size counts as one page.
	Sizes map[string]int

	// Parallel is the number of listings that are read concurrently; 0 means 4.
	Parallel int
}

// Memberships returns the sorted ids of the members of each group. It reads by group or by user,
// whichever takes fewer calls. If the server returns members, it lists the groups instead. If any
// listing is incomplete, it returns an error and no result. Groups and users that do not exist have
// no memberships.
func (c *Client) Memberships(ctx context.Context, q MembershipQuery) (map[string][]string, error) {
	members := make(map[string][]string, len(q.Groups))
	for _, id := range q.Groups {
		members[id] = []string{}
	}
	var mu sync.Mutex
	add := func(group, user string) {
		mu.Lock()
		defer mu.Unlock()
		if list, ok := members[group]; ok {
			members[group] = append(list, user)
		}
	}
	var err error
	switch {
	case len(q.Groups) == 0:
	case c.Profile.returnsMembers():
		err = c.listMembers(ctx, add)
	case q.byUser():
		err = forEach(ctx, q.parallel(), q.Users, func(ctx context.Context, user string) error {
			for g, err := range c.Groups(ctx, MembersValueEq(user)) {
				if err != nil {
					return ignoreNotFound(err)
				}
				add(g.ID, user)
			}
			return nil
		})
	default:
		err = forEach(ctx, q.parallel(), q.Groups, func(ctx context.Context, group string) error {
			for user, err := range c.MemberIDs(ctx, group) {
				if err != nil {
					return ignoreNotFound(err)
				}
				add(group, user)
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	for _, list := range members {
		slices.Sort(list)
	}
	return members, nil
}

// listMembers reads the members that a server returns with its groups.
func (c *Client) listMembers(ctx context.Context, add func(group, user string)) error {
	for g, err := range c.Groups(ctx, Filter{}) {
		if err != nil {
			return err
		}
		for _, m := range g.Members {
			add(g.ID, m.Value)
		}
	}
	return nil
}

// byUser reports whether reading by user takes fewer calls: one page for each user, against all
// pages of each group. It assumes that no user is in more than a hundred groups.
func (q MembershipQuery) byUser() bool {
	pages := 0
	for _, id := range q.Groups {
		pages += max(1, (q.Sizes[id]+maxPageSize-1)/maxPageSize)
	}
	return len(q.Users) > 0 && len(q.Users) < pages
}

func (q MembershipQuery) parallel() int {
	if q.Parallel > 0 {
		return q.Parallel
	}
	return defaultParallel
}

func ignoreNotFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// forEach calls do for all items, n at a time, and stops at the first error.
func forEach(ctx context.Context, n int, items []string, do func(context.Context, string) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan string)
	var wg sync.WaitGroup
	for range min(n, len(items)) {
		wg.Go(func() {
			for item := range queue {
				if err := do(ctx, item); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, item := range items {
		select {
		case queue <- item:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	wg.Wait()
	return context.Cause(ctx)
}
