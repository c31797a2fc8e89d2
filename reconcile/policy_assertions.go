package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// weakenedAssertions returns the assertions that are removed or weakened. An edit that is not
// provably stricter counts as weakened.
func weakenedAssertions(before, after *Policy) []Loosening {
	var out []Loosening
	for _, key := range slices.Sorted(maps.Keys(before.Assertions)) {
		was, is := before.Assertions[key], after.Assertions[key]
		switch {
		case is == nil:
			out = append(out, Loosening{
				Field: key, Text: fmt.Sprintf("assertion %q removed", key), Was: statement(was), Is: "removed",
			})
		case !implies(is, was):
			out = append(out, Loosening{
				Field: key, Text: fmt.Sprintf("assertion %q weakened", key), Was: statement(was), Is: statement(is),
				Position: is.Pos.String(),
			})
		}
	}
	return out
}

func tightenAssertion(out, before *Policy, key string) { out.Assertions[key] = before.Assertions[key] }

// implies reports whether an assertion is at least as strict as another one.
func implies(a, b *schema.Assertion) bool {
	switch {
	case statement(a) == statement(b):
		return true
	case a.Disjoint != nil && b.Disjoint != nil:
		return !slices.ContainsFunc(b.Disjoint, func(group string) bool { return !slices.Contains(a.Disjoint, group) })
	case a.AtLeast != nil && b.AtLeast != nil:
		return a.AtLeast.Group == b.AtLeast.Group && a.AtLeast.Active >= b.AtLeast.Active
	}
	return false
}

// statement returns what an assertion requires.
func statement(a *schema.Assertion) string {
	switch {
	case a.Disjoint != nil:
		return "disjoint: " + schema.QuoteList(a.Disjoint)
	case a.AtLeast != nil:
		return fmt.Sprintf("at least %s in %q", schema.Count(a.AtLeast.Active, "active member"), a.AtLeast.Group)
	case a.Only != nil:
		return fmt.Sprintf("only users with %s have a %s that matches %q", ruleText(a.Only.Where),
			a.Only.Attribute, a.Only.Pattern)
	}
	return ""
}

// ruleText returns the fields of a rule with their values.
func ruleText(r *schema.Rule) string {
	if r == nil {
		return "any fields"
	}
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
		var values []string
		for _, v := range r.Fields[name] {
			values = append(values, schema.ValueText(v))
		}
		fields = append(fields, name+" "+strings.Join(values, " or "))
	}
	return strings.Join(fields, " and ")
}

// loosenedAssertions returns the assertions among loosenings, as a policy in force has them, with
// the keys of a later policy.
func loosenedAssertions(loosened []Loosening, inForce, later *Policy) map[string]*schema.Assertion {
	out := map[string]*schema.Assertion{}
	for _, l := range loosened {
		if rule, key := ruleOf(l.Field); rule != nil && rule.name == ruleAssertions {
			out[key] = inForce.withKeysOf(later).Assertions[key]
		}
	}
	return out
}

// AssertWeakened checks the assertions that a plan's commit removes or weakens, as the policy in
// force has them, on the declared and on the observed state.
func AssertWeakened(d *schema.Declarations, in PlanInput, p *Plan, o *Observed) []Violation {
	earlier := *d
	earlier.Assertions = loosenedAssertions(p.Loosened, in.AppliedPolicy, in.Policy)
	if len(earlier.Assertions) == 0 {
		return nil
	}
	out := append(AssertDeclared(&earlier, in.Now, in.Desired), AssertObserved(&earlier, o, p.Linking)...)
	for i := range out {
		out[i].Loosened = true
	}
	return out
}
