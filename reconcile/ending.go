package reconcile

import (
	"fmt"

	"github.com/seed-d64a251c/roster/schema"
)

// Ending is an end that a merge sets, moves or lifts.
type Ending struct {
	Group string `json:"group,omitempty"` // its name; empty: the person's whole access
	User  string `json:"user"`            // the userName
	Was   string `json:"was,omitempty"`   // as declared before; empty: no end
	Until string `json:"until,omitempty"` // as declared now; empty: no end any more
}

// endings compares the dates on which access ends by itself. What comes or goes altogether is among the changes; only a new end is told.
func endings(in PreviewInput, was, will *Desired) []Ending {
	var out []Ending
	text := func(d *schema.Date) string {
		if d == nil {
			return ""
		}
		return d.Text
	}
	for _, key := range sortedKeys(will.Users) {
		u, until := will.Users[key], text(in.Merged.Users[key].ValidUntil)
		before := ""
		if old := in.Base.Users[key]; old != nil && was.Users[key] != nil {
			before = text(old.ValidUntil)
		}
		if before != until {
			out = append(out, Ending{User: u.name(), Was: before, Until: until})
		}
	}
	for _, key := range sortedKeys(will.Groups) {
		for _, m := range will.membership.Group(key) {
			if will.Users[m.User] == nil {
				continue
			}
			before := ""
			if old, ok := was.member(key, m.User); ok && was.Groups[key] != nil {
				before = text(old.Until)
			}
			if until := text(m.Until); before != until {
				out = append(out, Ending{Group: will.Groups[key].DisplayName, User: will.Users[m.User].name(), Was: before, Until: until})
			}
		}
	}
	return out
}

func (u *DesiredUser) name() string { v, _ := u.Attributes.Get("userName"); return v }

// String is a line for people.
func (e Ending) String() string {
	what := "access of " + e.User
	if e.Group != "" {
		what = e.User + " in " + e.Group
	}
	switch {
	case e.Until == "":
		return fmt.Sprintf("%s no longer ends on %s", what, e.Was)
	case e.Was != "":
		return fmt.Sprintf("%s ends on %s instead of %s", what, e.Until, e.Was)
	}
	return fmt.Sprintf("%s ends on %s", what, e.Until)
}
