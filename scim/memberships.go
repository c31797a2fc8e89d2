package scim

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
)

// pageLimit is the number of results in a full page of IAM Identity Center.
const pageLimit = 100

// defaultParallel is how many listings Memberships reads at once, unless told.
const defaultParallel = 4

// MembershipQuery says whose memberships to read.
type MembershipQuery struct {
	// Groups are the ids of the groups whose members are wanted.
	Groups []string

	// Users are the ids of all users of the directory. They allow to read by
	// user; whoever is not among them would be missed then. None reads by group.
	Users []string

	// Sizes is how many members groups had when last seen, by id, to estimate
	// what reading them costs. A group that is not there counts as one page.
	Sizes map[string]int

	// Parallel is the number of listings read at once; 0 means 4.
	Parallel int
}

// Memberships returns the ids of the members of each group, sorted. It reads
// them by group or by user, whichever takes fewer calls; a server that shows
// members is simply asked for its groups. It returns all of it or an error: a
// listing that did not end gives no result. Groups and users that the server
// says are gone have no members and no memberships.
func (c *Client) Memberships(ctx context.Context, q MembershipQuery) (map[string][]string, error) {
	members := make(map[string][]string, len(q.Groups))
	for _, id := range q.Groups {
		members[id] = []string{}
	}
	var mu sync.Mutex
	join := func(group, user string) {
		mu.Lock()
		defer mu.Unlock()
		if list, wanted := members[group]; wanted {
			members[group] = append(list, user)
		}
	}
	var err error
	switch {
	case len(q.Groups) == 0:
	case c.Profile.returnsMembers():
		err = c.shown(ctx, join)
	case q.byUser():
		err = each(ctx, q.parallel(), q.Users, func(ctx context.Context, user string) error {
			for g, err := range c.Groups(ctx, MembersValueEq(user)) {
				if err != nil {
					return unlessGone(err)
				}
				join(g.ID, user)
			}
			return nil
		})
	default:
		err = each(ctx, q.parallel(), q.Groups, func(ctx context.Context, group string) error {
			for user, err := range c.MemberIDs(ctx, group) {
				if err != nil {
					return unlessGone(err)
				}
				join(group, user)
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

// shown reads the members that a server shows with its groups.
func (c *Client) shown(ctx context.Context, join func(group, user string)) error {
	for g, err := range c.Groups(ctx, Filter{}) {
		if err != nil {
			return err
		}
		for _, m := range g.Members {
			join(g.ID, m.Value)
		}
	}
	return nil
}

// byUser compares the calls: a page for each user (nobody is expected to be in
// more than a hundred groups), or the pages of each group.
func (q MembershipQuery) byUser() bool {
	pages := 0
	for _, id := range q.Groups {
		pages += max(1, (q.Sizes[id]+pageLimit-1)/pageLimit)
	}
	return len(q.Users) > 0 && len(q.Users) < pages
}

func (q MembershipQuery) parallel() int {
	if q.Parallel > 0 {
		return q.Parallel
	}
	return defaultParallel
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// each does something for all items, n at a time, and stops at the first error.
func each(ctx context.Context, n int, items []string, do func(context.Context, string) error) error {
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
