package validate

import (
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// rule checks the fields and values of a rule. It calls declared for the rule's node only if there
// is a problem.
func (v *validator) rule(r *declaration.Rule, declared func() *tree.Node, path string) {
	if len(r.Fields) == 0 {
		v.Report(tree.EmptyRule.Problem(r.Pos, path, "the rule has no conditions"))
	}
	known := append(slices.Sorted(maps.Keys(v.AttributeTypes)), declaration.RuleFields...)
	for name, values := range r.Fields {
		report := func(message, value, advice string) {
			at := r.Pos
			if f := declared().Get(name); f != nil {
				at = f.At.Pos()
			}
			v.Report(tree.BadRule.Problem(at, tree.JoinPath(path, name), message).WithValue(value).WithAdvice(advice))
		}
		typ := "string"
		if t := v.AttributeTypes[name]; t != nil {
			typ = t.Type
		} else if !slices.Contains(declaration.RuleFields, name) {
			advice := tree.Suggestion(name, known, "declare it in attributeTypes")
			report(tree.UnknownUserField, tree.Quote(name), advice)
			continue
		}
		for _, value := range values {
			if message := ruleValue(name, typ, value); message != "" {
				report(message, declaration.ValueText(value), "")
			}
		}
	}
}

// ruleValue returns why no user can have a value in a field, or "".
func ruleValue(name, typ string, v any) string {
	switch v := v.(type) {
	case string:
		states := []declaration.UserState{declaration.Active, declaration.Locked, declaration.Inactive}
		if name == "state" && !slices.Contains(states, declaration.UserState(v)) {
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
