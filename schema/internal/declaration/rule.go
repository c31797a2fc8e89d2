package declaration

import (
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Rule selects users. In each field, the user must have one of the values.
type Rule struct {
	Pos    tree.Pos
	Fields map[string][]any
}

// Matches reports whether a user has one of the values in each field of the rule.
func (r *Rule) Matches(u *User) bool {
	for name, values := range r.Fields {
		have := u.Field(name)
		if have == nil || !slices.ContainsFunc(values, func(v any) bool { return equalOrIn(v, have) }) {
			return false
		}
	}
	return true
}

// Mismatches returns the fields of the rule in which a user has none of the values, sorted.
func (r *Rule) Mismatches(u *User) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		if one := (&Rule{Fields: map[string][]any{name: r.Fields[name]}}); !one.Matches(u) {
			out = append(out, name)
		}
	}
	return out
}

func equalOrIn(want, have any) bool {
	if list, ok := have.([]string); ok {
		s, ok := want.(string)
		return ok && slices.Contains(list, s)
	}
	return want == have
}

// RuleFields are the fields that a rule may name, except custom attributes.
var RuleFields = []string{"email", "emailDomain", "emailLocal", "firstName", "lastName", "state", "userId"}

// Field returns the value of a field that a rule may name: string, bool, int64, []string, or nil.
func (u *User) Field(name string) any {
	if slices.Contains(RuleFields, name) {
		return u.Builtin(name)
	}
	return u.Attributes[name]
}
