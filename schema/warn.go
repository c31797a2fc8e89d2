package schema

import (
	"fmt"
	"time"
)

// Warn lists what the clock says about the declarations: what has ended and so has no effect, and what ends soon. It is never a reason to refuse a commit.
func (d *Declarations) Warn(now time.Time) Problems {
	w := &warner{now: now}
	for key, g := range d.Groups {
		for i := range g.Members {
			if m := &g.Members[i]; m.Until != nil {
				w.ends(m.Until, 30, m.Pos, memberEnds, join(join("groups", key)+".members", m.User), fmt.Sprintf("the membership of %q in %q", m.User, key))
			}
		}
	}
	for key, u := range d.Users {
		if u.ValidUntil != nil {
			w.ends(u.ValidUntil, 30, u.Pos, userEnds, join("users", key), fmt.Sprintf("the validity of %q", key))
		}
	}
	for key, p := range d.Provisioners {
		path := join("provisioners", key)
		w.ends(p.TokenExpires, 90, p.Pos, tokenEnds, path+".tokenExpires", fmt.Sprintf("the token of %q", key))
		if p.TokenExpires != nil && p.TokenExpires.Start.After(now.AddDate(1, 0, 1)) {
			w.warn(p.Pos, tokenEnds, path+".tokenExpires", fmt.Sprintf("the token of %q is said to expire more than a year from now", key), p.TokenExpires)
		}
		if p.Review == "required" {
			w.found = append(w.found, Problem{Pos: p.Pos, Code: reviewNeeded.id, Path: path + ".review", Advice: reviewNeeded.advice,
				Message: fmt.Sprintf("only what was approved is applied by %q: where no forge is asked, every intended change is held", key)})
		}
		if p.Paused != nil {
			w.ends(p.Paused.Until, 0, p.Paused.Pos, pauseEnded, path+".paused", fmt.Sprintf("the pause of %q", key))
		}
	}
	for key, a := range d.Approvals {
		w.ends(a.Expires, 0, a.Pos, approvalEnded, join("approvals", key), "the approval")
	}
	w.found.sort()
	return w.found
}

type warner struct {
	now   time.Time
	found Problems
}

func (w *warner) warn(at Pos, c code, path, message string, date *Date) {
	w.found = append(w.found, Problem{Pos: at, Code: c.id, Path: path, Message: message, Value: quote(date.Text), Advice: c.advice})
}

// ends warns of a date that has passed, or passes within days.
func (w *warner) ends(date *Date, days int, at Pos, c code, path, what string) {
	switch {
	case date == nil:
	case date.Over(w.now):
		w.warn(at, c, path, what+" has ended", date)
	case date.Over(w.now.AddDate(0, 0, days)):
		left := "within a day"
		if days := int(date.End.Sub(w.now).Hours() / 24); days > 0 {
			left = fmt.Sprintf("in %d day%s", days, plural(days))
		}
		w.warn(at, c, path, what+" ends "+left, date)
	}
}

// standing lists the warnings that no clock is needed for.
func (c *crosser) standing() {
	for _, key := range keysOf(c.d.Provisioners) {
		p := c.d.Provisioners[key]
		path := join("provisioners", key)
		if p.AllUsers {
			c.warn(Problem{Pos: p.Pos, Code: everybody.id, Path: path, Message: fmt.Sprintf("provisioner %q has no groups: all %d users are in scope", key, len(c.d.Users)), Advice: everybody.advice})
		}
		if p.Auth.Token != nil && p.TokenExpires == nil {
			c.warn(Problem{Pos: p.Pos, Code: noTokenEnd.id, Path: path + ".tokenExpires", Message: fmt.Sprintf("provisioner %q does not say when its token expires", key), Advice: noTokenEnd.advice})
		}
	}
	for _, key := range keysOf(c.d.Mappings) {
		m := c.d.Mappings[key]
		for i, a := range m.catalog {
			if a.path == "emails.value" && m.program != nil && !m.sets[i] && !m.creates[i] {
				c.warn(Problem{Pos: m.Pos, Code: noEmails.id, Path: join("mappings", key), Message: fmt.Sprintf("mapping %q sends no e-mail address", key), Advice: noEmails.advice})
			}
		}
	}
}
