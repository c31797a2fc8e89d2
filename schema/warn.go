package schema

import (
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Warn returns the warnings that depend on the date: declarations that have ended and have no
// effect, and declarations that end soon. They never make a commit invalid.
func (d *Declarations) Warn(now time.Time) tree.Problems {
	w := &warner{now: now}
	for key, g := range d.DatedGroups() {
		for i := range g.Members {
			if m := &g.Members[i]; m.Until != nil {
				path := tree.JoinPath(tree.JoinPath("groups", key)+".members", m.User)
				item := fmt.Sprintf("the membership of user %q in group %q", m.User, key)
				w.checkEnd(m.Until, 30, m.Pos, tree.MembershipEnding, path, item)
			}
		}
	}
	for key, u := range d.DatedUsers() {
		if u.ValidUntil != nil {
			item := fmt.Sprintf("the validity of user %q", key)
			w.checkEnd(u.ValidUntil, 30, u.Pos, tree.UserEnding, tree.JoinPath("users", key), item)
		}
	}
	for key, p := range d.Provisioners {
		w.provisioner(p, tree.JoinPath("provisioners", key))
	}
	for key, a := range d.Approvals {
		w.checkEnd(a.Expires, 0, a.Pos, tree.ApprovalExpired, tree.JoinPath("approvals", key), "the approval")
	}
	w.found.Sort()
	return w.found
}

type warner struct {
	now   time.Time
	found tree.Problems
}

func (w *warner) provisioner(p *Provisioner, path string) {
	w.checkEnd(p.TokenExpires, 90, p.TokenExpiresPos, tree.TokenExpiring, path+".tokenExpires",
		fmt.Sprintf("the token of provisioner %q", p.Key))
	if p.TokenExpires != nil && p.TokenExpires.Start.After(w.now.AddDate(1, 0, 1)) {
		message := fmt.Sprintf("the token of provisioner %q is declared to expire more than a year from now", p.Key)
		w.warn(p.TokenExpiresPos, tree.TokenExpiring, path+".tokenExpires", message, p.TokenExpires)
	}
	if p.Review.Required {
		message := fmt.Sprintf("provisioner %q requires reviews; without a forge, its intended changes are held", p.Key)
		w.found = append(w.found, tree.ReviewNeeded.Problem(p.Review.Pos, path+".review", message))
	}
	if p.Paused != nil {
		w.checkEnd(p.Paused.Until, 0, p.Paused.Pos, tree.PauseEnded, path+".paused",
			fmt.Sprintf("the pause of provisioner %q", p.Key))
	}
}

func (w *warner) warn(at tree.Pos, c tree.Code, path, message string, date *Date) {
	w.found = append(w.found, c.Problem(at, path, message).WithValue(tree.Quote(date.Text)))
}

// checkEnd warns if a date has passed, or passes within some days.
func (w *warner) checkEnd(date *Date, days int, at tree.Pos, c tree.Code, path, item string) {
	switch {
	case date == nil:
	case date.Over(w.now):
		w.warn(at, c, path, item+" has ended", date)
	case date.Over(w.now.AddDate(0, 0, days)):
		end := "within a day"
		if days := int(date.End.Sub(w.now).Hours() / 24); days > 0 {
			end = "in " + tree.Count(days, "day")
		}
		w.warn(at, c, path, item+" ends "+end, date)
	}
}
