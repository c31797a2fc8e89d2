package app

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// The title of a message says what is held in the words of the report.
func TestTheMessageAboutHeldChangesSaysWhatTheyMean(t *testing.T) {
	held := []reconcile.Hold{{Gate: "protected", Reason: "protected"}}
	report := &reconcile.Report{Outcome: reconcile.RunHeld, HeldDigest: "sha256:a", Changes: []reconcile.Done{
		{Result: reconcile.ResultDone, Change: &reconcile.Change{Kind: reconcile.CreateUser, Key: "ann", Name: "ann"}},
		{Result: reconcile.ResultHeld, Change: &reconcile.Change{Kind: reconcile.AddMember, Key: "break-glass",
			Name: "Break Glass", Member: "finn", MemberName: "finn@example.com",
			Decision: &reconcile.Decision{Held: held}}}},
		Facts: &reconcile.EffectFacts{People: map[string]string{"finn": "Finn Cox"},
			NamedGroups: map[string]reconcile.GroupReason{"break-glass": reconcile.GroupProtected}}}
	report.Count()
	problems, ended := runProblems("aws", &run.Result{Report: report}, nil)
	const want = "1 change held: Finn Cox gains Break Glass"
	if !ended || len(problems) != 1 || problems[0].Title != want {
		t.Errorf("the problems are %+v; want the title %q", problems, want)
	}
	report.Changes = nil // those of a large report are not in memory
	if problems, _ := runProblems("aws", &run.Result{Report: report}, nil); problems[0].Title != "1 change held" {
		t.Errorf("the problems are %+v", problems)
	}
}
