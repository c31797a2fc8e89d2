package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// strictRules is a provisioner with protected objects; looseRules is the same provisioner without
// them and with seven gates turned off.
const (
	strictRules = "enabled: true, groups: [\"g\", \"h\"], protect: {users: u30: {}, groups: h: {}}"
	looseRules  = "enabled: true, groups: [\"g\", \"h\"], limits: {" +
		"maxRemovals: {off: true, reason: \"r\"}, memberRemovals: {off: true, reason: \"r\"}, " +
		"groupDeletes: {off: true, reason: \"r\"}, emptySource: {off: true, reason: \"r\"}, " +
		"signInNames: {off: true, reason: \"r\"}, updates: {off: true, reason: \"r\"}, " +
		"scopeFlip: {off: true, reason: \"r\"}}"
)

// thirty declares 30 users, and groups with the first g and with all of them.
func thirty(g int) string {
	return people(30) + group("g", "Group", 1, g) + group("h", "Half", 1, min(g, 30))
}

// loosened returns the fields of the loosenings in a report.
func loosened(r *reconcile.Report) []string {
	var out []string
	for _, l := range r.Loosened {
		out = append(out, l.Field)
	}
	return out
}

// synced returns an environment in which a commit is applied.
func synced(t *testing.T, provisioner, cue string) *env {
	t.Helper()
	w := newEnv(t)
	w.Commit(provisioner, cue)
	w.Apply(reconcile.RunApplied)
	return w
}

// applyAs applies the newest commit for a provisioner with another key than "aws".
func (w *env) applyAs(provisioner string) *reconcile.Report {
	w.T.Helper()
	n := len(w.Commits)
	result, err := w.Runner.Once(w.T.Context(), run.Request{
		Provisioner: provisioner, Declarations: w.Commits[n-1], Trigger: "test", Apply: true,
		Commit: reconcile.CommitRef{ID: fmt.Sprintf("commit-%d", n)},
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return result.Report
}

// addOutsiders adds n unmanaged users to a group in AWS.
func (w *env) addOutsiders(displayName string, n int) {
	w.T.Helper()
	for i := range n {
		id := w.makeUser(fmt.Sprintf("outsider%d", i), "")
		if err := w.Sim.AddMember(w.groupID(displayName), id); err != nil {
			w.T.Fatal(err)
		}
	}
}

func (w *env) wantActive(n int) {
	w.T.Helper()
	if have := w.activeUsers(); have != n {
		w.T.Errorf("%d users are active in AWS, want %d", have, n)
	}
}

func TestOneCommitTurnsSevenGatesOffEmptiesProtectAndRemoves23People(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(7))
	r := w.Apply(reconcile.RunHeld)
	w.wantActive(30)
	want := []string{"limits.emptySource", "limits.scopeFlip", "limits.maxRemovals", "limits.groupDeletes",
		"limits.memberRemovals", "limits.signInNames", "limits.updates", "protect.users.u30", "protect.groups.h"}
	if !slices.Equal(loosened(r), want) {
		t.Errorf("loosened are %q, want %q", loosened(r), want)
	}
	if !slices.Equal(heldBy(r), []string{"emptySource", "maxRemovals", "memberRemovals", "protected"}) {
		t.Errorf("held by %q\n%s", heldBy(r), reportText(r))
	}
	for range 3 { // later runs of the same commit
		w.Apply(reconcile.RunHeld)
	}
	w.wantActive(30)
}

func TestALooseningAndThenRemovalsBeforeAnyRun(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(30))
	w.Commit(looseRules, thirty(7))
	w.Apply(reconcile.RunHeld)
	w.Apply(reconcile.RunHeld)
	w.wantActive(30)
}

func TestALooseningThatAReportNamedAppliesToALaterCommit(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(30))
	r := w.Apply(reconcile.RunInSync)
	if len(r.Loosened) != 9 {
		t.Errorf("the report names %q", loosened(r))
	}
	w.Commit(looseRules, thirty(7))
	if r = w.Apply(reconcile.RunApplied); len(r.Loosened) > 0 {
		t.Errorf("the second report names %q", loosened(r))
	}
	w.wantActive(7)
}

func TestRemovalsOfTheLooseningCommitStayHeldAndAreReverted(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(7))
	w.Apply(reconcile.RunHeld)
	w.Commit(looseRules, thirty(30))
	w.Apply(reconcile.RunInSync)
	w.wantActive(30)
}

func TestARenameOfTheProvisionerKeepsItsRules(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	base := strings.Replace(reconciletest.BaseCUE, "provisioners: aws: {", "provisioners: moved: {", 1)
	w.Declare(base, thirty(7), looseRules+", previously: aws: {}")
	if r := w.applyAs("moved"); r.Outcome != reconcile.RunHeld || len(r.Loosened) != 9 {
		t.Errorf("the outcome is %q, loosened are %q", r.Outcome, loosened(r))
	}
	w.wantActive(30)
}

func TestAPolicyThatCannotBeReadCountsAsTheDefault(t *testing.T) {
	w := newEnv(t)
	w.Commit(strictRules, thirty(30))
	w.Commit(strictRules, thirty(30))
	w.Apply(reconcile.RunApplied)
	w.Commits = nil // a force-push lost the commit
	w.Commit(looseRules+", limits: history: {off: true, reason: \"r\"}", thirty(7))
	r := w.Apply(reconcile.RunHeld)
	w.wantActive(30)
	if !slices.Contains(heldBy(r), "history") {
		t.Errorf("held by %q\n%s", heldBy(r), reportText(r))
	}
}

func TestLooseningsBeforeAnythingIsCompletelyApplied(t *testing.T) {
	w := newEnv(t)
	w.makeUser("name1", "") // its adoption stays held: no commit becomes the last applied one
	const adopts = ", adopt: \"match\""
	w.Commit(strictRules+adopts, thirty(30))
	w.Apply(reconcile.RunHeld)
	w.Commit(looseRules+adopts, thirty(7))
	w.Apply(reconcile.RunHeld)
	w.Apply(reconcile.RunHeld)
	w.wantActive(30)
}

func TestDriftUsesTheLooserRuleAfterAReport(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(30)+"users: u31: {userId: \"new\", firstName: \"N\", lastName: \"T\", "+
		"email: \"name31@example.com\"}\ngroups: g: members: u31: {}\n")
	w.makeUser("name31", "theirs") // the commit stays held
	w.addOutsiders("Half", 20)
	r := w.Apply(reconcile.RunHeld)
	if !slices.Contains(heldBy(r), "memberRemovals") {
		t.Errorf("in the first run, held by %q", heldBy(r))
	}
	r = w.Apply(reconcile.RunHeld)
	if slices.Contains(heldBy(r), "memberRemovals") {
		t.Errorf("in the second run, held by %q", heldBy(r))
	}
}

func TestLeaversOfTheCommitThatDeletesLeaversStay(t *testing.T) {
	const deletes = "enabled: true, groups: [\"g\", \"h\"], deprovision: mode: \"delete\""
	w := synced(t, selectsGroups, thirty(30))
	w.Commit(deletes, thirty(28))
	r := w.Apply(reconcile.RunHeld)
	if !slices.Equal(heldBy(r), []string{"deprovision"}) {
		t.Errorf("held by %q", heldBy(r))
	}
	if n := len(w.Sim.State().Users); n != 30 {
		t.Errorf("%d users are left", n)
	}
	w.Commit(deletes, thirty(28)+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	if n := len(w.Sim.State().Users); n != 28 {
		t.Errorf("after the approval %d users are left", n)
	}
}

func TestAnAdoptionOfTheCommitThatAllowsItIsHeldForApproval(t *testing.T) {
	w := synced(t, selectsGroups, people(2)+group("g", "Group", 1, 1)+group("h", "Half", 1, 1))
	w.makeUser("name2", "")
	both := people(2) + group("g", "Group", 1, 2) + group("h", "Half", 1, 1)
	w.Commit(selectsGroups+", adopt: \"match\"", both)
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "adopt-user u2: held by adopt", "add-member g u2: held by dependency")
	w.Commit(selectsGroups+", adopt: \"match\"", both+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
}

func TestTheLooserRuleJudgesALaterCommitWhileTheLooseningCommitIsHeld(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(22)) // eight leave
	w.Apply(reconcile.RunHeld)
	w.wantActive(30)
	w.Commit(looseRules, thirty(15)) // seven more
	r := w.applyOnce()
	if r.Outcome != reconcile.RunHeld {
		t.Errorf("the outcome is %q", r.Outcome)
	}
	w.wantActive(23) // the seven are gone, the eight are held
	w.Apply(reconcile.RunHeld)
	w.wantActive(23)
	w.Commit(looseRules, thirty(15)+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	w.wantActive(15)
}

func TestTakeOverAndItsApprovalInOnePullRequest(t *testing.T) {
	w := synced(t, selectsGroups, people(2)+group("g", "Group", 1, 1)+group("h", "Half", 1, 1))
	w.makeUser("name2", "theirs")
	both := people(2) + group("g", "Group", 1, 2) + group("h", "Half", 1, 1)
	w.Commit(selectsGroups, both)
	digest := w.Apply(reconcile.RunHeld).Digest
	w.Commit(selectsGroups+", adopt: \"take-over\"", both+approve(digest))
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "adopt-user u2: held by foreignExternalId", "add-member g u2: held by dependency")
	w.Commit(selectsGroups+", adopt: \"take-over\"", both+approveBecause(r.HeldDigest, "looked at it"))
	w.Apply(reconcile.RunApplied)
}

func TestAPreviewNamesTheLoosenedRulesFirst(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(7))
	for _, assumed := range []bool{false, true} {
		p := w.Preview(1, 2, assumed)
		list := []*reconcile.Preview{p}
		first := "safety gate emptySource loosened (on -> off); safety gate scopeFlip loosened (on -> off)"
		if verdict := render.PreviewsLine(list, 1000); !strings.HasPrefix(verdict, first) {
			t.Errorf("the verdict is %q", verdict)
		}
		escaped := strings.ReplaceAll(first, ">", "&gt;")
		if text := render.PreviewsMarkdown(list, nil); !strings.HasPrefix(text, "**roster: "+escaped) {
			t.Errorf("the comment is %s", text)
		}
		if p.Digest != "" && len(p.Changes) == 0 || slices.ContainsFunc(p.Changes, func(c reconcile.Change) bool {
			return c.Kind == reconcile.DeactivateUser && len(c.Held()) == 0
		}) {
			t.Errorf("not all removals are held: %v", changeLines(p.Changes))
		}
	}
	w.Apply(reconcile.RunHeld)
	w.Commit(looseRules, thirty(6)) // the base has loosened its rules, and was not applied
	p := w.Preview(2, 3, false)
	if len(p.Loosened) > 0 {
		t.Errorf("the merge itself loosens nothing, but %v", p.Loosened)
	}
}

// TestAPreviewOfAFirstCommitNamesTheGateThatItTurnsOff previews the merge that declares a
// provisioner and turns off the gate of its initial adoption.
func TestAPreviewOfAFirstCommitNamesTheGateThatItTurnsOff(t *testing.T) {
	w := newEnv(t)
	w.undeclare(people(2))
	w.Commit(`enabled: true, adopt: "match", limits: firstContact: {off: true, reason: "quick"}`, people(2))
	p := w.Preview(1, 2, true)
	const first = "safety gate firstContact loosened (on -> off)"
	if verdict := render.PreviewsLine([]*reconcile.Preview{p}, 1000); !strings.HasPrefix(verdict, first) {
		t.Errorf("the verdict is %q", verdict)
	}
}

func TestReportsNameTheLoosenedRulesFirst(t *testing.T) {
	w := synced(t, strictRules, thirty(30))
	w.Commit(looseRules, thirty(7))
	r := w.Apply(reconcile.RunHeld)
	const first = "safety gate emptySource loosened (on -> off); safety gate scopeFlip loosened (on -> off); "
	escaped := strings.ReplaceAll(first, ">", "&gt;")
	if text := reportText(r); !strings.HasPrefix(text, "aws: "+first) {
		t.Errorf("the text is %s", text)
	}
	if text := render.ReportMarkdown(r); !strings.HasPrefix(text, "### roster: aws\n\n**"+escaped) {
		t.Errorf("the page is %s", text)
	}
	result, err := w.Run(false)
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	if err := render.PlanText(&plan, result.Plan, nil); err != nil || !strings.HasPrefix(plan.String(), "aws: "+first) {
		t.Errorf("the plan is %s", plan.String())
	}
	if text := render.PlanMarkdown(result.Plan); !strings.HasPrefix(text, "### roster: aws\n\n**"+escaped) {
		t.Errorf("the page of the plan is %s", text)
	}
}

func TestAnUnreviewedLooseningNeverCounts(t *testing.T) {
	const rule = ", review: \"required\""
	w := newEnv(t)
	w.Commit(strictRules, thirty(30))
	w.Commit(strictRules+rule, thirty(30))
	w.Commit(looseRules+rule, thirty(30))
	w.Commit(looseRules+rule, thirty(7))
	all := w.Commits
	w.Commits = all[:1]
	w.Apply(reconcile.RunApplied)
	forge := &reviewForge{}
	w.Runner.Review = forge
	w.Commits = all[:2]
	w.Apply(reconcile.RunInSync)
	w.Commits = all[:3] // pushed without a review
	r := w.Apply(reconcile.RunInSync)
	if len(r.Loosened) != 9 || !r.Loosened[0].Unreviewed {
		t.Errorf("loosened are %v", r.Loosened)
	}
	w.Commits = all // the removals are reviewed, but their rules were not
	forge.merges = []reconcile.ReviewedMerge{w.merge(3, 4)}
	r = w.Apply(reconcile.RunHeld)
	w.wantActive(30)
	if !slices.Contains(heldBy(r), "maxRemovals") || slices.Contains(heldBy(r), "unreviewed") {
		t.Errorf("held by %q\n%s", heldBy(r), reportText(r))
	}
}

func TestAReviewedLooseningCountsForLaterCommits(t *testing.T) {
	const rule = ", review: \"required\""
	w := newEnv(t)
	w.Commit(strictRules, thirty(30))
	w.Commit(strictRules+rule, thirty(30))
	w.Commit(looseRules+rule, thirty(30))
	w.Commit(looseRules+rule, thirty(7))
	all := w.Commits
	w.Commits = all[:1]
	w.Apply(reconcile.RunApplied)
	forge := &reviewForge{}
	w.Runner.Review = forge
	w.Commits = all[:2]
	w.Apply(reconcile.RunInSync)
	w.Commits = all[:3]
	forge.merges = []reconcile.ReviewedMerge{w.merge(2, 3)}
	w.Apply(reconcile.RunInSync)
	w.Commits = all
	forge.merges = []reconcile.ReviewedMerge{w.merge(3, 4)}
	w.Apply(reconcile.RunApplied)
	w.wantActive(7)
}

func TestAnAttributeThatIsNoLongerRedactedStaysRedactedUntilAReportNamedIt(t *testing.T) {
	const p = "enabled: true, groups: [\"g\"]"
	w := synced(t, p, redactedOrg(3))
	w.Commit(p, strings.Replace(redactedOrg(3, 1), "redact: true", "redact: false", 1))
	r := w.Apply(reconcile.RunApplied)
	if !slices.Equal(loosened(r), []string{"redact.title"}) {
		t.Errorf("loosened are %q", loosened(r))
	}
	if text := reportText(r); strings.Contains(text, "raised-secret-1") {
		t.Errorf("the report shows the value:\n%s", text)
	}
}
