package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// userMembership is the membership of one user in one group. Of several ways to be a member, it is
// the one that lasts longest, and of those the first in the order direct, rule, include.
type userMembership struct {
	group  string
	pos    schema.Pos
	via    string // "", "where" or the key of an included group
	until  *schema.Date
	reason string
}

// flattener computes the memberships of one user at a time. It must agree with schema.Membership.
type flattener struct {
	facts *Declared
	at    time.Time
	done  map[string]*userMembership // by group; nil: not a member
}

// memberships returns the groups of the user at a time, sorted by key.
func (d *Declared) memberships(at time.Time) []userMembership {
	if d == nil || d.User == nil {
		return nil
	}
	f := &flattener{facts: d, at: at, done: map[string]*userMembership{}}
	var out []userMembership
	add := func(key string) {
		if m := f.group(key); m != nil {
			out = append(out, *m)
		}
	}
	for key, g := range d.Organization.Groups {
		if !isPlain(g) {
			add(key)
		}
	}
	for i := range d.User.Direct { // of many plain groups, a user is in few
		if g := d.Organization.Groups[d.User.Direct[i].Group]; g != nil && isPlain(g) {
			add(d.User.Direct[i].Group)
		}
	}
	slices.SortFunc(out, func(a, b userMembership) int { return strings.Compare(a.group, b.group) })
	return out
}

// isPlain reports whether a group has only declared members.
func isPlain(g *schema.Group) bool { return g.Where == nil && len(g.Include) == 0 }

// direct returns the declared membership of the user in a group, ended or not; nil if there is
// none.
func (d *Declared) direct(group string) *DirectMembership {
	i, found := slices.BinarySearchFunc(d.User.Direct, group,
		func(m DirectMembership, key string) int { return strings.Compare(m.Group, key) })
	if !found {
		return nil
	}
	return &d.User.Direct[i]
}

// group returns the membership of the user in a group; nil if the user is not a member. Groups
// include each other without cycles.
func (f *flattener) group(key string) *userMembership {
	if have, found := f.done[key]; found {
		return have
	}
	f.done[key] = nil
	g := f.facts.Organization.Groups[key]
	if g == nil {
		return nil
	}
	var best *userMembership
	consider := func(m userMembership) {
		if best == nil || best.until != nil && (m.until == nil || m.until.End.After(best.until.End)) {
			best = &m
		}
	}
	if m := f.facts.direct(key); m != nil && (m.Until == nil || !m.Until.Over(f.at)) {
		consider(userMembership{group: key, pos: m.Pos, until: m.Until, reason: m.Reason})
	}
	if g.Where != nil && g.Where.Matches(f.facts.User.User) {
		consider(userMembership{group: key, pos: g.Where.Pos, via: "where"})
	}
	for _, nested := range slices.Sorted(maps.Keys(g.Include)) {
		if m := f.group(nested); m != nil {
			consider(userMembership{group: key, pos: g.Include[nested], via: nested, until: m.until, reason: m.reason})
		}
	}
	f.done[key] = best
	return best
}

// path returns how the user is a member: declared, by a rule, or through included groups.
func (d *Declared) path(of map[string]userMembership, m userMembership) string {
	if m.via == "" || m.via == "where" {
		return directPath(m.via, m.reason, d.Organization.Groups[m.group])
	}
	inner := of[m.via]
	return includePath(m.via, d.path(of, inner), inner.pos)
}

func directPath(via, reason string, g *schema.Group) string {
	text := "declared member"
	if via == "where" {
		text = "the where rule selects " + ruleText(g.Where)
	}
	if reason != "" {
		text += fmt.Sprintf(" (%s)", reason)
	}
	return text
}

func includePath(nested, inner string, at schema.Pos) string {
	text := fmt.Sprintf("includes %q, there: %s", nested, inner)
	if at.File != "" {
		text += " (" + at.String() + ")"
	}
	return text
}

// includedGroup returns the key in the Via of a schema.GroupMember; "" for other members.
func includedGroup(via string) string {
	nested, included := strings.CutPrefix(via, "include ")
	if !included {
		return ""
	}
	return strings.Trim(nested, `"`)
}

// absence is why a user is not in a group. The nearest reason comes first: an ended membership, a
// condition of a rule, and only then that nothing declares the membership.
type absence struct {
	pos  schema.Pos
	text string
	// rank is 0 for an ended membership, the number of missed conditions for a rule, and noPath if
	// nothing would make the user a member.
	rank int
	// similar means that the user has all values of a rule except one, and a similar one instead:
	// it may be misspelled.
	similar bool
}

// noPath is the rank of a group that no rule and no ended membership would make the user a member
// of.
const noPath = 1000

// absence follows the declarations of a group backwards: its members, its rule, and the groups that
// it includes.
func (d *Declared) absence(group string, at time.Time) absence {
	out := d.nearest(group, at, map[string]bool{})
	u := d.User.User
	switch {
	case out.rank == noPath:
		out.text = fmt.Sprintf("not a member; to add the user, declare: groups: %q: members: %q: {}", group, u.Key)
	case out.rank > 0:
		out.text = "not a declared member, and " + out.text
	}
	return out
}

func (d *Declared) nearest(group string, at time.Time, visited map[string]bool) absence {
	g := d.Organization.Groups[group]
	best := absence{rank: noPath}
	if g == nil || visited[group] {
		return best
	}
	best.pos = g.Pos
	if len(g.Include) > 0 {
		visited[group] = true
	}
	if m := d.direct(group); m != nil && m.Until != nil && m.Until.Over(at) {
		return absence{pos: m.Pos, text: "the membership ended on " + m.Until.Text}
	}
	if g.Where != nil {
		best = d.mismatch(g.Where)
	}
	for _, nested := range slices.Sorted(maps.Keys(g.Include)) {
		if inner := d.nearest(nested, at, visited); inner.rank < best.rank {
			best = inner
			best.text = fmt.Sprintf("in the included %q %s", nested, inner.text)
		}
	}
	return best
}

// mismatch returns the conditions of a rule that the user does not meet.
func (d *Declared) mismatch(r *schema.Rule) absence {
	names := r.Mismatches(d.User.User)
	var texts []string
	similar := false
	for _, name := range names {
		similar = len(names) == 1 && isSimilar(d.User.User.Field(name), r.Fields[name])
		have := "nothing"
		if v := d.User.User.Field(name); v != nil {
			have = schema.ValueText(v)
		}
		if d.Organization.Redacted[name] {
			have = "(redacted)"
		}
		texts = append(texts, fmt.Sprintf("requires %s, has %s", fieldText(r, name), have))
	}
	return absence{pos: r.Pos, text: "the rule does not match: " + strings.Join(texts, " and "), rank: len(names),
		similar: similar}
}

// isSimilar reports whether a value of a user is spelled like one that a rule requires.
func isSimilar(have any, want []any) bool {
	list, ok := have.([]string)
	if text, isText := have.(string); isText {
		list, ok = []string{text}, true
	}
	if !ok {
		return false
	}
	for _, v := range want {
		if text, isText := v.(string); isText && schema.Nearest(text, list) != "" {
			return true
		}
	}
	return false
}

// ruleText returns the conditions of a rule.
func ruleText(r *schema.Rule) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		out = append(out, fieldText(r, name))
	}
	return strings.Join(out, " and ")
}

func fieldText(r *schema.Rule, name string) string {
	var values []string
	for _, v := range r.Fields[name] {
		values = append(values, schema.ValueText(v))
	}
	return name + " " + strings.Join(values, " or ")
}
