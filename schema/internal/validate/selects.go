package validate

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// ruleState has what is known of the rules of groups, so that a Check visits only changed users.
type ruleState struct {
	// matched has a user that the rule of a group matches, by the key of the group. It is nil for a
	// rule that matches nobody.
	matched map[string]*declaration.User
	// values are the numbers of users with each value, by field. It has only the fields of rules
	// that match nobody.
	values map[string]map[any]int
}

func newRuleState() *ruleState {
	return &ruleState{matched: map[string]*declaration.User{}, values: map[string]map[any]int{}}
}

// update applies the changed users. If the changes are not known, it forgets everything.
func (s *ruleState) update(e *Earlier) {
	if e == nil || e.ReferencesRemoved { // the type of an attribute may have changed
		clear(s.values)
	}
	if e == nil {
		clear(s.matched)
		return
	}
	for field, counts := range s.values {
		for _, u := range e.RemovedUsers {
			countValue(counts, u, field, -1)
		}
		for _, u := range e.AddedUsers {
			countValue(counts, u, field, 1)
		}
	}
}

// valuesOf returns the number of users with each value of a field.
func (s *ruleState) valuesOf(field string, users map[string]*declaration.User) map[any]int {
	counts, known := s.values[field]
	if !known {
		counts = map[any]int{}
		for _, u := range users {
			countValue(counts, u, field, 1)
		}
		s.values[field] = counts
	}
	return counts
}

// countValue adds by to the count of the value that a user has in a field, or of each in a list.
func countValue(counts map[any]int, u *declaration.User, field string, by int) {
	add := func(value any) {
		if counts[value] += by; counts[value] == 0 {
			delete(counts, value)
		}
	}
	switch value := u.Field(field).(type) {
	case nil:
	case []string:
		for _, text := range value {
			add(text)
		}
	default:
		add(value)
	}
}

// selectsNobody warns of rules, includes and selected groups that have no user on any date. A group
// is empty for one reason, which is reported once: where its rule is, or else where it is used.
func (v *validator) selectsNobody() {
	v.state.rules.update(v.Earlier)
	if len(v.Users) == 0 {
		return
	}
	for key, g := range v.Groups {
		if g.Where == nil && len(g.Include) == 0 {
			continue
		}
		path := tree.JoinPath("groups", key)
		if g.Where != nil && len(g.Where.Fields) > 0 && !v.selectsSomeone(g) {
			v.warnUnmatchedRule(g.Where, func() *tree.Node { return v.node("groups", key, "where") }, path+".where")
		}
		for _, nested := range slices.Sorted(maps.Keys(g.Include)) {
			v.warnEmptyGroup(nested, g.Include[nested], tree.JoinPath(path+".include", nested),
				"the include adds nobody")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.Provisioners)) {
		p := v.Provisioners[key]
		for _, group := range p.Groups {
			path := tree.JoinPath("provisioners", key) + ".groups"
			v.warnEmptyGroup(group, p.GroupsPos, path, "the provisioner selects nobody through it")
		}
	}
}

func (v *validator) warnEmptyGroup(key string, at tree.Pos, path, consequence string) {
	g := v.Groups[key]
	if g == nil || len(g.Members)+len(g.Include) > 0 || g.Where != nil {
		return
	}
	message := fmt.Sprintf("group %s has no members: %s", tree.Quote(key), consequence)
	v.Warn(tree.SelectsNobody.Problem(at, path, message).WithAdvice("add members to the group, or remove it here"))
}

// selectsSomeone reports whether the rule of a group matches a user.
func (v *validator) selectsSomeone(g *declaration.Group) bool {
	known := v.state.rules.matched
	have, found := known[g.Key]
	if found && v.sameGroup(g) {
		if have != nil && v.Users[have.Key] == have {
			return true
		}
		if have == nil { // it matched none of the users that did not change
			known[g.Key] = firstMatch(g.Where, slices.Values(v.Earlier.AddedUsers))
			return known[g.Key] != nil
		}
	}
	known[g.Key] = firstMatch(g.Where, maps.Values(v.Users))
	return known[g.Key] != nil
}

// firstMatch returns a user that a rule matches, or nil.
func firstMatch(r *declaration.Rule, users iter.Seq[*declaration.User]) *declaration.User {
	for u := range users {
		if r.Matches(u) {
			return u
		}
	}
	return nil
}

// warnUnmatchedRule warns of a rule that no user matches. It names the field with values that no
// user has, and the value of a user that is nearest.
func (v *validator) warnUnmatchedRule(r *declaration.Rule, declared func() *tree.Node, path string) {
	p := tree.SelectsNobody.Problem(r.Pos, path, "the rule selects nobody: no user has all of its values")
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		have := v.state.rules.valuesOf(name, v.Users)
		if slices.ContainsFunc(r.Fields[name], func(want any) bool { return have[want] > 0 }) {
			continue
		}
		p.Path, p.Message = tree.JoinPath(path, name), "the rule selects nobody: no user has this value"
		if f := declared().Get(name); f != nil {
			p.Pos = f.At.Pos()
		}
		if t := v.AttributeTypes[name]; t == nil || !t.Redact {
			p = p.WithValue(ruleTexts(r.Fields[name])).WithAdvice(nearestValue(have, r.Fields[name]))
		}
		break
	}
	v.Warn(p)
}

// ruleTexts returns the values of a field of a rule for a message.
func ruleTexts(values []any) string {
	var texts []string
	for _, value := range values {
		texts = append(texts, declaration.ValueText(value))
	}
	return tree.ShortList(texts, 3)
}

// nearestValue returns an advice with the value of users that is nearest to one of some values.
// have is the number of users with each value.
func nearestValue(have map[any]int, values []any) string {
	if len(have) == 0 {
		return "no user has a value in this field"
	}
	counts := make(map[string]int, len(have))
	for value, n := range have {
		counts[fmt.Sprint(value)] = n
	}
	known := slices.Sorted(maps.Keys(counts))
	for _, value := range values {
		if near := tree.Nearest(fmt.Sprint(value), known); near != "" {
			return fmt.Sprintf("did you mean %q, which %s?", near, has(counts[near]))
		}
	}
	return "values of users: " + tree.ShortList(known, 10)
}

func has(users int) string {
	if users == 1 {
		return "1 user has"
	}
	return tree.Count(users, "user") + " have"
}
