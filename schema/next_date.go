package schema

import "time"

// NextDate returns the first moment after another at which a user's access begins or ends, or a
// membership ends. It is zero if there is none. It visits all users and memberships.
func (d *Declarations) NextDate(after time.Time) time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if at.After(after) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, u := range d.Users {
		if u.ValidFrom != nil {
			consider(u.ValidFrom.Start)
		}
		if u.ValidUntil != nil {
			consider(u.ValidUntil.End)
		}
	}
	for _, g := range d.Groups {
		for i := range g.Members { // there may be a million
			if until := g.Members[i].Until; until != nil {
				consider(until.End)
			}
		}
	}
	return next
}
