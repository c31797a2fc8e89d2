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

// Violation is an assertion that does not hold, with the people who break it.
type Violation struct {
	Assertion string `json:"assertion"`
	Position  string `json:"position"` // file:line:column of the assertion
	// State is the state that violates it: the declared one or the observed one.
	State  StateKind `json:"state"`
	Text   string    `json:"text"`
	Reason string    `json:"reason,omitempty"` // why the assertion was made
	// CausedByDate is true if the assertion would hold without end dates.
	CausedByDate bool `json:"causedByDate,omitempty"`
	// Users are the users that violate it, or the too few users that satisfy it; sorted by key.
	Users []Violator `json:"users,omitempty"`
}

// Sight is where an assertion was checked.
type StateKind string

// The states that assertions are checked on.
const (
	DeclaredState StateKind = "declared"
	ObservedState StateKind = "observed"
)

// Witness is a person with how they come to be named by a violation.
type Violator struct {
	Key   string   `json:"key,omitempty"` // empty for somebody who is not ours
	Name  string   `json:"name"`          // userName, or the e-mail address of somebody who is in no scope
	Paths []string `json:"paths,omitempty"`
}

// mostPeople is how many people a sentence names; JSON has them all.
const mostPeople = 5

// Sentence says what is wrong and who is concerned.
func (v Violation) Sentence() string {
	var people []string
	for i, w := range v.Users {
		if i == mostPeople {
			people = append(people, fmt.Sprintf("and %d more", len(v.Users)-i))
			break
		}
		text := w.Name
		if w.Key != "" && w.Key != w.Name {
			text += " (" + w.Key + ")"
		}
		if len(w.Paths) > 0 {
			text += " " + strings.Join(w.Paths, " and ")
		}
		people = append(people, text)
	}
	if len(people) == 0 {
		return v.Text
	}
	return v.Text + ": " + strings.Join(people, "; ")
}

// String is the violation as a line: which assertion, where it was looked for, what is wrong, why that matters and where it says so.
func (v Violation) String() string {
	where := "as declared"
	if v.State == ObservedState {
		where = "as AWS is now"
	}
	out := fmt.Sprintf("%q does not hold %s: %s", v.Assertion, where, v.Sentence())
	if v.Reason != "" {
		out += fmt.Sprintf(" (%s)", v.Reason)
	}
	return fmt.Sprintf("%s; %s", out, v.Position)
}

// AssertDeclared checks the assertions on the effective access that is declared at now. wants are what the provisioners desire, for
// assertions about mapped attributes.
func AssertDeclared(d *schema.Declarations, now time.Time, wants ...*Desired) []Violation {
	if len(d.Assertions) == 0 { // the membership is costly
		return nil
	}
	membership := d.Membership(now)
	return violations(d, DeclaredState, func(a *schema.Assertion) Violation {
		v := declaredAccess{d: d, membership: membership, wants: wants, now: now}.check(a)
		if v.Text == "" || a.Only != nil {
			return v
		}
		// Before all time no membership has ended yet.
		v.CausedByDate = declaredAccess{d: d, membership: d.Membership(time.Time{}), ignoreDates: true}.check(a).Text == ""
		return v
	})
}

// AssertObserved checks the assertions on what AWS holds, whoever put it there. Groups are those that are linked to declared ones; about a
// group that AWS does not have nothing is said.
func AssertObserved(d *schema.Declarations, o *Observed, l *Linking) []Violation {
	return violations(d, ObservedState, observedAccess{d: d, observed: o, linking: l}.check)
}

func violations(d *schema.Declarations, seen StateKind, check func(*schema.Assertion) Violation) []Violation {
	var out []Violation
	for _, key := range slices.Sorted(maps.Keys(d.Assertions)) {
		a := d.Assertions[key]
		v := check(a)
		if v.Text == "" {
			continue
		}
		v.Assertion, v.Position, v.State, v.Reason = key, a.Pos.String(), seen, a.Reason
		slices.SortFunc(v.Users, func(x, y Violator) int { return strings.Compare(x.Key+"\x00"+x.Name, y.Key+"\x00"+y.Name) })
		out = append(out, v)
	}
	return out
}

// declaredAccess is who may do what by the declarations.
type declaredAccess struct {
	d           *schema.Declarations
	membership  *schema.Membership
	wants       []*Desired
	now         time.Time
	ignoreDates bool // nobody's validity has begun too late or ended
}

func (x declaredAccess) check(a *schema.Assertion) Violation {
	switch {
	case a.Disjoint != nil:
		return disjoint(a.Disjoint, func(group string) []Violator {
			var in []Violator
			for _, m := range x.membership.Group(group) {
				in = append(in, Violator{Key: m.User, Name: x.name(m.User), Paths: []string{membershipText(group, m)}})
			}
			return in
		})
	case a.AtLeast != nil:
		var active []Violator
		for _, m := range x.membership.Group(a.AtLeast.Group) {
			if u := x.d.Users[m.User]; u.State == schema.Active && (x.ignoreDates || InvalidReason(u, x.now) == "") {
				active = append(active, Violator{Key: m.User, Name: x.name(m.User)})
			}
		}
		return atLeast(a.AtLeast, active)
	case a.Only != nil:
		return x.only(a.Only)
	}
	return Violation{}
}

// only looks at everybody in the scope of a provisioner. Who is in it only shrinks with time, so that a violation is never the clock's work,
// unless the attribute is the one that dates decide.
func (x declaredAccess) only(o *schema.Only) Violation {
	matches := compiled(o.Pattern)
	found := map[string]Violator{}
	dated := true
	for _, want := range x.wants {
		for key, u := range want.Users {
			declared := x.d.Users[key]
			value, _ := u.Attributes.Get(o.Attribute)
			if declared == nil || value == "" || !matches(value) || o.Where.Matches(declared) {
				continue
			}
			found[key] = Violator{Key: key, Name: x.name(key), Paths: []string{"declared at " + u.At.String() + ", with another " + strings.Join(o.Where.Mismatches(declared), " and ")}}
			dated = dated && o.Attribute == "active" && (declared.ValidFrom != nil || declared.ValidUntil != nil)
		}
	}
	return onlySome(o, found, dated)
}

func (x declaredAccess) name(key string) string {
	for _, want := range x.wants {
		if u := want.Users[key]; u != nil {
			name, _ := u.Attributes.Get("userName")
			return name
		}
	}
	return x.d.Users[key].Email
}

// observedAccess is who may do what in AWS.
type observedAccess struct {
	d        *schema.Declarations
	observed *Observed
	linking  *Linking
}

func (x observedAccess) check(a *schema.Assertion) Violation {
	switch {
	case a.Disjoint != nil:
		return disjoint(a.Disjoint, func(group string) []Violator {
			var in []Violator
			for _, ref := range x.members(group) {
				w := x.violator(ref)
				w.Paths = []string{fmt.Sprintf("is in %q", group)}
				in = append(in, w)
			}
			return in
		})
	case a.AtLeast != nil:
		if x.linking.State.Groups[a.AtLeast.Group] == nil {
			return Violation{}
		}
		active := map[string]bool{}
		for i := range x.observed.Users {
			value, _ := x.observed.Users[i].Attributes.Get("active")
			active[x.observed.Users[i].ID] = value == "true"
		}
		var in []Violator
		for _, ref := range x.members(a.AtLeast.Group) {
			if active[x.id(ref)] {
				in = append(in, x.violator(ref))
			}
		}
		return atLeast(a.AtLeast, in)
	case a.Only != nil:
		return x.only(a.Only)
	}
	return Violation{}
}

func (x observedAccess) only(o *schema.Only) Violation {
	matches := compiled(o.Pattern)
	keys := map[string]string{}
	for key, u := range x.linking.State.Users {
		keys[u.ID] = key
	}
	found := map[string]Violator{}
	for i := range x.observed.Users {
		u := &x.observed.Users[i]
		value, _ := u.Attributes.Get(o.Attribute)
		if value == "" || !matches(value) {
			continue
		}
		key := keys[u.ID]
		declared := x.d.Users[key]
		switch {
		case declared == nil:
			found[u.ID] = Violator{Key: key, Name: u.UserName(), Paths: []string{"is not declared"}}
		case !o.Where.Matches(declared):
			found[u.ID] = Violator{Key: key, Name: u.UserName(), Paths: []string{"declared at " + declared.Pos.String() + ", with another " + strings.Join(o.Where.Mismatches(declared), " and ")}}
		}
	}
	return onlySome(o, found, false)
}

func (x observedAccess) members(group string) []string {
	if g := x.linking.State.Groups[group]; g != nil {
		return g.Members
	}
	return nil
}

func (x observedAccess) id(ref string) string {
	if u := x.linking.State.Users[ref]; u != nil {
		return u.ID
	}
	return strings.TrimPrefix(ref, "#")
}

func (x observedAccess) violator(ref string) Violator {
	if u := x.linking.State.Users[ref]; u != nil {
		return Violator{Key: ref, Name: u.Name()}
	}
	name := x.linking.UnmanagedUsers[ref]
	if name == "" {
		name = strings.TrimPrefix(ref, "#")
	}
	return Violator{Name: name}
}

// disjoint finds who is in more than one of the groups.
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
		v.Text = fmt.Sprintf("%s in more than one of %s", count(n, "person is", "people are"), schema.QuoteList(groups))
	}
	return v
}

func atLeast(a *schema.AtLeast, active []Violator) Violation {
	if len(active) >= a.Active {
		return Violation{}
	}
	return Violation{Text: fmt.Sprintf("group %q has %s, and needs %d", a.Group, schema.Count(len(active), "active member"), a.Active), Users: active}
}

func onlySome(o *schema.Only, found map[string]Violator, dated bool) Violation {
	if len(found) == 0 {
		return Violation{}
	}
	v := Violation{Text: fmt.Sprintf("the %s of %s matches %q without the right to it", o.Attribute, count(len(found), "person", "people"), o.Pattern), CausedByDate: dated}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		v.Users = append(v.Users, found[key])
	}
	return v
}

// compiled is a pattern that Load has checked.
func compiled(pattern string) func(string) bool {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return func(string) bool { return true }
	}
	return re.MatchString
}

// membershipText says how somebody comes to be in a group.
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

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
