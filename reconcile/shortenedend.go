package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// endNotice is how long before its date an end must be known to be a reviewed date, if an applied
// commit had granted the access for longer.
const endNotice = 24 * time.Hour

// ShortenedEnd is an end date that a commit added or moved earlier, for access that an applied
// commit had granted for longer. Such an end is an edit, unless a run saw it endNotice before it
// passed.
type ShortenedEnd struct {
	User   string    `json:"user"`            // key
	Group  string    `json:"group,omitempty"` // key; empty: all access of the user
	EndsAt time.Time `json:"endsAt"`
	// GrantedUntil is the end that an applied commit had granted; nil if it had granted no end.
	GrantedUntil *time.Time `json:"grantedUntil,omitempty"`
	// FirstSeen is the time of the first run that saw this end.
	FirstSeen time.Time `json:"firstSeen"`
}

// access is a membership, or all access of a user if group is empty.
type access struct{ user, group string }

// endDates are the declared ends of access that was granted by the last applied commit.
type endDates struct {
	desired, lastApplied *Desired // lastApplied is nil if nothing was applied, or it is not known
	known                map[access]ShortenedEnd
	now                  time.Time
}

func newEndDates(in PlanInput) *endDates {
	e := &endDates{desired: in.Desired, lastApplied: in.LastApplied, known: map[access]ShortenedEnd{}, now: in.Now}
	if in.Status != nil {
		for _, s := range in.Status.ShortenedEnds {
			e.known[access{s.User, s.Group}] = s
		}
	}
	return e
}

// granted returns the end that the last applied commit granted; nil if it granted no end. It
// returns false if the commit did not grant the access.
func (e *endDates) granted(a access) (*time.Time, bool) {
	if e.lastApplied == nil {
		return nil, false
	}
	a = e.earlierKeys(a)
	var until *schema.Date
	if a.group == "" {
		u := e.lastApplied.Users[a.user]
		if u == nil || !u.Active {
			return nil, false
		}
		until = u.Until
	} else {
		m, ok := e.lastApplied.Member(a.group, a.user)
		if !ok {
			return nil, false
		}
		until = m.Until
	}
	if until == nil {
		return nil, true
	}
	return &until.End, true
}

// earlierKeys returns an access with the keys that its user and its group had in the last applied
// commit: a new key does not make an end a new one.
func (e *endDates) earlierKeys(a access) access {
	if u := e.desired.Users[a.user]; u != nil && e.lastApplied.Users[a.user] == nil {
		for _, key := range u.Previously {
			if e.lastApplied.Users[key] != nil {
				a.user = key
			}
		}
	}
	if g := e.desired.Groups[a.group]; g != nil && e.lastApplied.Groups[a.group] == nil {
		for _, key := range g.Previously {
			if e.lastApplied.Groups[key] != nil {
				a.group = key
			}
		}
	}
	return a
}

// shortened returns the record of an end of access that was granted for longer; false if it was
// not.
func (e *endDates) shortened(a access, end time.Time) (ShortenedEnd, bool) {
	granted, ok := e.granted(a)
	known, wasKnown := e.knownEnd(a)
	switch {
	case wasKnown && known.EndsAt.Equal(end):
		return known, true
	case wasKnown:
		if !ok || later(known.GrantedUntil, granted) {
			granted = known.GrantedUntil
		}
	case !ok:
		return ShortenedEnd{}, false
	}
	if granted != nil && !end.Before(*granted) {
		return ShortenedEnd{}, false
	}
	return ShortenedEnd{User: a.user, Group: a.group, EndsAt: end, GrantedUntil: granted, FirstSeen: e.now}, true
}

// knownEnd returns the record of an access, also under earlier keys.
func (e *endDates) knownEnd(a access) (ShortenedEnd, bool) {
	s, ok := e.known[a]
	if !ok && e.lastApplied != nil {
		s, ok = e.known[e.earlierKeys(a)]
		s.User, s.Group = a.user, a.group
	}
	return s, ok
}

// later reports whether an end is later than another one; nil is no end.
func later(a, b *time.Time) bool {
	return b != nil && (a == nil || a.After(*b))
}

// isEdit reports whether a run saw the end too late for a reviewed date.
func (s ShortenedEnd) isEdit() bool { return s.EndsAt.Sub(s.FirstSeen) < endNotice }

// reviewed reports whether access has ended on a reviewed date, which the last applied commit
// granted. An end that is an edit, and the end of access that nothing granted, are not.
func (e *endDates) reviewed(a access, until *schema.Date) bool {
	if until == nil || !until.Over(e.now) {
		return false
	}
	if _, ok := e.granted(a); !ok {
		return false
	}
	s, shortened := e.shortened(a, until.End)
	return !shortened || !s.isEdit()
}

// member reports whether a membership has ended on a reviewed date.
func (e *endDates) member(group, user string) bool {
	m, ok := e.desired.Membership.Ended(group, user)
	return ok && e.reviewed(access{user, group}, m.Until)
}

// user reports whether a user in scope is inactive because of a reviewed date.
func (e *endDates) user(key string) bool {
	u := e.desired.Users[key]
	return u != nil && u.Ended && e.reviewed(access{user: key}, u.Until)
}

// leaver reports whether a user left the scope because of reviewed dates only: each membership that
// had brought the user into the scope has ended on one.
func (e *endDates) leaver(key string) bool {
	if e.lastApplied == nil || e.desired.Removed || e.desired.AllUsers || e.lastApplied.AllUsers {
		return false
	}
	ended := false
	for _, group := range e.lastApplied.Membership.GroupsOf(key) {
		if !slices.Contains(e.lastApplied.Selected, group) {
			continue
		}
		if !slices.Contains(e.desired.Selected, group) || !e.member(group, key) {
			return false
		}
		ended = true
	}
	return ended
}

// next returns the record for the status after a plan, sorted. It has the ends that have not passed
// and may still be edits, and those that have passed if a change of the plan concerns them.
func (e *endDates) next(changes []Change) []ShortenedEnd {
	out := map[access]ShortenedEnd{}
	consider := func(a access, until *schema.Date) {
		if until == nil || until.Over(e.now) {
			return
		}
		s, ok := e.shortened(a, until.End)
		if !ok {
			return
		}
		granted, _ := e.granted(a)
		if applied := granted != nil && granted.Equal(s.EndsAt); !applied || s.isEdit() {
			out[a] = s
		}
	}
	for key, u := range e.desired.Users {
		consider(access{user: key}, u.Until)
	}
	for _, group := range e.desired.Selected {
		members := e.desired.Membership.Group(group)
		for i := range members {
			if members[i].Until != nil {
				consider(access{members[i].User, group}, members[i].Until)
			}
		}
	}
	maps.Copy(out, e.passed(changes))
	return slices.SortedFunc(maps.Values(out), func(a, b ShortenedEnd) int {
		return cmp.Or(strings.Compare(a.User, b.User), strings.Compare(a.Group, b.Group))
	})
}

// passed returns the known ends that have passed and that a change of the plan concerns.
func (e *endDates) passed(changes []Change) map[access]ShortenedEnd {
	out := map[access]ShortenedEnd{}
	if len(e.known) == 0 {
		return out
	}
	users := map[string]bool{}
	var concerned []access
	for i := range changes {
		switch c := &changes[i]; {
		case c.Kind.OfMembership():
			users[c.Member] = true
			concerned = append(concerned, access{c.Member, c.Key})
		case c.Kind.OfUser():
			users[c.Key] = true
			concerned = append(concerned, access{user: c.Key})
		}
	}
	for a := range e.known { // a change of a user concerns all memberships
		if users[a.user] {
			concerned = append(concerned, a)
		}
	}
	for _, a := range concerned {
		if s, ok := e.knownEnd(a); ok && !e.now.Before(s.EndsAt) && e.still(a, s.EndsAt) {
			out[a] = s
		}
	}
	return out
}

// still reports whether an end that has passed is still declared.
func (e *endDates) still(a access, end time.Time) bool {
	if a.group != "" {
		m, ok := e.desired.Membership.Ended(a.group, a.user)
		return ok && m.Until != nil && m.Until.End.Equal(end)
	}
	u := e.desired.Users[a.user]
	return u != nil && u.Until != nil && u.Until.End.Equal(end)
}
