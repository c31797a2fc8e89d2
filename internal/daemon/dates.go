package daemon

import (
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// dateWait remembers the next date of a provisioner until its next run, because a search visits all
// memberships. The zero value has not searched.
type dateWait struct {
	searched bool
	at       time.Time
}

// next returns the next date after now, or the one found earlier even if it has passed: then its
// run is due.
func (w *dateWait) next(d *schema.Declarations, p *schema.Provisioner, now time.Time) time.Time {
	if !w.searched {
		w.searched, w.at = true, nextDate(d, p, now)
	}
	return w.at
}

// nextDate returns the first moment after another at which a declared date or window changes what a
// provisioner sends: access ends or begins, a pause ends, or a window opens. It is zero if there is
// none. The dates of users and groups that the provisioner does not have count, too: a run that
// changes nothing is harmless.
func nextDate(d *schema.Declarations, p *schema.Provisioner, after time.Time) time.Time {
	var next time.Time
	if d != nil {
		next = d.NextDate(after)
	}
	consider := func(at time.Time) {
		if at.After(after) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if p.Paused != nil && p.Paused.Until != nil {
		consider(p.Paused.Until.End)
	}
	if open, opens := p.WindowOpen(after); !open {
		consider(opens)
	}
	return next
}
