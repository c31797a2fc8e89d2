package observe

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// sweep is what a run reads again without being asked to by any change, to see what was changed outside.
type refreshPlan struct {
	whole         bool // everything
	users, groups bool // listed
	members       []string
}

// sweepShare is the part of what the rate allows between two runs that goes into looking for what was changed outside: where that is
// enough for everything, each run on schedule reads everything.
const refreshShare = 0.1

// awsPerSecond is how many calls AWS takes in a second (AWS, "IAM Identity Center quotas").
const awsPerSecond = 20

// sweepOf decides what to read again. A read that takes no more than a second is made in every run. Beyond that a run on schedule reads
// what has not been read for the longest time, at least so much that all of it is read within the drift bound; any other run only what is
// already older than that. wanted are the ids of the groups that matter.
func planRefresh(r *CachedDirectory, p *schema.Provisioner, wanted []string, scheduled bool, now time.Time) refreshPlan {
	var next time.Duration
	if scheduled {
		next = untilNext(p, now)
		if full, err := schema.ParseSchedule(p.FullRead, p.Timezone); err == nil && !full.Next(r.FullReadAt).After(now) {
			return refreshPlan{whole: true}
		}
	}
	parts, total := r.parts(p, wanted)
	allowance := 0
	if second := cmp.Or(int(math.Ceil(p.Rate.PerSecond)), awsPerSecond); total <= second {
		return refreshPlan{whole: true}
	}
	if scheduled {
		allowance = max(int(refreshShare*p.Rate.PerSecond*next.Seconds()), share(total, next, p.DriftBound))
		if p.Rate.PerSecond == 0 || total <= allowance {
			return refreshPlan{whole: true}
		}
	}
	var out refreshPlan
	for _, part := range parts {
		overdue := now.Add(next).Sub(part.at) > p.DriftBound
		if !overdue && part.calls > allowance {
			continue
		}
		allowance -= part.calls
		switch part.of {
		case partUsers:
			out.users = true
		case partGroups:
			out.groups = true
		default:
			out.members = append(out.members, part.of)
		}
	}
	return out
}

// part is something that can be read on its own.
type part struct {
	of    string // a group's id, for its members
	at    time.Time
	calls int
}

const partUsers, partGroups = "users", "groups" // no id of AWS is like that

// parts lists what there is to read, that which was read the longest time ago first, and what all of it costs.
func (r *CachedDirectory) parts(p *schema.Provisioner, wanted []string) (parts []part, total int) {
	parts = append(parts, part{partUsers, r.UsersReadAt, max(1, pages(len(r.Observed.Users)))})
	if p.PushGroups {
		parts = append(parts, part{partGroups, r.GroupsReadAt, max(1, pages(len(r.Observed.Groups)))})
		for _, id := range wanted {
			parts = append(parts, part{id, r.MembersReadAt[id], max(1, pages(len(r.Observed.Members[id])))})
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return a.at.Compare(b.at) })
	for _, x := range parts {
		total += x.calls
	}
	return parts, total
}

// share is how many of total calls have to be made now if the next come after a time, so that all are made within bound.
func share(total int, next, bound time.Duration) int {
	if next >= bound {
		return total
	}
	return int(float64(total)*float64(next)/float64(bound)) + 1
}

// untilNext is how long it takes until the schedule comes again, at most the drift bound.
func untilNext(p *schema.Provisioner, now time.Time) time.Duration {
	s, err := schema.ParseSchedule(p.Schedule, p.Timezone)
	if err != nil { // there is none
		return p.DriftBound
	}
	return min(p.DriftBound, s.Next(now).Sub(now))
}
