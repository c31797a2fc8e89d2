package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// memberships adds a fact for each group of the user, and facts about selected groups that the user
// is not in.
func (x *explainer) memberships(w *wantedUser) {
	of := byGroup(w.memberships)
	for _, m := range w.memberships {
		text := x.Declared.path(of, m)
		if !selects(x.Provisioner, m.group) {
			text += "; this provisioner does not select the group"
		}
		if f := x.fact("member", m.group, m.pos, "%s", text); m.until != nil {
			f.Until = m.until.Text
		}
	}
	listed, total := x.absentFrom(of)
	for _, group := range listed {
		reason := x.Declared.absence(group, x.Now)
		x.fact("not a member", group, reason.pos, "%s", reason.text)
	}
	if n := total - len(listed); n > 0 {
		x.fact("not a member", "", x.Provisioner.Pos, "%s that provisioner %q selects; roster explain user %s "+
			"--group GROUP says why the user is not in one of them", schema.Count(n, "more group"),
			x.Provisioner.Key, x.Key)
	}
}

func byGroup(memberships []userMembership) map[string]userMembership {
	of := make(map[string]userMembership, len(memberships))
	for _, m := range memberships {
		of[m.group] = m
	}
	return of
}

// maxAbsent is the number of groups that an explanation lists because the user is not in them.
const maxAbsent = 100

// absentFrom returns the selected groups that the user is not in, sorted, and their number. If
// there are more than an explanation lists, those come first that are nearest to having the user.
// If the caller asked for a group, it returns only this group.
func (x *explainer) absentFrom(of map[string]userMembership) (listed []string, total int) {
	if x.Group != "" {
		if _, in := of[x.Group]; !in {
			return []string{x.Group}, 1
		}
		return nil, 0
	}
	type absent struct {
		key  string
		rank int // of how near the group is to having the user
	}
	var all []absent
	groups := x.Declared.Organization.Groups
	consider := func(key string) {
		if _, in := of[key]; !in && groups[key] != nil {
			all = append(all, absent{key: key})
		}
	}
	if x.Provisioner.AllUsers {
		for key := range groups {
			consider(key)
		}
	} else {
		for _, key := range x.Provisioner.Groups {
			consider(key)
		}
	}
	if total = len(all); total > maxAbsent {
		visited := map[string]bool{}
		for i := range all {
			clear(visited)
			all[i].rank = x.Declared.nearest(all[i].key, x.Now, visited).rank
		}
		slices.SortFunc(all, func(a, b absent) int { return cmp.Or(a.rank-b.rank, strings.Compare(a.key, b.key)) })
		all = all[:maxAbsent]
	}
	for _, a := range all {
		listed = append(listed, a.key)
	}
	slices.Sort(listed)
	return listed, total
}

// values adds a fact for each mapped value, at the position of its expression.
func (x *explainer) values(w *wantedUser) {
	for _, v := range w.mapped.Values {
		text := x.shown(w, v.Value)
		if v.Value == "" {
			text = "must be absent (ifEmpty: clear)"
		}
		x.fact("value", v.Path, v.Pos, "%s", text)
	}
}

// shown returns a value as text. It hides values that equal a redacted attribute of the user.
func (x *explainer) shown(w *wantedUser, value string) string {
	for name, v := range w.facts.User.Attributes {
		if x.Declared.Organization.Redacted[name] && fmt.Sprint(v) == value {
			return "(redacted)"
		}
	}
	return fmt.Sprintf("%q", value)
}
