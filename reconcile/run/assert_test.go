package run_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestAssertionsOnTheObservedState(t *testing.T) {
	w := newEnv(t)
	w.Commit(`enabled: true`, people(3)+group("deploy", "Deploy", 1, 1)+group("audit", "Audit", 2, 2)+
		`assertions: sod: {disjoint: ["deploy", "audit"], reason: "four eyes"}
assertions: two: {atLeast: {group: "deploy", active: 1}}
assertions: ext: {only: {attribute: "userName", pattern: "@ext\\.example\\.com$", where: userId: "name3"}}`)
	if r := w.Apply(reconcile.RunApplied); len(r.Violations) > 0 {
		t.Fatalf("the first run has violations: %v", r.Violations)
	}
	unmanaged, err := w.Sim.PutUser(awssim.User{UserName: "eve@ext.example.com", DisplayName: "Eve",
		Name: &awssim.Name{GivenName: "Eve", FamilyName: "Outside"}, Active: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Deploy", "Audit"} {
		g, _ := w.Sim.State().Group(name)
		g.Members = append(g.Members, unmanaged)
		if _, err := w.Sim.PutGroup(g); err != nil {
			t.Fatal(err)
		}
	}
	result, err := w.Run(true)
	if err != nil {
		t.Fatal(err)
	}
	r := result.Report
	var lines []string
	for _, v := range r.Violations {
		lines = append(lines, v.String())
	}
	text := strings.Join(lines, "\n")
	for _, part := range []string{
		`"sod" does not hold in AWS: 1 user is in more than one of "deploy", "audit": ` +
			`eve@ext.example.com is in "deploy" and is in "audit" (four eyes); more.cue:`,
		`"ext" does not hold in AWS: 1 user has a userName that matches "@ext\\.example\\.com$" ` +
			`but does not satisfy where: eve@ext.example.com is not declared`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the report lacks %s:\n%s", part, text)
		}
	}
	if strings.Contains(text, "as declared") {
		t.Errorf("the declared state is reported as violated: %s", text)
	}
	for _, page := range []string{render.ReportMarkdown(r)} {
		if !strings.Contains(page, "**Assertion:**") {
			t.Errorf("the page is silent:\n%s", page)
		}
	}
}
