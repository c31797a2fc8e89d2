package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Explanation says why a user or group is in a provisioner's directory as it is, or is not.
type Explanation struct {
	Version     int                 `json:"version"`
	Kind        string              `json:"kind"` // "user" or "group"
	Key         string              `json:"key"`
	Name        string              `json:"name"`
	Provisioner string              `json:"provisioner"`
	Commit      reconcile.CommitRef `json:"commit"`
	EvaluatedAt time.Time           `json:"evaluatedAt"` // the time at which dates were evaluated
	// Answer is the whole matter in one sentence.
	Answer string `json:"answer"`
	Facts  []Fact `json:"facts"`
	// Notes say what could not be found out.
	Notes []string `json:"notes,omitempty"`
}

// Fact is one reason or circumstance. Topic sorts it: "declared", "state", "scope", "member" (of a group), "not a member", "value",
// "directory" (what the ledger knows), "run" (what a report says) or "mode".
type Fact struct {
	Topic   string `json:"topic"`
	Subject string `json:"subject,omitempty"` // the group, user or SCIM attribute that it is about
	Text    string `json:"text"`
	Until   string `json:"until,omitempty"` // as declared
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	// LastCommit is the commit that last changed the line; nil if unknown.
	LastCommit *reconcile.CommitRef `json:"lastCommit,omitempty"`
}

// ExplainInput is what an explanation is a function of.
type Input struct {
	Kind, Key    string // as Find gave it
	Declarations *schema.Declarations
	Provisioner  *schema.Provisioner
	Desired      *reconcile.Desired
	Ledger       *reconcile.Ledger
	Status       *reconcile.Status // nil: no run was ever concluded
	// Report is the newest report that names the user or group, and Path where it is; nil when there is none.
	Report *reconcile.Report
	Path   string
	Commit reconcile.CommitRef
	Now    time.Time
}

// Concerns reports whether a change is about a user or group.
func Concerns(kind, key string, c *reconcile.Change) bool {
	if kind == "user" {
		return c.Kind.OfUser() && c.Key == key || c.Member == key
	}
	return !c.Kind.OfUser() && c.Key == key
}

// Explain answers why. It is pure: the same input, the same explanation.
func Explain(in Input) *Explanation {
	e := &Explanation{Version: 1, Kind: in.Kind, Key: in.Key, Name: in.Key, Provisioner: in.Provisioner.Key, Commit: in.Commit, EvaluatedAt: in.Now, Facts: []Fact{}}
	x := &explainer{Input: in, out: e}
	if in.Kind == "user" {
		x.user()
	} else {
		x.group()
	}
	x.run()
	x.mode()
	return e
}

type explainer struct {
	Input
	out *Explanation
}

func (x *explainer) fact(topic, subject string, at schema.Pos, format string, args ...any) *Fact {
	x.out.Facts = append(x.out.Facts, Fact{Topic: topic, Subject: subject, Text: fmt.Sprintf(format, args...), File: at.File, Line: at.Line, Column: at.Column})
	return &x.out.Facts[len(x.out.Facts)-1]
}

func (x *explainer) answer(format string, args ...any) {
	x.out.Answer = fmt.Sprintf("%s (%s) ", x.out.Name, x.Key) + fmt.Sprintf(format, args...)
}

// user explains a person.
func (x *explainer) user() {
	u, want := x.Declarations.Users[x.Key], x.Desired.Users[x.Key]
	owned, ours := x.Ledger.Users[x.Key]
	if u == nil {
		x.fact("declared", "", schema.Pos{}, "not declared (any more)")
	} else {
		x.out.Name = u.Email
		x.fact("declared", "", u.Pos, "%s %s, userId %q, e-mail %q", u.FirstName, u.LastName, u.UserID, u.Email)
		x.fact("state", "", u.Pos, "%s", x.condition(u))
		x.scope(u, want)
		x.memberships(u)
	}
	if want != nil {
		if name, _ := want.Attributes.Get("userName"); name != "" {
			x.out.Name = name
		}
		x.values(u, want)
	}
	x.ownership(owned, ours)
	switch {
	case ours && want != nil && want.Active:
		x.answer("is in AWS and may sign in%s%s.", x.throughGroups(), x.pending())
	case ours && want != nil:
		x.answer("is in AWS but is to be inactive there: %s%s.", x.condition(u), x.pending())
	case ours && owned.LeftScopeAt != nil:
		x.answer("has left: inactive in AWS since %s%s.", owned.LeftScopeAt.Format(time.DateOnly), x.deletion(owned))
	case ours && u == nil:
		x.answer("is still in AWS, but is not declared any more: to be taken away (deprovision: %s)%s.", x.Provisioner.Deprovision.Mode, x.pending())
	case ours:
		x.answer("is still in AWS, but in no group that provisioner %q selects: to be taken away (deprovision: %s)%s.", x.Provisioner.Key, x.Provisioner.Deprovision.Mode, x.pending())
	case u == nil:
		x.answer("is not in AWS: not declared.")
	case want == nil:
		x.answer("is not in AWS: in none of the groups that provisioner %q selects.", x.Provisioner.Key)
	case !want.Active:
		x.answer("is not in AWS: %s, and somebody inactive is never created.", x.condition(u))
	default:
		x.answer("is not in AWS yet: %s.", x.obstacle(reconcile.CreateUser, reconcile.AdoptUser))
	}
}

// condition is a person's state with what their dates say.
func (x *explainer) condition(u *schema.User) string {
	text := "state " + string(u.State)
	if why := reconcile.InvalidReason(u, x.Now); why != "" {
		return text + ", " + why
	}
	if u.ValidUntil != nil {
		text += ", valid until " + u.ValidUntil.Text
	}
	return text
}

// scope says which of the selected groups bring the person in, or what would.
func (x *explainer) scope(u *schema.User, want *reconcile.DesiredUser) {
	switch {
	case x.Desired.AllUsers:
		x.fact("scope", "", x.Provisioner.Pos, "in scope: provisioner %q has no groups, so it is for everybody", x.Provisioner.Key)
	case want == nil:
		x.fact("scope", "", x.Provisioner.GroupsPos, "not in scope: a membership in one of %s would bring %s in", schema.QuoteList(x.Provisioner.Groups), u.Email)
	default:
		x.fact("scope", "", x.Provisioner.GroupsPos, "in scope through %s", schema.QuoteList(x.selectedGroups()))
	}
}

// selectedGroups are the groups of the person that the provisioner selects.
func (x *explainer) selectedGroups() []string {
	return slices.DeleteFunc(slices.Clone(x.Desired.Membership.GroupsOf(x.Key)), func(key string) bool {
		return !slices.Contains(x.Desired.Selected, key)
	})
}

func (x *explainer) throughGroups() string {
	groups := x.selectedGroups()
	if len(groups) == 0 {
		return ", in no group"
	}
	return ", in " + schema.QuoteList(groups)
}

// memberships says how the person comes to be in each group, and why not in the other groups that are selected.
func (x *explainer) memberships(u *schema.User) {
	for _, key := range slices.Sorted(maps.Keys(x.Declarations.Groups)) {
		g := x.Declarations.Groups[key]
		selected := slices.Contains(x.Desired.Selected, key)
		if m, in := x.Desired.Member(key, u.Key); in {
			text := x.path(key, u.Key)
			if !selected {
				text += "; not a group of this provisioner"
			}
			if f := x.fact("member", key, m.Pos, "%s", text); m.Until != nil {
				f.Until = m.Until.Text
			}
		} else if selected {
			at, text := x.absence(g, u)
			x.fact("not a member", key, at, "%s", text)
		}
	}
}

// path is the way from a group down to the declaration that makes somebody a member.
func (x *explainer) path(group, user string) string {
	m, _ := x.Desired.Member(group, user)
	text := ""
	switch nested, included := strings.CutPrefix(m.Via, "include "); {
	case included:
		nested = strings.Trim(nested, `"`)
		text = fmt.Sprintf("includes %q, there: %s", nested, x.path(nested, user))
		if inner, _ := x.Desired.Member(nested, user); inner.Pos.File != "" {
			text += " (" + inner.Pos.String() + ")"
		}
		return text
	case m.Via == "where":
		text = "the rule selects " + x.rule(x.Declarations.Groups[group].Where, nil)
	default:
		text = "declared member"
	}
	if m.Reason != "" {
		text += fmt.Sprintf(" (%s)", m.Reason)
	}
	return text
}

// absence says why somebody is not in a group, and at which line.
func (x *explainer) absence(g *schema.Group, u *schema.User) (schema.Pos, string) {
	if m := g.Member(u.Key); m != nil && m.Until != nil {
		return m.Pos, fmt.Sprintf("the membership ended on %s", m.Until.Text)
	}
	for _, nested := range slices.Sorted(maps.Keys(g.Include)) {
		if m := x.Declarations.Groups[nested].Member(u.Key); m != nil && m.Until != nil {
			return m.Pos, fmt.Sprintf("the membership in the included %q ended on %s", nested, m.Until.Text)
		}
	}
	if g.Where != nil {
		return g.Where.Pos, fmt.Sprintf("not a declared member, and the rule does not match: %s", x.rule(g.Where, u))
	}
	return g.Pos, fmt.Sprintf("not a member; groups: %q: members: %q: {} would make one", g.Key, u.Key)
}

// rule tells a rule's conditions, or, for somebody, those that they do not meet.
func (x *explainer) rule(r *schema.Rule, u *schema.User) string {
	fields := slices.Sorted(maps.Keys(r.Fields))
	if u != nil {
		fields = r.Misses(u)
	}
	var out []string
	for _, name := range fields {
		var values []string
		for _, v := range r.Fields[name] {
			values = append(values, fmt.Sprintf("%#v", v))
		}
		text := fmt.Sprintf("%s %s", name, strings.Join(values, " or "))
		if u != nil {
			have := "nothing"
			if v := u.Field(name); v != nil {
				have = fmt.Sprintf("%#v", v)
			}
			if t := x.Declarations.AttributeTypes[name]; t != nil && t.Redact {
				have = "(redacted)"
			}
			text = fmt.Sprintf("wants %s, has %s", text, have)
		}
		out = append(out, text)
	}
	return strings.Join(out, " and ")
}

// values tells each mapped value and where its expression stands. What equals a redacted attribute of the person is not shown.
func (x *explainer) values(u *schema.User, want *reconcile.DesiredUser) {
	mapping := x.Declarations.Mappings[x.Provisioner.Mapping]
	hidden := map[string]bool{}
	for name, v := range u.Attributes {
		if t := x.Declarations.AttributeTypes[name]; t != nil && t.Redact {
			hidden[fmt.Sprint(v)] = true
		}
	}
	for _, a := range want.Attributes {
		text := fmt.Sprintf("%q", a.Value)
		switch {
		case a.Value == "":
			text = "must be absent (ifEmpty: clear)"
		case hidden[a.Value]:
			text = "(redacted)"
		}
		x.fact("value", a.Path, mapping.AttributePos(a.Path), "%s", text)
	}
}
