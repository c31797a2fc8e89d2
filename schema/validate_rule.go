package schema

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// rule checks the fields and values of a rule. It calls declared for the rule's node only if there
// is a problem.
func (v *validator) rule(r *Rule, declared func() *tree.Node, path string) {
	if len(r.Fields) == 0 {
		v.Report(tree.EmptyRule.Problem(r.Pos, path, "the rule has no conditions"))
	}
	known := append(slices.Sorted(maps.Keys(v.d.AttributeTypes)), declaration.RuleFields...)
	for name, values := range r.Fields {
		report := func(message, value, advice string) {
			at := r.Pos
			if f := declared().Get(name); f != nil {
				at = f.At.Pos()
			}
			v.Report(tree.BadRule.Problem(at, tree.JoinPath(path, name), message).WithValue(value).WithAdvice(advice))
		}
		typ := "string"
		if t := v.d.AttributeTypes[name]; t != nil {
			typ = t.Type
		} else if !slices.Contains(declaration.RuleFields, name) {
			report("unknown user field", tree.Quote(name), tree.Suggestion(name, known, "declare it in attributeTypes"))
			continue
		}
		for _, value := range values {
			if message := ruleValue(name, typ, value); message != "" {
				report(message, ValueText(value), "")
			}
		}
	}
}

// ruleValue returns why no user can have a value in a field, or "".
func ruleValue(name, typ string, v any) string {
	switch v := v.(type) {
	case string:
		if name == "state" && !slices.Contains([]UserState{Active, Locked, Inactive}, UserState(v)) {
			return "unknown state"
		}
		if typ == "string" || typ == "strings" {
			return ""
		}
	case bool:
		if typ == "bool" {
			return ""
		}
	case int64:
		if typ == "int" {
			return ""
		}
	}
	names := map[string]string{"string": "a string", "strings": "a string", "bool": "a bool", "int": "an integer"}
	return "must be " + names[typ]
}

// selectsNobody warns of rules, includes and selected groups that have no user on any date. A group
// is empty for one reason, which is reported once: where its rule is, or else where it is used.
func (v *validator) selectsNobody() {
	if len(v.d.Users) == 0 {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(v.d.Groups)) {
		g, path := v.d.Groups[key], tree.JoinPath("groups", key)
		if g.Where != nil && len(g.Where.Fields) > 0 && !v.anyMatches(g.Where) {
			v.warnUnmatchedRule(g.Where, func() *tree.Node { return v.node("groups", key, "where") }, path+".where")
		}
		for _, nested := range slices.Sorted(maps.Keys(g.Include)) {
			v.warnEmptyGroup(nested, g.Include[nested], tree.JoinPath(path+".include", nested),
				"the include adds nobody")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.d.Provisioners)) {
		p := v.d.Provisioners[key]
		for _, group := range p.Groups {
			path := tree.JoinPath("provisioners", key) + ".groups"
			v.warnEmptyGroup(group, p.GroupsPos, path, "the provisioner selects nobody through it")
		}
	}
}

func (v *validator) warnEmptyGroup(key string, at tree.Pos, path, consequence string) {
	g := v.d.Groups[key]
	if g == nil || len(g.Members)+len(g.Include) > 0 || g.Where != nil {
		return
	}
	message := fmt.Sprintf("group %s has no members: %s", tree.Quote(key), consequence)
	v.Warn(tree.SelectsNobody.Problem(at, path, message).WithAdvice("add members to the group, or remove it here"))
}

func (v *validator) anyMatches(r *Rule) bool {
	for _, u := range v.d.Users {
		if r.Matches(u) {
			return true
		}
	}
	return false
}

// warnUnmatchedRule warns of a rule that no user matches. It names the field with values that no
// user has, and the value of a user that is nearest.
func (v *validator) warnUnmatchedRule(r *Rule, declared func() *tree.Node, path string) {
	p := tree.SelectsNobody.Problem(r.Pos, path, "the rule selects nobody: no user has all of its values")
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		if v.anyMatches(&Rule{Fields: map[string][]any{name: r.Fields[name]}}) {
			continue
		}
		p.Path, p.Message = tree.JoinPath(path, name), "the rule selects nobody: no user has this value"
		if f := declared().Get(name); f != nil {
			p.Pos = f.At.Pos()
		}
		if t := v.d.AttributeTypes[name]; t == nil || !t.Redact {
			p = p.WithValue(ruleTexts(r.Fields[name])).WithAdvice(v.nearestValue(name, r.Fields[name]))
		}
		break
	}
	v.Warn(p)
}

// ruleTexts returns the values of a field of a rule for a message.
func ruleTexts(values []any) string {
	var texts []string
	for _, value := range values {
		texts = append(texts, ValueText(value))
	}
	return tree.ShortList(texts, 3)
}

// nearestValue returns an advice with the value of users that is nearest to one of some values.
func (v *validator) nearestValue(name string, values []any) string {
	counts := map[string]int{}
	for _, u := range v.d.Users {
		switch have := u.Field(name).(type) {
		case nil:
		case []string:
			for _, text := range have {
				counts[text]++
			}
		default:
			counts[fmt.Sprint(have)]++
		}
	}
	if len(counts) == 0 {
		return "no user has a value in this field"
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
