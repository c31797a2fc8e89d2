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
				w.checkEnd(m.Until, 30, m.Pos, membershipEnding, joinPath(joinPath("groups", key)+".members", m.User), fmt.Sprintf("the membership of %q in %q", m.User, key))
			}
		}
	}
	for key, u := range d.Users {
		if u.ValidUntil != nil {
			w.checkEnd(u.ValidUntil, 30, u.Pos, userEnding, joinPath("users", key), fmt.Sprintf("the validity of %q", key))
		}
	}
	for key, p := range d.Provisioners {
		path := joinPath("provisioners", key)
		w.checkEnd(p.TokenExpires, 90, p.Pos, tokenExpiring, path+".tokenExpires", fmt.Sprintf("the token of %q", key))
		if p.TokenExpires != nil && p.TokenExpires.Start.After(now.AddDate(1, 0, 1)) {
			w.warn(p.Pos, tokenExpiring, path+".tokenExpires", fmt.Sprintf("the token of %q is said to expire more than a year from now", key), p.TokenExpires)
		}
		if p.Review == "required" {
			w.found = append(w.found, Problem{Pos: p.Pos, Code: reviewNeeded.id, Path: path + ".review", Advice: reviewNeeded.advice,
				Message: fmt.Sprintf("only what was approved is applied by %q: where no forge is asked, every intended change is held", key)})
		}
		if p.Paused != nil {
			w.checkEnd(p.Paused.Until, 0, p.Paused.Pos, pauseEnded, path+".paused", fmt.Sprintf("the pause of %q", key))
		}
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

func (w *warner) warn(at Pos, c code, path, message string, date *Date) {
	w.found = append(w.found, Problem{Pos: at, Code: c.id, Path: path, Message: message, Value: quote(date.Text), Advice: c.advice})
}

// ends warns of a date that has passed, or passes within days.
func (w *warner) checkEnd(date *Date, days int, at Pos, c code, path, what string) {
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
func (v *validator) warnings() {
	for _, key := range keysOf(v.d.Provisioners) {
		p := v.d.Provisioners[key]
		path := joinPath("provisioners", key)
		if p.AllUsers {
			v.warn(Problem{Pos: p.Pos, Code: scopeIsAllUsers.id, Path: path, Message: fmt.Sprintf("provisioner %q has no groups: all %d users are in scope", key, len(v.d.Users)), Advice: scopeIsAllUsers.advice})
		}
		if p.Auth.Token != nil && p.TokenExpires == nil {
			v.warn(Problem{Pos: p.Pos, Code: noTokenExpiry.id, Path: path + ".tokenExpires", Message: fmt.Sprintf("provisioner %q does not say when its token expires", key), Advice: noTokenExpiry.advice})
		}
	}
	for _, key := range keysOf(v.d.Mappings) {
		m := v.d.Mappings[key]
		for i, a := range m.catalog {
			if a.path == "emails.value" && m.program != nil && !m.sets[i] && !m.setsOnCreate[i] {
				v.warn(Problem{Pos: m.Pos, Code: noEmails.id, Path: joinPath("mappings", key), Message: fmt.Sprintf("mapping %q sends no e-mail address", key), Advice: noEmails.advice})
			}
		}
	}
}
