// Package deadline lists what ends by itself: SCIM tokens, certificates, metadata, approvals, pauses, memberships and people's validity. It
// follows from declarations and the clock, and never makes a valid commit invalid: what has ended is a loud warning with its consequence.
package deadline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Kind says what ends.
type Kind string

// What can end.
const (
	Token       Kind = "SCIM token"
	Certificate Kind = "certificate"
	Metadata    Kind = "metadata"
	Approval    Kind = "approval"
	Pause       Kind = "pause"
	Membership  Kind = "membership"
	Validity    Kind = "validity"
)

// Deadline is something that ends.
type Deadline struct {
	Kind Kind `json:"kind"`
	// Subject is what ends, as people know it: a provisioner, an app's certificate, a person.
	Subject string `json:"subject"`
	// Owner is the key of the provisioner or app that it belongs to; "" for none.
	Owner       string     `json:"owner,omitempty"`
	Pos         schema.Pos `json:"-"`
	Path        string     `json:"path"` // in the configuration
	EndsAt      time.Time  `json:"endsAt"`
	Consequence string     `json:"consequence"` // of its end, as a sentence's second half
}

// stages are how many days ahead of an end is warned, once at each.
var stages = []int{1, 7, 30, 60, 90}

// horizon is how many days ahead an end of a kind is worth a warning. AWS itself begins at 90 days with tokens and certificates; people
// come and go every day.
var horizon = map[Kind]int{Token: 90, Certificate: 90, Metadata: 90, Membership: 30, Validity: 30, Pause: 7, Approval: 1}

// Stage is the last stage that has been reached at now: 90, 60, 30, 7 or 1 days before the end, 0 after it. ok is false before the first.
func (d Deadline) Stage(now time.Time) (days int, ok bool) {
	if !now.Before(d.EndsAt) {
		return 0, true
	}
	for _, days := range stages {
		if days <= horizon[d.Kind] && !now.Before(d.EndsAt.AddDate(0, 0, -days)) {
			return days, true
		}
	}
	return 0, false
}

// Text says what ends, when, and what then.
func (d Deadline) Text(now time.Time) string {
	what := string(d.Kind)
	date := d.EndsAt.Format("2006-01-02 15:04 MST")
	if !now.Before(d.EndsAt) {
		return fmt.Sprintf("the %s of %s ended on %s: %s", what, d.Subject, date, d.Consequence)
	}
	left := "in less than a day"
	switch days := int(d.EndsAt.Sub(now).Hours() / 24); {
	case days == 1:
		left = "in 1 day"
	case days > 1:
		left = fmt.Sprintf("in %d days", days)
	}
	return fmt.Sprintf("the %s of %s ends %s, on %s; then %s", what, d.Subject, left, date, d.Consequence)
}

// Of lists the deadlines that declarations state themselves.
func Of(d *schema.Declarations) []Deadline {
	var out []Deadline
	add := func(kind Kind, date *schema.Date, subject, of string, pos schema.Pos, path, consequence string) {
		if date != nil {
			out = append(out, Deadline{kind, subject, of, pos, path, date.End, consequence})
		}
	}
	for key, p := range d.Provisioners {
		path := fmt.Sprintf("provisioners.%q", key)
		add(Token, p.TokenExpires, fmt.Sprintf("provisioner %q", key), key, p.Pos, path+".tokenExpires",
			"AWS refuses every call, and nobody is added, changed or removed: make a second token in AWS's console, and change tokenExpires")
		if p.Paused != nil {
			add(Pause, p.Paused.Until, fmt.Sprintf("provisioner %q", key), key, p.Paused.Pos, path+".paused", "changes are sent again")
		}
	}
	for key, a := range d.Approvals {
		add(Approval, a.Expires, fmt.Sprintf("%.19s", key), "", a.Pos, fmt.Sprintf("approvals.%q", key), "what it releases is held")
	}
	for key, g := range d.Groups {
		for i := range g.Members {
			m := &g.Members[i]
			add(Membership, m.Until, fmt.Sprintf("%q in group %q", m.User, key), "", m.Pos, fmt.Sprintf("groups.%q.members.%q", key, m.User), "the group is without them")
		}
	}
	for key, u := range d.Users {
		add(Validity, u.ValidUntil, fmt.Sprintf("user %q", key), "", u.Pos, fmt.Sprintf("users.%q", key), "the person has no access")
	}
	Sort(out)
	return out
}

// Sort puts what ends first first.
func Sort(list []Deadline) {
	slices.SortFunc(list, func(a, b Deadline) int { return cmp.Or(a.EndsAt.Compare(b.EndsAt), cmp.Compare(a.Path, b.Path)) })
}

// Due returns what has reached a stage at now, in the same order.
func Due(list []Deadline, now time.Time) []Deadline {
	var out []Deadline
	for _, d := range list {
		if _, ok := d.Stage(now); ok {
			out = append(out, d)
		}
	}
	return out
}

// Notices are the warnings for a plan of a provisioner: its own deadlines and its app's one by one, people's as a number.
func Notices(list []Deadline, p *schema.Provisioner, now time.Time) []string {
	var out []string
	people := 0
	for _, d := range Due(list, now) {
		switch {
		case d.Kind == Membership, d.Kind == Validity:
			if now.Before(d.EndsAt) {
				people++
			}
		case d.Owner == p.Key && d.Kind != Certificate && d.Kind != Metadata, d.Owner == p.App && (d.Kind == Certificate || d.Kind == Metadata), d.Kind == Approval:
			out = append(out, d.Text(now))
		}
	}
	switch {
	case people == 1:
		out = append(out, "1 membership or validity ends within 30 days; see roster deadlines")
	case people > 1:
		out = append(out, fmt.Sprintf("%d memberships or validities end within 30 days; see roster deadlines", people))
	}
	return out
}
