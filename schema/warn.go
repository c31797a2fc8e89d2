package schema

import (
	"fmt"
	"time"
)

// Warn returns the warnings that depend on the date: declarations that have ended and have no
// effect, and declarations that end soon. They never make a commit invalid.
func (d *Declarations) Warn(now time.Time) Problems {
	w := &warner{now: now}
	for key, g := range d.Groups {
		for i := range g.Members {
			if m := &g.Members[i]; m.Until != nil {
				path := joinPath(joinPath("groups", key)+".members", m.User)
				item := fmt.Sprintf("the membership of user %q in group %q", m.User, key)
				w.checkEnd(m.Until, 30, m.Pos, membershipEnding, path, item)
			}
		}
	}
	for key, u := range d.Users {
		if u.ValidUntil != nil {
			item := fmt.Sprintf("the validity of user %q", key)
			w.checkEnd(u.ValidUntil, 30, u.Pos, userEnding, joinPath("users", key), item)
		}
	}
	for key, p := range d.Provisioners {
		w.provisioner(p, joinPath("provisioners", key))
	}
	for key, a := range d.Approvals {
		w.checkEnd(a.Expires, 0, a.Pos, approvalExpired, joinPath("approvals", key), "the approval")
	}
	w.found.sort()
	return w.found
}

type warner struct {
	now   time.Time
	found Problems
}

func (w *warner) provisioner(p *Provisioner, path string) {
	w.checkEnd(p.TokenExpires, 90, p.Pos, tokenExpiring, path+".tokenExpires",
		fmt.Sprintf("the token of provisioner %q", p.Key))
	if p.TokenExpires != nil && p.TokenExpires.Start.After(w.now.AddDate(1, 0, 1)) {
		message := fmt.Sprintf("the token of provisioner %q is declared to expire more than a year from now", p.Key)
		w.warn(p.Pos, tokenExpiring, path+".tokenExpires", message, p.TokenExpires)
	}
	if p.Review.Required {
		message := fmt.Sprintf("provisioner %q requires reviews; without a forge, its intended changes are held", p.Key)
		w.found = append(w.found, reviewNeeded.problem(p.Review.Pos, path+".review", message))
	}
	if p.Paused != nil {
		w.checkEnd(p.Paused.Until, 0, p.Paused.Pos, pauseEnded, path+".paused",
			fmt.Sprintf("the pause of provisioner %q", p.Key))
	}
}

func (w *warner) warn(at Pos, c code, path, message string, date *Date) {
	w.found = append(w.found, c.problem(at, path, message).withValue(quote(date.Text)))
}

// checkEnd warns if a date has passed, or passes within some days.
func (w *warner) checkEnd(date *Date, days int, at Pos, c code, path, item string) {
	switch {
	case date == nil:
	case date.Over(w.now):
		w.warn(at, c, path, item+" has ended", date)
	case date.Over(w.now.AddDate(0, 0, days)):
		end := "within a day"
		if days := int(date.End.Sub(w.now).Hours() / 24); days > 0 {
			end = "in " + Count(days, "day")
		}
		w.warn(at, c, path, item+" ends "+end, date)
	}
}
