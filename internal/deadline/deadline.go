// Package deadline lists everything with an end date: SCIM tokens, certificates, metadata,
// approvals, pauses, memberships, the validity of users, and deletions of users who left. Deadlines
// follow from declarations, from what runs recorded, and from the clock. A deadline in the past
// never makes a commit invalid: it is a warning that names the consequence.
package deadline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Kind is the kind of thing that ends.
type Kind string

// The kinds of deadlines.
const (
	Token       Kind = "SCIM token"
	Certificate Kind = "certificate"
	Metadata    Kind = "metadata"
	Approval    Kind = "approval"
	Pause       Kind = "pause"
	Membership  Kind = "membership"
	Validity    Kind = "validity"
	Deletion    Kind = "deletion" // of a user who left, after deleteAfterDays
)

// Kinds are all kinds.
var Kinds = []Kind{Token, Certificate, Metadata, Approval, Pause, Membership, Validity, Deletion}

// Deadline is the end date of one thing.
type Deadline struct {
	Kind Kind `json:"kind"`
	// Subject describes what ends, for example a provisioner, an app's certificate or a user.
	Subject string `json:"subject"`
	// Owner is the key of the provisioner or app that the deadline belongs to, if there is one.
	Owner       string     `json:"owner,omitempty"`
	Pos         schema.Pos `json:"-"`
	Path        string     `json:"path"` // in the declarations
	EndsAt      time.Time  `json:"endsAt"`
	Consequence string     `json:"consequence"` // a clause that completes Text
}

// stages are the numbers of days before the end at which there is a warning.
var stages = []int{1, 7, 30, 60, 90}

// firstWarning is the number of days before the end at which the first warning of a kind is due.
// AWS itself warns 90 days before tokens and certificates end. Memberships end often, so their
// warnings start later.
var firstWarning = map[Kind]int{Token: 90, Certificate: 90, Metadata: 90, Membership: 30, Validity: 30,
	Pause: 7, Approval: 1, Deletion: 30}

// Stage returns the last stage that has been reached: 90, 60, 30, 7 or 1 days before the end, or 0
// after the end. ok is false before the first stage.
func (d Deadline) Stage(now time.Time) (days int, ok bool) {
	if !now.Before(d.EndsAt) {
		return 0, true
	}
	for _, days := range stages {
		if days <= firstWarning[d.Kind] && !now.Before(d.EndsAt.AddDate(0, 0, -days)) {
			return days, true
		}
	}
	return 0, false
}

// Text returns a sentence with what ends, when, and the consequence.
func (d Deadline) Text(now time.Time) string {
	what := string(d.Kind)
	date := d.EndsAt.Format("2006-01-02 15:04 MST")
	if !now.Before(d.EndsAt) {
		return fmt.Sprintf("the %s of %s ended on %s: %s", what, d.Subject, date, d.Consequence)
	}
	left := "in less than a day"
	if days := int(d.EndsAt.Sub(now).Hours() / 24); days > 0 {
		left = "in " + schema.Count(days, "day")
	}
	return fmt.Sprintf("the %s of %s ends %s, on %s; then %s", what, d.Subject, left, date, d.Consequence)
}

// Declared lists the deadlines that are stated in declarations.
func Declared(d *schema.Declarations) []Deadline {
	var out []Deadline
	add := func(kind Kind, date *schema.Date, subject, owner string, pos schema.Pos, path, consequence string) {
		out = append(out, Deadline{kind, subject, owner, pos, path, date.End, consequence})
	}
	for key, p := range d.Provisioners {
		path := fmt.Sprintf("provisioners.%q", key)
		if p.TokenExpires != nil {
			add(Token, p.TokenExpires, fmt.Sprintf("provisioner %q", key), key, p.TokenExpiresPos, path+".tokenExpires",
				"AWS rejects every call, so no user is added, changed or removed: "+
					"create a second token in the AWS console and update tokenExpires")
		}
		if p.Paused != nil && p.Paused.Until != nil {
			add(Pause, p.Paused.Until, fmt.Sprintf("provisioner %q", key), key, p.Paused.Pos, path+".paused",
				"changes are applied again")
		}
	}
	for key, a := range d.Approvals {
		if a.Expires != nil {
			add(Approval, a.Expires, fmt.Sprintf("%.19s", key), "", a.Pos, fmt.Sprintf("approvals.%q", key),
				"it releases nothing from then on")
		}
	}
	for key, g := range d.DatedGroups() {
		for i := range g.Members {
			if m := &g.Members[i]; m.Until != nil {
				add(Membership, m.Until, fmt.Sprintf("%q in group %q", m.User, key), "", m.Pos,
					fmt.Sprintf("groups.%q.members.%q", key, m.User), "the user is removed from the group")
			}
		}
	}
	for key, u := range d.DatedUsers() {
		if u.ValidUntil != nil {
			add(Validity, u.ValidUntil, fmt.Sprintf("user %q", key), "", u.Pos, fmt.Sprintf("users.%q", key),
				"the user loses access")
		}
	}
	Sort(out)
	return out
}

// Sort sorts by end date, the earliest first.
func Sort(list []Deadline) {
	slices.SortFunc(list, func(a, b Deadline) int {
		return cmp.Or(a.EndsAt.Compare(b.EndsAt), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Subject, b.Subject))
	})
}

// Merge returns both lists in order. An approval may end in both: then its earlier end counts.
func Merge(declared, recorded []Deadline) []Deadline {
	out := slices.Concat(declared, recorded)
	Sort(out)
	ended := map[string]bool{}
	return slices.DeleteFunc(out, func(d Deadline) bool {
		if d.Kind != Approval {
			return false
		}
		before := ended[d.Path]
		ended[d.Path] = true
		return before
	})
}

// Personal reports whether a deadline is that of one person.
func (d Deadline) Personal() bool {
	return d.Kind == Membership || d.Kind == Validity || d.Kind == Deletion
}

// Due returns the deadlines that have reached a stage, in the same order.
func Due(list []Deadline, now time.Time) []Deadline {
	var out []Deadline
	for _, d := range list {
		if _, ok := d.Stage(now); ok {
			out = append(out, d)
		}
	}
	return out
}

// Notices returns the warnings for a provisioner's plan. It lists the deadlines of the provisioner
// and its app, and counts those of memberships and users.
func Notices(list []Deadline, p *schema.Provisioner, now time.Time) []string {
	var out []string
	counted := 0
	for _, d := range Due(list, now) {
		switch {
		case d.Kind == Membership, d.Kind == Validity:
			if now.Before(d.EndsAt) {
				counted++
			}
		case d.Kind == Approval,
			d.Owner == p.Key && d.Kind != Certificate && d.Kind != Metadata,
			d.Owner == p.App && (d.Kind == Certificate || d.Kind == Metadata):
			out = append(out, d.Text(now))
		}
	}
	if counted > 0 {
		out = append(out, schema.Count(counted, "end date")+
			" of users and memberships within 30 days; see roster deadlines")
	}
	return out
}
