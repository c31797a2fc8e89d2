package reconcile

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// Policy is what restrains the runs of a provisioner: its own rules, the attributes that its
// mapping redacts, and the assertions. A commit cannot loosen a rule that would stop its own
// changes.
type Policy struct {
	Provisioner *schema.Provisioner
	Redacted    []string // SCIM paths, sorted
	Assertions  map[string]*schema.Assertion
	// Declarations have these rules. They are nil for the default rules.
	Declarations *schema.Declarations
}

// PolicyOf returns the policy of a provisioner in declarations. It is nil without declarations or a
// provisioner.
func PolicyOf(d *schema.Declarations, p *schema.Provisioner) *Policy {
	if d == nil || p == nil {
		return nil
	}
	out := &Policy{Provisioner: p, Assertions: d.Assertions, Declarations: d}
	if m := d.Mappings[p.Mapping]; m != nil {
		out.Redacted = slices.Sorted(slices.Values(m.Redacted()))
	}
	return out
}

// DefaultPolicy returns the policy of a provisioner that declares no rules.
func DefaultPolicy() *Policy {
	return &Policy{Provisioner: &schema.Provisioner{
		Adopt: "never", Deprovision: schema.Deprovision{Mode: "deactivate"},
	}}
}

// FirstPolicy returns what restrains the first commit that declares a provisioner: its own policy
// with the gate of initial adoptions on, because a commit cannot turn off the gate that would stop
// it. It is nil without a policy.
func FirstPolicy(declared *Policy) *Policy {
	if declared == nil || !isOff(declared.Provisioner.Limits[gateInitialAdoption]) {
		return declared
	}
	return declared.tightened(DefaultPolicy(), []Loosening{{Field: "limits." + gateInitialAdoption}})
}

// Loosening is a rule of a policy that is less strict than before.
type Loosening struct {
	Field string `json:"field"` // for example "limits.maxRemovals"
	Text  string `json:"text"`  // for example `safety gate maxRemovals loosened (5 -> off)`
	Was   string `json:"was"`
	Is    string `json:"is"`
	// Position is where the looser rule is declared, or the provisioner if nothing declares it.
	Position string `json:"position,omitempty"`
	// ReportedAt is the source commit of the first report that named the loosening; empty if no
	// report has. Only changes of later commits are judged by the looser rule.
	ReportedAt string `json:"reportedAt,omitempty"`
	// Unreviewed is true if a review is required and the commit that loosens the rule has none. The
	// looser rule then judges nothing.
	Unreviewed bool `json:"unreviewed,omitempty"`
}

// String returns the loosening with its position.
func (l Loosening) String() string {
	text := l.Text
	if l.Unreviewed {
		text += ", without the required review"
	}
	if l.Position != "" {
		text += "; " + l.Position
	}
	return text
}

// policyRule is one row of the table of rules.
type policyRule struct {
	name string // the first part of a field
	// gates returns the gates that an item of the rule concerns.
	gates func(item string) []string
	// compare returns the items that are looser after than before. A Field is only the item: the
	// rest of the field after the name, or "".
	compare func(before, after *Policy) []Loosening
	// tighten gives the stricter value of an item to out, a copy of the looser policy.
	tighten func(out, before *Policy, item string)
}

// policyRules is the table of the rules that a commit cannot loosen for its own changes, those that
// most people depend on first. The status
// remembers the rule of reviews, so gate unreviewed needs no earlier policy.
var policyRules = []policyRule{
	{name: "limits", gates: limitGates, compare: loosenedLimits, tighten: tightenLimit},
	{name: "protect", gates: ruleGates("protected"), compare: unprotected, tighten: tightenProtect},
	{name: "review", gates: ruleGates(), compare: loosenedReview, tighten: tightenReview},
	{name: "adopt", gates: ruleGates("adopt", "foreignExternalId"), compare: loosenedAdopt, tighten: tightenAdopt},
	{name: "deprovision", gates: ruleGates("deprovision"), compare: loosenedDeprovision, tighten: tightenDeprovision},
	{name: "redact", gates: ruleGates(), compare: unredacted, tighten: tightenRedacted},
	{name: ruleAssertions, gates: ruleGates(gateAssertions), compare: weakenedAssertions, tighten: tightenAssertion},
}

// ruleAssertions is the name of the rule that compares assertions.
const ruleAssertions = "assertions"

func limitGates(item string) []string { return []string{item} }

func ruleGates(names ...string) func(string) []string { return func(string) []string { return names } }

// ruleOf returns the row of a field with its item. The row is nil for the field of a later version.
func ruleOf(field string) (rule *policyRule, item string) {
	name, item, _ := strings.Cut(field, ".")
	for i := range policyRules {
		if policyRules[i].name == name {
			return &policyRules[i], item
		}
	}
	return nil, item
}

// Loosenings returns the rules that are looser after than before, in the order of policyRules: a
// verdict names the first of them. A policy that is nil has no rules to compare.
func Loosenings(before, after *Policy) []Loosening {
	if before == nil || after == nil {
		return nil
	}
	var out []Loosening
	before = before.withKeysOf(after)
	for _, rule := range policyRules {
		for _, l := range rule.compare(before, after) {
			l.Field = strings.TrimSuffix(rule.name+"."+l.Field, ".")
			if l.Position == "" {
				l.Position = after.Provisioner.Pos.String()
			}
			out = append(out, l)
		}
	}
	return out
}

// Stricter returns a policy with the stricter value of each rule. What is no rule is that of after.
func Stricter(before, after *Policy) *Policy {
	return after.tightened(before, Loosenings(before, after))
}

// tightened returns the policy with the rules of an earlier one where it loosens them.
func (p *Policy) tightened(before *Policy, loosened []Loosening) *Policy {
	if len(loosened) == 0 {
		return p
	}
	provisioner := *p.Provisioner
	provisioner.Limits = cloneMap(provisioner.Limits)
	provisioner.Protect = schema.Protect{
		Users: cloneMap(provisioner.Protect.Users), Groups: cloneMap(provisioner.Protect.Groups),
	}
	out := &Policy{
		Provisioner: &provisioner, Redacted: slices.Clone(p.Redacted), Assertions: cloneMap(p.Assertions),
		Declarations: p.Declarations,
	}
	before = before.withKeysOf(p)
	for _, l := range loosened {
		if rule, item := ruleOf(l.Field); rule != nil {
			rule.tighten(out, before, item)
		}
	}
	return out
}

// cloneMap returns a copy that is never nil.
func cloneMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}
