package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
)

// declaredAssertions are the cases of TestAssertionsOnTheDeclaredState.
var declaredAssertions = []struct {
	name, cue string
	want      string // a part of the violation; empty: it holds
	dated     bool
}{
	{"no user is in both groups",
		reconciletest.People(2) + reconciletest.Group("deploy", "Deploy", 1, 1) +
			reconciletest.Group("audit", "Audit", 2, 2) + `assertions: a: disjoint: ["deploy", "audit"]`,
		"", false},
	{"a user is in both groups", reconciletest.People(2) +
		reconciletest.Group("deploy", "Deploy", 1, 1) + reconciletest.Group("audit", "Audit", 1, 2) +
		`assertions: a: {disjoint: ["deploy", "audit"], reason: "four eyes"}`,
		`name1@example.com (u1) is in "deploy" (more.cue:4:`, false},
	{"a user is in the second group by an included group", reconciletest.People(2) +
		reconciletest.Group("deploy", "Deploy", 1, 1) + reconciletest.Group("inner", "Inner", 1, 1) +
		`groups: audit: {displayName: "Audit", include: inner: {}}` + "\n" +
		`assertions: a: disjoint: ["deploy", "audit"]`, `is in "audit" by include "inner"`, false},
	{"a membership that has ended violates nothing",
		reconciletest.People(2) + reconciletest.Group("deploy", "Deploy", 1, 1) +
			`groups: audit: {displayName: "Audit", members: u1: until: "2026-11-20"}` + "\n" +
			`assertions: a: disjoint: ["deploy", "audit"]`,
		"", false},
	{"a membership that will end violates it now",
		reconciletest.People(2) + reconciletest.Group("deploy", "Deploy", 1, 1) +
			`groups: audit: {displayName: "Audit", members: u1: until: "2026-12-20"}` + "\n" +
			`assertions: a: disjoint: ["deploy", "audit"]`,
		`until 2026-12-20`, false},
	{"there are enough active members",
		reconciletest.People(2) + reconciletest.Group("bg", "BG", 1, 2) +
			`assertions: a: atLeast: {group: "bg", active: 2}`,
		"", false},
	{"there were never enough active members",
		reconciletest.People(2) + reconciletest.Group("bg", "BG", 1, 1) +
			`assertions: a: atLeast: {group: "bg", active: 2}`,
		`group "bg" has 1 active member but needs 2: name1@example.com`, false},
	{"a locked user does not count",
		reconciletest.People(2) + `users: u2: state: "LOCKED"` + "\n" + reconciletest.Group("bg", "BG", 1, 2) +
			`assertions: a: atLeast: {group: "bg", active: 2}`,
		`has 1 active member`, false},
	{"a date leaves too few members",
		reconciletest.People(2) + `groups: bg: {displayName: "BG", members: {u1: {}, u2: until: "2026-11-20"}}` +
			"\n" + `assertions: a: atLeast: {group: "bg", active: 2}`,
		`has 1 active member`, true},
	{"a validity that has ended leaves too few members",
		reconciletest.People(2) + `users: u2: validUntil: "2026-11-20"` + "\n" +
			reconciletest.Group("bg", "BG", 1, 2) + `assertions: a: atLeast: {group: "bg", active: 2}`,
		`has 1 active member`, true},
	{"only permitted users match",
		reconciletest.People(2) +
			`assertions: a: only: {attribute: "userName", pattern: "^name1@", where: userId: "name1"}`,
		"", false},
	{"a user matches without permission", reconciletest.People(2) +
		`assertions: a: only: {attribute: "userName", pattern: "^name", where: userId: "name1"}`,
		`1 user has a userName that matches "^name" but does not satisfy where: ` +
			`name2@example.com (u2) declared at more.cue:3:8, with a different userId`, false},
}

func TestAssertionsOnTheDeclaredState(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, test := range declaredAssertions {
		t.Run(test.name, func(t *testing.T) {
			d := reconciletest.Load(t, test.cue)
			want, err := reconcile.Desire(d, d.Provisioners["aws"], now)
			if err != nil {
				t.Fatal(err)
			}
			violations := reconcile.AssertDeclared(d, now, want)
			if test.want == "" {
				if len(violations) > 0 {
					t.Fatalf("does not hold: %v", violations)
				}
				return
			}
			if len(violations) != 1 || !strings.Contains(violations[0].String(), test.want) ||
				violations[0].CausedByDate != test.dated {
				t.Fatalf("got %v (dated %v)\nwant %s (dated %v)", violations,
					len(violations) == 1 && violations[0].CausedByDate, test.want, test.dated)
			}
		})
	}
}
