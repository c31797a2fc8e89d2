package reconcile

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// forecastDays is how far ahead a plan looks for what ends by itself.
const forecastDays = 30

// Expiry is access that ends on its date without another commit.
type UpcomingExpiry struct {
	Date     string    `json:"date"` // as declared
	EndsAt   time.Time `json:"endsAt"`
	User     string    `json:"user"`
	UserName string    `json:"userName"`        // userName
	Group    string    `json:"group,omitempty"` // the membership that ends; empty: all access of the person
	Position string    `json:"position"`        // file:line:column of the declaration
}

// String says what ends and when.
func (e UpcomingExpiry) String() string {
	what := "all access"
	if e.Group != "" {
		what = fmt.Sprintf("membership in %q", e.Group)
	}
	return fmt.Sprintf("%s  %s of %s; %s", e.Date, what, e.UserName, e.Position)
}

// expiring lists the memberships and people of d that end after now and within the next 30 days, the soonest first.
func expiring(d *Desired, now time.Time) []UpcomingExpiry {
	var out []UpcomingExpiry
	horizon := now.AddDate(0, 0, forecastDays)
	add := func(date *schema.Date, at schema.Pos, user, group string) {
		u := d.Users[user]
		if u == nil || date.Over(now) || date.End.After(horizon) {
			return
		}
		name, _ := u.Attributes.Get("userName")
		out = append(out, UpcomingExpiry{Date: date.Text, EndsAt: date.End, User: user, UserName: name, Group: group, Position: at.String()})
	}
	for _, u := range d.Users {
		if u.Until != nil {
			add(u.Until, u.At, u.Key, "")
		}
	}
	for _, key := range d.Selected {
		members := d.Membership.Group(key)
		for i := range members {
			if m := &members[i]; m.Until != nil {
				add(m.Until, m.Pos, m.User, key)
			}
		}
	}
	slices.SortFunc(out, func(a, b UpcomingExpiry) int {
		return cmp.Or(a.EndsAt.Compare(b.EndsAt), strings.Compare(a.User, b.User), strings.Compare(a.Group, b.Group))
	})
	return out
}

// What IAM Identity Center takes (AWS, "IAM Identity Center quotas").
const (
	mostUsers         = 100_000 // can be raised
	mostGroups        = 100_000
	mostGroupsOfAUser = 1_000 // that count when one person's permissions are worked out
)

// overQuota says where the desired state goes beyond AWS's quotas.
func overQuota(d *Desired) []string {
	var out []string
	if n := len(d.Users); n > mostUsers {
		out = append(out, fmt.Sprintf("%d users are in scope; AWS takes %d unless the quota was raised", n, mostUsers))
	}
	if n := len(d.Groups); n > mostGroups {
		out = append(out, fmt.Sprintf("%d groups are to exist; AWS takes %d", n, mostGroups))
	}
	if over := d.usersInMoreThan(mostGroupsOfAUser); len(over) > 0 {
		out = append(out, fmt.Sprintf("%s in more than %d groups (%s): AWS evaluates no more of one person", usersAre(len(over)), mostGroupsOfAUser, schema.ShortList(over, 5)))
	}
	return out
}

// inMoreThan returns who is in more than most of the groups that are to exist, sorted. To count for everybody would take longer than the rest of a plan:
// people are counted together first, some at a time, and by themselves only where there are many.
func (d *Desired) usersInMoreThan(most int) []string {
	if len(d.Groups) <= most {
		return nil
	}
	seed := maphash.MakeSeed()
	var together [1 << 16]int32
	each := func(f func(user string, count *int32)) {
		for _, g := range d.Groups {
			for _, user := range g.Members {
				f(user, &together[maphash.String(seed, user)%uint64(len(together))])
			}
		}
	}
	each(func(_ string, count *int32) { *count++ })
	if int(slices.Max(together[:])) <= most {
		return nil
	}
	alone := map[string]int{}
	each(func(user string, count *int32) {
		if int(*count) > most {
			alone[user]++
		}
	})
	maps.DeleteFunc(alone, func(_ string, n int) bool { return n <= most })
	return slices.Sorted(maps.Keys(alone))
}

func usersAre(n int) string {
	if n == 1 {
		return "1 person is"
	}
	return fmt.Sprintf("%d people are", n)
}
