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
	Group  string    `json:"group,omitempty"` // key, or inScope; empty: all access of the user
	EndsAt time.Time `json:"endsAt"`
	// GrantedUntil is the end that an applied commit had granted; nil if it had granted no end.
	GrantedUntil *time.Time `json:"grantedUntil,omitempty"`
	// FirstSeen is the time of the first run that saw this end.
	FirstSeen time.Time `json:"firstSeen"`
}

// inScope stands for all memberships that bring a user into the scope: the last of them to end. It
// is no key.
const inScope = "*"

// access is a membership, a user's membership in the scope, or all access of a user if group is
// empty.
type access struct{ user, group string }

// endDates are the declared ends of access that was granted by the last applied commit.
type endDates struct {
	desired, lastApplied *Desired // lastApplied is nil if nothing was applied, or it is not known
	linking              *Linking
	known                map[access]ShortenedEnd
	now                  time.Time
}

func newEndDates(in PlanInput, linking *Linking) *endDates {
	e := &endDates{
		desired: in.Desired.whole(), lastApplied: in.LastApplied, linking: linking,
		known: map[access]ShortenedEnd{}, now: in.Now,
	}
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
	if a.group == "" || a.group == inScope {
		u := e.lastApplied.Users[a.user]
		if u == nil || !u.Active {
			return nil, false
		}
		if until = u.Until; a.group == inScope {
			until = e.lastApplied.scopeEnd(a.user)
		}
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
	user, group := a.user, a.group
	for _, key := range e.previously(a) {
		if key.user != a.user && e.lastApplied.Users[a.user] == nil && e.lastApplied.Users[key.user] != nil {
			user = key.user
		}
		if key.group != a.group && !e.lastApplied.selects(a.group) && e.lastApplied.selects(key.group) {
			group = key.group
		}
	}
	return access{user, group}
}

// previously returns an access with each combination of the earlier keys of its user and group, in
// addition to the keys that it has. It returns nothing if neither has earlier keys.
func (e *endDates) previously(a access) []access {
	users := []string{a.user}
	if u := e.desired.Users[a.user]; u != nil {
		users = append(users, u.Previously...)
	}
	var out []access
	for _, group := range e.desired.groupKeys(a.group) {
		for _, user := range users {
			out = append(out, access{user, group})
		}
	}
	if len(out) == 1 {
		return nil
	}
	return out
}

// rekeyed reports whether the run renames the user or the group from a key that the last applied
// commit does not have: it does not tell what was granted under that key.
func (e *endDates) rekeyed(a access) bool {
	known := e.earlierKeys(a)
	return e.linking.RenamedUsers[a.user] != "" && e.lastApplied.Users[known.user] == nil ||
		e.linking.RenamedGroups[a.group] != "" && !e.lastApplied.selects(known.group)
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
	case !ok && (e.lastApplied == nil || !e.rekeyed(a)):
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
	if ok {
		return s, true
	}
	for _, earlier := range e.previously(a) {
		if s, ok = e.known[earlier]; ok {
			s.User, s.Group = a.user, a.group
			return s, true
		}
	}
	return ShortenedEnd{}, false
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
// had brought the user into the scope has ended on one, and so has the last of them. A membership
// that replaces others and ends soon is an edit.
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
	return ended && e.reviewed(access{key, inScope}, e.scopeEnded(key))
}

// scopeEnded returns the end of the last of the memberships that brought a user into the scope; nil
// if there is none.
func (e *endDates) scopeEnded(key string) *schema.Date {
	var last *schema.Date
	for _, group := range e.desired.Selected {
		if m, ok := e.desired.Membership.Ended(group, key); ok && (last == nil || m.Until.End.After(last.End)) {
			last = m.Until
		}
	}
	return last
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
	for key, u := range e.desired.datedUsers() {
		consider(access{user: key}, u.Until)
	}
	dated := map[string]bool{} // users with a membership that ends
	for group := range e.desired.datedGroups() {
		members := e.desired.Membership.Group(group)
		for i := range members {
			if members[i].Until != nil {
				dated[members[i].User] = true
				consider(access{members[i].User, group}, members[i].Until)
			}
		}
	}
	for user := range dated {
		consider(access{user, inScope}, e.desired.scopeEnd(user))
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
	if a.group == inScope {
		last := e.scopeEnded(a.user)
		return last != nil && last.End.Equal(end)
	}
	if a.group != "" {
		m, ok := e.desired.Membership.Ended(a.group, a.user)
		return ok && m.Until != nil && m.Until.End.Equal(end)
	}
	u := e.desired.Users[a.user]
	return u != nil && u.Until != nil && u.Until.End.Equal(end)
}
