package reconcile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Violation is an assertion that does not hold, with the users that violate it.
type Violation struct {
	Assertion string `json:"assertion"`
	Position  string `json:"position"` // file:line:column of the assertion
	// State is the state that violates it: the declared one or the observed one.
	State  StateKind `json:"state"`
	Text   string    `json:"text"`
	Reason string    `json:"reason,omitempty"` // why the assertion was made
	// CausedByDate is true if the assertion would hold without end dates.
	CausedByDate bool `json:"causedByDate,omitempty"`
	// Loosened is true for an assertion that the commit removes or weakens, as it was before.
	Loosened bool `json:"loosened,omitempty"`
	// Users are the users that violate it, or the too few users that satisfy it; sorted by key.
	Users []Violator `json:"users,omitempty"`
}

// StateKind is the state on which an assertion was checked.
type StateKind string

// The states that assertions are checked on.
const (
	DeclaredState StateKind = "declared"
	ObservedState StateKind = "observed"
)

// Violator is a user in a violation, with the paths by which the user violates the assertion.
type Violator struct {
	Key   string   `json:"key,omitempty"` // empty for an unmanaged user
	Name  string   `json:"name"`          // userName, or the email address of a user in no scope
	Paths []string `json:"paths,omitempty"`
}

// maxViolators is the number of users that a sentence names; JSON has all of them.
const maxViolators = 5

// Sentence returns the violation with the users that violate the assertion.
func (v Violation) Sentence() string {
	var users []string
	for i, u := range v.Users {
		if i == maxViolators {
			users = append(users, fmt.Sprintf("and %d more", len(v.Users)-i))
			break
		}
		text := u.Name
		if u.Key != "" && u.Key != u.Name {
			text += " (" + u.Key + ")"
		}
		if len(u.Paths) > 0 {
			text += " " + strings.Join(u.Paths, " and ")
		}
		users = append(users, text)
	}
	if len(users) == 0 {
		return v.Text
	}
	return v.Text + ": " + strings.Join(users, "; ")
}

// String returns the violation as a line with the assertion, the state, the reason and the
// position.
func (v Violation) String() string {
	where := "as declared"
	if v.State == ObservedState {
		where = "in AWS"
	}
	out := fmt.Sprintf("%q does not hold %s: %s", v.Assertion, where, v.Sentence())
	if v.Loosened {
		out += " (as it was before the commit loosened it)"
	}
	if v.Reason != "" {
		out += fmt.Sprintf(" (%s)", v.Reason)
	}
	return fmt.Sprintf("%s; %s", out, v.Position)
}

// AssertDeclared checks the assertions on the effective access that is declared at now. Assertions
// on mapped attributes are checked on the desired states of provisioners.
func AssertDeclared(d *schema.Declarations, now time.Time, desired ...*Desired) []Violation {
	if len(d.Assertions) == 0 { // the membership is expensive
		return nil
	}
	membership := d.Membership(now)
	return violations(d, DeclaredState, func(a *schema.Assertion) Violation {
		v := declaredAccess{d: d, membership: membership, desired: desired, now: now}.check(a)
		if v.Text == "" || a.Only != nil {
			return v
		}
		// At the zero time no membership has ended yet.
		v.CausedByDate = declaredAccess{
			d:           d,
			membership:  d.Membership(time.Time{}),
			ignoreDates: true,
		}.check(a).Text == ""
		return v
	})
}

// AssertObserved checks the assertions on the observed directory, with unmanaged objects. A group
// that the directory does not have violates nothing.
func AssertObserved(d *schema.Declarations, o *Observed, l *Linking) []Violation {
	return violations(d, ObservedState, observedAccess{d: d, observed: o, linking: l}.check)
}

// violations returns the violations that check finds.
func violations(d *schema.Declarations, state StateKind, check func(*schema.Assertion) Violation) []Violation {
	var out []Violation
	for _, key := range slices.Sorted(maps.Keys(d.Assertions)) {
		a := d.Assertions[key]
		v := check(a)
		if v.Text == "" {
			continue
		}
		v.Assertion, v.Position, v.State, v.Reason = key, a.Pos.String(), state, a.Reason
		slices.SortFunc(v.Users,
			func(x, y Violator) int { return strings.Compare(x.Key+"\x00"+x.Name, y.Key+"\x00"+y.Name) })
		out = append(out, v)
	}
	return out
}

// disjoint finds the users who are in more than one of the groups.
func disjoint(groups []string, members func(group string) []Violator) Violation {
	found := map[string]*Violator{}
	for _, group := range groups {
		for _, w := range members(group) {
			id := w.Key + "\x00" + w.Name
			if have := found[id]; have != nil {
				have.Paths = append(have.Paths, w.Paths...)
			} else {
				found[id] = &w
			}
		}
	}
	var v Violation
	for _, w := range found {
		if len(w.Paths) > 1 {
			v.Users = append(v.Users, *w)
		}
	}
	if n := len(v.Users); n > 0 {
		v.Text = fmt.Sprintf("%s in more than one of %s", usersAre(n), schema.QuoteList(groups))
	}
	return v
}

// atLeast returns the violation of a group with too few active members.
func atLeast(a *schema.AtLeast, active []Violator) Violation {
	if len(active) >= a.Active {
		return Violation{}
	}
	text := fmt.Sprintf("group %q has %s but needs %d", a.Group, schema.Count(len(active), "active member"), a.Active)
	return Violation{Text: text, Users: active}
}

// onlySome returns the violation of users who match a pattern without permission.
func onlySome(o *schema.Only, found map[string]Violator, dated bool) Violation {
	if len(found) == 0 {
		return Violation{}
	}
	text := fmt.Sprintf("%d users have a %s that matches %q but do not satisfy where", len(found), o.Attribute,
		o.Pattern)
	if len(found) == 1 {
		text = fmt.Sprintf("1 user has a %s that matches %q but does not satisfy where", o.Attribute, o.Pattern)
	}
	v := Violation{Text: text, CausedByDate: dated}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		v.Users = append(v.Users, found[key])
	}
	return v
}

// compiled compiles a pattern that Load has checked.
func compiled(pattern string) func(string) bool {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return func(string) bool { return true }
	}
	return re.MatchString
}

// membershipText returns why a user is in a group.
func membershipText(group string, m schema.GroupMember) string {
	text := fmt.Sprintf("is in %q", group)
	if m.Via != "" {
		text += " by " + m.Via
	}
	if m.Until != nil {
		text += " until " + m.Until.Text
	}
	return text + " (" + m.Pos.String() + ")"
}

// InvalidReason says why a user is not valid at now; "" for a valid user.
func InvalidReason(u *schema.User, now time.Time) string {
	switch {
	case u.ValidFrom != nil && !u.ValidFrom.Begun(now):
		return "not valid before " + u.ValidFrom.Text
	case u.ValidUntil != nil && u.ValidUntil.Over(now):
		return "no longer valid since " + u.ValidUntil.Text
	}
	return ""
}
