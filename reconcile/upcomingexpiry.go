package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// forecastDays is the number of days for which a plan lists end dates.
const forecastDays = 30

// UpcomingExpiry is access that ends on a declared date.
type UpcomingExpiry struct {
	Date     string    `json:"date"` // as declared
	EndsAt   time.Time `json:"endsAt"`
	User     string    `json:"user"`
	UserName string    `json:"userName"`
	Group    string    `json:"group,omitempty"` // the group of a membership; empty: all access of the user
	Position string    `json:"position"`        // file:line:column of the declaration
}

// String returns the date and what ends.
func (e UpcomingExpiry) String() string {
	what := "all access"
	if e.Group != "" {
		what = fmt.Sprintf("membership in %q", e.Group)
	}
	return fmt.Sprintf("%s  %s of %s; %s", e.Date, what, e.UserName, e.Position)
}

// upcomingExpiries lists the memberships and users of d that end within forecastDays, the soonest
// first.
func upcomingExpiries(d *Desired, now time.Time) []UpcomingExpiry {
	var out []UpcomingExpiry
	horizon := now.AddDate(0, 0, forecastDays)
	add := func(date *schema.Date, at schema.Pos, user, group string) {
		u := d.Users[user]
		if u == nil || date.Over(now) || date.End.After(horizon) {
			return
		}
		name, _ := u.Attributes.Get("userName")
		out = append(
			out,
			UpcomingExpiry{
				Date:     date.Text,
				EndsAt:   date.End,
				User:     user,
				UserName: name,
				Group:    group,
				Position: at.String(),
			},
		)
	}
	for _, u := range d.datedUsers() {
		if u.Until != nil {
			add(u.Until, u.At, u.Key, "")
		}
	}
	for key := range d.datedGroups() {
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
