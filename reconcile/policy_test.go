package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-d64a251c/roster/schema"
)

// policyWith returns a policy with changes to the default one.
func policyWith(changes ...func(*Policy)) *Policy {
	p := DefaultPolicy()
	p.Provisioner.Limits = map[string]*schema.Limit{}
	p.Assertions = map[string]*schema.Assertion{}
	for _, change := range changes {
		change(p)
	}
	return p
}

func limitOf(least, percent, most int) *schema.Limit {
	l := &schema.Limit{}
	if least >= 0 {
		l.Min = &least
	}
	if percent >= 0 {
		p := float64(percent)
		l.Percent = &p
	}
	if most >= 0 {
		l.Max = &most
	}
	return l
}

func withLimit(gate string, l *schema.Limit) func(*Policy) {
	return func(p *Policy) { p.Provisioner.Limits[gate] = l }
}

var offLimit = &schema.Limit{Off: true, Reason: "known"}

func withAdopt(adopt string) func(*Policy) { return func(p *Policy) { p.Provisioner.Adopt = adopt } }

func withDeprovision(mode string, days int) func(*Policy) {
	return func(p *Policy) {
		p.Provisioner.Deprovision = schema.Deprovision{Mode: mode}
		if days >= 0 {
			p.Provisioner.Deprovision.DeleteAfterDays = &days
		}
	}
}

func withProtected(users, groups string) func(*Policy) {
	set := func(keys string) map[string]schema.Pos {
		out := map[string]schema.Pos{}
		for _, key := range strings.Fields(keys) {
			out[key] = schema.Pos{}
		}
		return out
	}
	return func(p *Policy) {
		p.Provisioner.Protect = schema.Protect{Users: set(users), Groups: set(groups)}
	}
}

func withRedacted(paths ...string) func(*Policy) { return func(p *Policy) { p.Redacted = paths } }

func withAssertion(key string, a *schema.Assertion) func(*Policy) {
	return func(p *Policy) { p.Assertions[key] = a }
}

func withAtLeast(key string, n int) func(*Policy) {
	return withAssertion(key, &schema.Assertion{AtLeast: &schema.AtLeast{Group: "sre", Active: n}})
}

func withDisjoint(key string, groups ...string) func(*Policy) {
	return withAssertion(key, &schema.Assertion{Disjoint: groups})
}

func withOnly(key, pattern string) func(*Policy) {
	return withAssertion(key, &schema.Assertion{Only: &schema.Only{Attribute: "userName", Pattern: pattern,
		Where: &schema.Rule{Fields: map[string][]any{"department": {"Platform"}}}}})
}

// looseningRows are pairs of policies with what the second one loosens, as texts. In reverse order
// nothing is loosened, unless both is set.
var looseningRows = []struct {
	name          string
	before, after *Policy
	want          []string
	both          bool
}{
	{"nothing changes", policyWith(), policyWith(), nil, true},
	{"a gate is turned off", policyWith(), policyWith(withLimit("groupDeletes", offLimit)),
		[]string{"safety gate groupDeletes loosened (on -> off)"}, false},
	{"a gate with a limit is turned off", policyWith(), policyWith(withLimit("maxRemovals", offLimit)),
		[]string{"safety gate maxRemovals loosened (5 or 10 % up to 50 -> off)"}, false},
	{"a gate that is always on cannot be turned off", policyWith(),
		policyWith(withLimit("removed", offLimit)), nil, true},
	{"an explicit limit is larger than the default", policyWith(),
		policyWith(withLimit("maxRemovals", limitOf(9, -1, -1))),
		[]string{"safety gate maxRemovals loosened (5 or 10 % up to 50 -> 9 or 10 % up to 50)"}, false},
	{"an explicit limit is removed, and the default is larger",
		policyWith(withLimit("maxRemovals", limitOf(-1, -1, 3))),
		policyWith(), []string{"safety gate maxRemovals loosened (3 -> 5 or 10 % up to 50)"}, false},
	{"an explicit limit is the default", policyWith(),
		policyWith(withLimit("maxRemovals", limitOf(5, 10, 50))), nil, true},
	{"a larger percentage has an effect", policyWith(), policyWith(withLimit("updates", limitOf(-1, 60, -1))),
		[]string{"safety gate updates loosened (5 or 50 % -> 5 or 60 %)"}, false},
	{"a larger percentage has no effect", policyWith(withLimit("maxRemovals", limitOf(5, 10, 5))),
		policyWith(withLimit("maxRemovals", limitOf(5, 50, 5))), nil, true},
	{"the maximum rises", policyWith(), policyWith(withLimit("memberRemovals", limitOf(-1, -1, 101))),
		[]string{"safety gate memberRemovals loosened (5 or 30 % up to 100 -> 5 or 30 % up to 101)"}, false},
	{"one number rises and another falls", policyWith(withLimit("maxRemovals", limitOf(2, 10, 50))),
		policyWith(withLimit("maxRemovals", limitOf(9, 10, 20))),
		[]string{"safety gate maxRemovals loosened (2 or 10 % up to 50 -> 9 or 10 % up to 20)"}, true},
	{"a user and a group are no longer protected", policyWith(withProtected("a b", "g")),
		policyWith(withProtected("b", "")),
		[]string{`user "a" is no longer protected`, `group "g" is no longer protected`}, false},
	{"protect is emptied", policyWith(withProtected("a.b", "")), policyWith(),
		[]string{`user "a.b" is no longer protected`}, false},
	{"a review is no longer required", policyWith(withReview(1)), policyWith(),
		[]string{"review loosened (required -> off)"}, false},
	{"a review requires fewer approvals", policyWith(withReview(2)), policyWith(withReview(1)),
		[]string{"review loosened (required (2 approvals) -> required)"}, false},
	{"all accounts may review", policyWith(withReview(1, "ann")), policyWith(withReview(1)),
		[]string{`review loosened (required (1 approval by "ann") -> required)`}, false},
	{"another account may review", policyWith(withReview(1, "ann")), policyWith(withReview(2, "bob")),
		[]string{`review loosened (required (1 approval by "ann") -> required (2 approvals by "bob"))`}, true},
	{"objects are matched", policyWith(), policyWith(withAdopt("match")),
		[]string{"adopt loosened (never -> match)"}, false},
	{"objects are taken over", policyWith(withAdopt("match")), policyWith(withAdopt("take-over")),
		[]string{"adopt loosened (match -> take-over)"}, false},
	{"leavers are deleted", policyWith(), policyWith(withDeprovision("delete", -1)),
		[]string{"deprovision loosened (deactivate -> delete)"}, false},
	{"leavers are deleted after a time", policyWith(), policyWith(withDeprovision("deactivate", 30)),
		[]string{"deprovision loosened (deactivate -> deactivate, delete after 30 days)"}, false},
	{"leavers are deleted sooner", policyWith(withDeprovision("deactivate", 30)),
		policyWith(withDeprovision("deactivate", 1)),
		[]string{"deprovision loosened (deactivate, delete after 30 days -> deactivate, delete after 1 day)"}, false},
	{"leavers are deleted at once", policyWith(withDeprovision("deactivate", 0)),
		policyWith(withDeprovision("delete", -1)),
		[]string{"deprovision loosened (deactivate, delete after 0 days -> delete)"}, false},
	{"leavers are not kept", policyWith(withDeprovision("keep", 3)), policyWith(),
		[]string{"deprovision loosened (keep -> deactivate)"}, false},
	{"an attribute is shown", policyWith(withRedacted("title", "userType")), policyWith(withRedacted("userType")),
		[]string{"attribute title is no longer redacted"}, false},
	{"an assertion is removed", policyWith(withAtLeast("sod.1", 2)), policyWith(),
		[]string{`assertion "sod.1" removed`}, false},
	{"an assertion requires fewer", policyWith(withAtLeast("a", 2)), policyWith(withAtLeast("a", 1)),
		[]string{`assertion "a" weakened`}, false},
	{"an assertion has fewer groups", policyWith(withDisjoint("a", "x", "y", "z")),
		policyWith(withDisjoint("a", "z", "x")),
		[]string{`assertion "a" weakened`}, false},
	{"an assertion has another pattern", policyWith(withOnly("a", "^adm-")), policyWith(withOnly("a", "^admin-")),
		[]string{`assertion "a" weakened`}, true},
	{"an assertion has another form", policyWith(withOnly("a", "x")), policyWith(withAtLeast("a", 1)),
		[]string{`assertion "a" weakened`}, true},
	{"an assertion is the same elsewhere", policyWith(withOnly("a", "x")),
		policyWith(withOnly("a", "x"), func(p *Policy) {
			p.Assertions["a"].Pos, p.Assertions["a"].Reason = schema.Pos{File: "other.cue", Line: 1, Column: 1}, "known"
		}), nil, true},
}

func TestLoosenings(t *testing.T) {
	for _, tt := range looseningRows {
		t.Run(tt.name, func(t *testing.T) {
			var have []string
			for _, l := range Loosenings(tt.before, tt.after) {
				have = append(have, l.Text)
			}
			if diff := cmp.Diff(tt.want, have); diff != "" {
				t.Errorf("loosened (-want +got):\n%s", diff)
			}
			if reverse := Loosenings(tt.after, tt.before); len(reverse) > 0 != (tt.both && tt.want != nil) {
				t.Errorf("in reverse order: %v", reverse)
			}
			if rest := Loosenings(tt.before, Stricter(tt.before, tt.after)); len(rest) > 0 {
				t.Errorf("the stricter policy is looser than the first: %v", rest)
			}
			if rest := Loosenings(tt.after, Stricter(tt.before, tt.after)); len(rest) > 0 && !tt.both {
				t.Errorf("the stricter policy is looser than the second: %v", rest)
			}
		})
	}
}

// TestLooseningRowsNoticeARuleThatIsMissing removes each row of the table of rules, and then its
// stricter value. A row of TestLoosenings must fail.
func TestLooseningRowsNoticeARuleThatIsMissing(t *testing.T) {
	all := policyRules
	t.Cleanup(func() { policyRules = all })
	fails := func() bool {
		for _, tt := range looseningRows {
			if len(Loosenings(tt.before, tt.after)) != len(tt.want) ||
				len(Loosenings(tt.before, Stricter(tt.before, tt.after))) > 0 {
				return true
			}
		}
		return false
	}
	if fails() {
		t.Fatal("a row fails with all rules")
	}
	for i := range all {
		policyRules = append(append([]policyRule{}, all[:i]...), all[i+1:]...)
		if !fails() {
			t.Errorf("no row notices that rule %s is missing", all[i].name)
		}
		policyRules = append([]policyRule{}, all...)
		policyRules[i].tighten = func(*Policy, *Policy, string) {}
		if !fails() {
			t.Errorf("no row notices that the stricter value of rule %s is missing", all[i].name)
		}
	}
}

// randomPolicy returns a policy of few values, so that two of them often have the same.
func randomPolicy(r *rand.Rand) *Policy {
	p := policyWith()
	for _, g := range gates {
		switch r.IntN(4) {
		case 0:
			p.Provisioner.Limits[g.name] = offLimit
		case 1:
			if g.limit != nil {
				p.Provisioner.Limits[g.name] = limitOf(r.IntN(8)-1, 10*r.IntN(5)-10, 20*r.IntN(4)-20)
			}
		}
	}
	some := func(keys ...string) string {
		var out []string
		for _, key := range keys {
			if r.IntN(2) == 0 {
				out = append(out, key)
			}
		}
		return strings.Join(out, " ")
	}
	withProtected(some("a", "b.c"), some("g", "h"))(p)
	withAdopt(adoptModes[r.IntN(len(adoptModes))])(p)
	withDeprovision([]string{"keep", "deactivate", "delete"}[r.IntN(3)], r.IntN(4)-1)(p)
	withRedacted(strings.Fields(some("name.familyName", "title"))...)(p)
	if r.IntN(2) == 0 {
		withAtLeast("min", 1+r.IntN(3))(p)
	}
	if r.IntN(2) == 0 {
		withDisjoint("sod", append([]string{"x", "y"}, strings.Fields(some("z"))...)...)(p)
	}
	withReview(r.IntN(3), strings.Fields(some("ann"))...)(p)
	return p
}

func withReview(approvals int, by ...string) func(*Policy) {
	return func(p *Policy) {
		p.Provisioner.Review = schema.Review{}
		if approvals > 0 {
			p.Provisioner.Review = schema.Review{Required: true, Approvals: approvals, By: by}
		}
	}
}

// TestTheStricterPolicyIsALowerBound checks laws of Stricter on random policies: it loosens neither
// of the two, it is idempotent, and their order does not matter.
func TestTheStricterPolicyIsALowerBound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a, b := randomPolicy(r), randomPolicy(r)
		ab, ba := Stricter(a, b), Stricter(b, a)
		for what, list := range map[string][]Loosening{
			"than the first": Loosenings(a, ab), "than the second": Loosenings(b, ab),
			"in the other order": Loosenings(ab, ba), "in this order": Loosenings(ba, ab),
			"if it is made again": Loosenings(ab, Stricter(ab, ab)),
		} {
			if len(list) > 0 {
				t.Fatalf("the stricter policy is looser %s: %v\n%s", what, list, policyText(a, b))
			}
		}
		if diff := cmp.Diff(ab, Stricter(a, ab), cmpopts.IgnoreUnexported(schema.Provisioner{})); diff != "" {
			t.Fatalf("Stricter(a, Stricter(a, b)) differs:\n%s", diff)
		}
	}
}

func policyText(a, b *Policy) string {
	return fmt.Sprintf("%v\n%v", Loosenings(a, b), Loosenings(b, a))
}

// TestTheGravestLooseningIsNamedFirst checks that removed assertions do not hide in a verdict that
// a gate is off.
func TestTheGravestLooseningIsNamedFirst(t *testing.T) {
	before, after := policyWith(withProtected("a", "")), policyWith()
	before.Assertions = map[string]*schema.Assertion{
		"a": {Disjoint: []string{"g", "h"}}, "b": {Disjoint: []string{"i", "j"}},
	}
	after.Provisioner.Limits = map[string]*schema.Limit{"maxRemovals": {Off: true}}
	var fields []string
	for _, l := range Loosenings(before, after) {
		fields = append(fields, l.Field)
	}
	want := []string{"limits.maxRemovals", "protect.users.a", "assertions.a", "assertions.b"}
	if !slices.Equal(fields, want) {
		t.Errorf("the order is %q, want %q", fields, want)
	}
}

// TestProtectionAndAssertionsFollowAKey gives protected user a and group g, which an assertion
// names, the keys b and h.
func TestProtectionAndAssertionsFollowAKey(t *testing.T) {
	declared := func(d *schema.Declarations) func(*Policy) { return func(p *Policy) { p.Declarations = d } }
	before := policyWith(withProtected("a", "g"), withDisjoint("sod", "g", "k"), declared(&schema.Declarations{}))
	later := declared(&schema.Declarations{
		Users:  map[string]*schema.User{"b": {Previously: []string{"a"}}},
		Groups: map[string]*schema.Group{"h": {Previously: []string{"g"}}},
	})
	for _, tt := range []struct {
		name  string
		after *Policy
		want  []string
	}{
		{"the rules name the new keys", policyWith(withProtected("b", "h"), withDisjoint("sod", "h", "k"), later), nil},
		{"the rules are gone", policyWith(later), []string{"protect.users.a", "protect.groups.g", "assertions.sod"}},
		{"the rules name other keys", policyWith(withProtected("c", "k"), withDisjoint("sod", "i", "k"), later),
			[]string{"protect.users.a", "protect.groups.g", "assertions.sod"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var fields []string
			for _, l := range Loosenings(before, tt.after) {
				fields = append(fields, l.Field)
			}
			if !slices.Equal(fields, tt.want) {
				t.Errorf("loosened are %q, want %q", fields, tt.want)
			}
			if rest := Loosenings(before, Stricter(before, tt.after)); len(rest) > 0 {
				t.Errorf("the stricter policy is looser: %v", rest)
			}
		})
	}
}
