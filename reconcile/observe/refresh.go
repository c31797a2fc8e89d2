package observe

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// refreshPlan is what a run reads again, though no change requires it, to find changes made outside
// roster.
type refreshPlan struct {
	full          bool     // read everything
	users, groups bool     // list them
	members       []string // ids of groups whose members are read
}

// refreshShare is the share of the calls that the rate allows between two scheduled runs which
// refreshes may use. If that is enough for a full read, each scheduled run reads everything.
const refreshShare = 0.1

// awsPerSecond is the number of calls that AWS accepts in a second (AWS, "IAM Identity Center
// quotas").
const awsPerSecond = 20

// planRefresh decides what a run reads again. If a full read takes at most a second, every run
// makes it. Otherwise a scheduled run reads what has not been read for the longest time, so much
// that everything is read within the drift bound. Other runs read only what is older than the drift
// bound. groups are the ids of the groups whose members the run needs.
func planRefresh(c *CachedDirectory, p *schema.Provisioner, groups []string, scheduled bool,
	now time.Time) refreshPlan {
	var next time.Duration
	if scheduled {
		next = untilNext(p, now)
		if full, err := schema.ParseSchedule(p.FullRead, p.Timezone); err == nil &&
			!full.Next(c.FullReadAt).After(now) {
			return refreshPlan{full: true}
		}
	}
	parts, total := c.parts(p, groups)
	allowance := 0
	if second := cmp.Or(int(math.Ceil(p.Rate.PerSecond)), awsPerSecond); total <= second {
		return refreshPlan{full: true}
	}
	if scheduled {
		allowance = max(int(refreshShare*p.Rate.PerSecond*next.Seconds()), callsUntilBound(total, next, p.DriftBound))
		if p.Rate.PerSecond == 0 || total <= allowance {
			return refreshPlan{full: true}
		}
		// What was read longest ago is read first.
		slices.SortStableFunc(parts, func(a, b part) int { return a.readAt.Compare(b.readAt) })
	}
	var out refreshPlan
	for _, part := range parts {
		overdue := now.Add(next).Sub(part.readAt) > p.DriftBound
		if !overdue && part.calls > allowance {
			continue
		}
		allowance -= part.calls
		switch part.id {
		case partUsers:
			out.users = true
		case partGroups:
			out.groups = true
		default:
			out.members = append(out.members, part.id)
		}
	}
	return out
}

// part is a part of the directory that can be read separately.
type part struct {
	id     string // partUsers, partGroups, or the id of a group for its members
	readAt time.Time
	calls  int
}

const partUsers, partGroups = "users", "groups" // AWS's ids never look like this

// parts returns the parts of the directory and the number of calls that a full read takes.
func (c *CachedDirectory) parts(p *schema.Provisioner, groups []string) (parts []part, total int) {
	parts = append(parts, part{partUsers, c.UsersReadAt, max(1, pages(len(c.Observed.Users)))})
	if p.PushGroups {
		parts = append(parts, part{partGroups, c.GroupsReadAt, max(1, pages(len(c.Observed.Groups)))})
		for _, id := range groups {
			parts = append(parts, part{id, c.MembersReadAt[id], max(1, pages(len(c.Observed.Members[id])))})
		}
	}
	for _, x := range parts {
		total += x.calls
	}
	return parts, total
}

// callsUntilBound returns how many of total calls this run must make, if the next run comes after
// next, so that all are made within bound.
func callsUntilBound(total int, next, bound time.Duration) int {
	if next >= bound {
		return total
	}
	return int(float64(total)*float64(next)/float64(bound)) + 1
}

// untilNext returns the time until the next scheduled run, at most the drift bound.
func untilNext(p *schema.Provisioner, now time.Time) time.Duration {
	s, err := schema.ParseSchedule(p.Schedule, p.Timezone)
	if err != nil { // no schedule
		return p.DriftBound
	}
	return min(p.DriftBound, s.Next(now).Sub(now))
}
