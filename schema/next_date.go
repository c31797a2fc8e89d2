package schema

import "time"

// NextDate returns the first moment after another at which a user's access begins or ends, or a
// membership ends. It is zero if there is none.
func (d *Declarations) NextDate(after time.Time) time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if at.After(after) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, u := range d.DatedUsers() {
		if u.ValidFrom != nil {
			consider(u.ValidFrom.Start)
		}
		if u.ValidUntil != nil {
			consider(u.ValidUntil.End)
		}
	}
	for _, g := range d.DatedGroups() {
		for i := range g.Members {
			if until := g.Members[i].Until; until != nil {
				consider(until.End)
			}
		}
	}
	return next
}
