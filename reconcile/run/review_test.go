package run_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// reviewForge is a forge that returns the approved merges.
type reviewForge struct {
	merges  []reconcile.ReviewedMerge
	commits map[string]reconcile.CommitReview
	err     error
	asked   [][2]string
}

func (a *reviewForge) ReviewCommit(_ context.Context, commit string) (reconcile.CommitReview, error) {
	return a.commits[commit], a.err
}

func (a *reviewForge) Approved(_ context.Context, from, to string) ([]reconcile.ReviewedMerge, error) {
	a.asked = append(a.asked, [2]string{from, to})
	return a.merges, a.err
}

// reviewBy returns the review of a pull request that ann wrote.
func reviewBy(approvers ...string) reconcile.CommitReview {
	return reconcile.CommitReview{PullRequest: "pull request 7", Authors: []string{"ann"}, Approvers: approvers}
}

// merge returns a merge of one approved commit on another.
func (w *env) merge(base, approved int) reconcile.ReviewedMerge {
	return reconcile.ReviewedMerge{Name: "pull request 7", Base: w.Commits[base-1], Merged: w.Commits[approved-1],
		Review: reviewBy("bob")}
}

const requiresReview = "enabled: true\nreview: \"required\""

// renamed declares n users, with a text replaced once.
func renamed(n int, old, replacement string) string {
	return strings.Replace(people(n), old, replacement, 1)
}

// reviewCases are the cases of TestOnlyApprovedChangesAreApplied.
var reviewCases = []struct {
	name    string
	history []string // commits by number; the first is applied, the last is what is to be applied
	setting []string // of the provisioner, by commit; "": review is requiresReview
	merges  func(w *env) []reconcile.ReviewedMerge
	none    bool  // there is no forge
	err     error // what the forge answers
	want    []string
	why     string // part of why something is held
}{
	{name: "all of it was approved", history: []string{people(2), people(3)},
		merges: func(w *env) []reconcile.ReviewedMerge { return []reconcile.ReviewedMerge{w.merge(1, 2)} },
		want:   []string{"create-user u3"}},
	{name: "a part was approved, and another was pushed after", history: []string{people(2), people(3), people(4)},
		merges: func(w *env) []reconcile.ReviewedMerge { return []reconcile.ReviewedMerge{w.merge(1, 2)} },
		want:   []string{"create-user u3", "create-user u4 held by unreviewed"}, why: "not approved"},
	{name: "one value of a user was approved, another was not",
		history: []string{people(2), renamed(2, `"name1"`, `"new1"`),
			strings.Replace(renamed(2, `"name1"`, `"new1"`), `"Test"`, `"Best"`, 1)},
		merges: func(w *env) []reconcile.ReviewedMerge { return []reconcile.ReviewedMerge{w.merge(1, 2)} },
		want:   []string{"update-user u1 displayName=new1 name.familyName=Best held by unreviewed"},
		why:    "the approved changes do not include name.familyName"},
	{name: "two merges, both approved", history: []string{people(2), people(3), people(4)},
		merges: func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.merge(1, 2), w.merge(2, 3)}
		},
		want: []string{"create-user u3", "create-user u4"}},
	{name: "two merges, only the second approved", history: []string{people(2), people(3), people(4)},
		merges: func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{{Name: "pull request 6", NotReviewedReason: "nobody approved it"},
				w.merge(2, 3)}
		},
		want: []string{"create-user u3 held by unreviewed", "create-user u4"},
		why:  "pull request 6: nobody approved it"},
	{name: "a push without any pull request", history: []string{people(2), people(3)},
		merges: func(*env) []reconcile.ReviewedMerge { return nil },
		want:   []string{"create-user u3 held by unreviewed"}, why: "not approved"},
	{name: "no forge is configured", none: true, history: []string{people(2), people(3)},
		want: []string{"create-user u3 held by unreviewed"}, why: "no forge is configured"},
	{name: "the forge is not available", err: errors.New("503"), history: []string{people(2), people(3)},
		want: []string{"create-user u3 held by unreviewed"}, why: "the forge cannot report approvals: 503"},
	{name: "a commit cannot lift the rule for itself", history: []string{people(2), people(3)},
		setting: []string{"", "enabled: true"},
		merges:  func(*env) []reconcile.ReviewedMerge { return nil },
		want:    []string{"create-user u3 held by unreviewed"}, why: "not approved"},
	{name: "the rule applies to the commit that sets it", history: []string{people(2), people(3)},
		setting: []string{"enabled: true", requiresReview},
		merges:  func(*env) []reconcile.ReviewedMerge { return nil },
		want:    []string{"create-user u3 held by unreviewed"}, why: "not approved"},
	{name: "without the rule the forge is not asked", history: []string{people(2), people(3)},
		setting: []string{"enabled: true", "enabled: true"},
		err:     errors.New("unexpected call"), want: []string{"create-user u3"}},
}

func TestOnlyApprovedChangesAreApplied(t *testing.T) {
	for _, test := range reviewCases {
		t.Run(test.name, func(t *testing.T) {
			w := newEnv(t)
			for i, cue := range test.history {
				setting := requiresReview
				if i < len(test.setting) && test.setting[i] != "" {
					setting = test.setting[i]
				}
				w.Commit(setting, cue)
			}
			forge := &reviewForge{err: test.err}
			if test.merges != nil {
				forge.merges = test.merges(w)
			}
			w.applyFirst(t)
			if !test.none {
				w.Runner.Review = forge
			}
			result, err := w.Run(false)
			if err != nil {
				t.Fatal(err)
			}
			wantLines(t, "plan", changeLines(result.Plan.Changes), test.want...)
			whys := ""
			for _, c := range result.Plan.Changes {
				for _, h := range c.Held() {
					whys += h.Reason + "\n"
				}
			}
			if !strings.Contains(whys, test.why) {
				t.Errorf("it is held because %q; want %q", whys, test.why)
			}
			if strings.Contains(test.name, "the forge is not asked") != (len(forge.asked) == 0) && !test.none {
				t.Errorf("the forge was asked %v", forge.asked)
			}
		})
	}
}

// applyFirst applies the first commit, which an approval releases.
func (w *env) applyFirst(t *testing.T) {
	t.Helper()
	all := w.Commits
	first := *all[0]
	p := *first.Provisioners["aws"]
	p.Review = schema.Review{}
	first.Provisioners = map[string]*schema.Provisioner{"aws": &p}
	w.Commits = []*schema.Declarations{&first}
	w.Apply(reconcile.RunApplied)
	w.Commits = all
	w.Kept = nil // it has the first commit without its rule
}

// approved returns the merge of one approved commit on another by a pull request.
func (w *env) approved(name string, base, approved int, approvers ...string) reconcile.ReviewedMerge {
	m := w.merge(base, approved)
	m.Name, m.Review = name, reviewBy(approvers...)
	return m
}

func TestReviewRulesWithNumbersAndAccounts(t *testing.T) {
	const two = "enabled: true\nreview: {required: true, approvals: 2}"
	const bobOnly = "enabled: true\nreview: {required: true, by: [\"bob\"]}"
	held, done := "create-user u3 held by unreviewed", "create-user u3"
	for _, test := range []struct {
		name, setting string
		merges        func(w *env) []reconcile.ReviewedMerge
		want          []string
		why           string
	}{
		{"one of two approvals", two, func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.approved("pull request 7", 1, 2, "bob")}
		}, []string{held}, "pull request 7: it has 1 of 2 approvals"},
		{"two approvals by the same person", two, func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.approved("pull request 7", 1, 2, "bob", "Bob")}
		}, []string{held}, "it has 1 of 2 approvals"},
		{"two approvals", two, func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.approved("pull request 7", 1, 2, "bob", "cleo")}
		}, []string{done}, ""},
		{"two approvals of different heads", two, func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.approved("pull request 7", 1, 2, "bob"),
				w.approved("pull request 7", 1, 1, "cleo")}
		}, []string{held}, "its reviewers approved different commits"},
		{"two approvals of two pull requests", two, func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.approved("pull request 8", 1, 2, "bob"),
				w.approved("pull request 7", 1, 2, "cleo")}
		}, []string{held}, "pull request 8: it has 1 of 2"},
		{"an approval by an account that the rule does not name", bobOnly, func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.approved("pull request 7", 1, 2, "cleo")}
		}, []string{held}, `it has 0 of 1 approval by "bob"`},
		{"an approval by an author", requiresReview, func(w *env) []reconcile.ReviewedMerge {
			return []reconcile.ReviewedMerge{w.approved("pull request 7", 1, 2, "ann")}
		}, []string{held}, "it has 0 of 1 approval"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(test.setting, people(2))
			w.Commit(test.setting, people(3))
			w.applyFirst(t)
			w.Runner.Review = &reviewForge{merges: test.merges(w)}
			w.wantPlan(t, test.why, test.want...)
		})
	}
}

// wantPlan compares the changes of a plan, and looks for why something is held.
func (w *env) wantPlan(t *testing.T, why string, want ...string) {
	t.Helper()
	result, err := w.Run(false)
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, "plan", changeLines(result.Plan.Changes), want...)
	whys := ""
	for _, c := range result.Plan.Changes {
		for _, h := range c.Held() {
			whys += h.Reason + "\n"
		}
	}
	if !strings.Contains(whys, why) {
		t.Errorf("it is held because %q; want %q", whys, why)
	}
}

// TestTheReviewRuleFollowsTheTenant lifts the rule by commits that were not reviewed, each applied
// before the next is made, and then adds a user without a review.
func TestTheReviewRuleFollowsTheTenant(t *testing.T) {
	aws2 := func(provisioner string) string {
		return strings.NewReplacer("provisioners: aws:", "provisioners: aws2:", "PROVISIONER", provisioner).
			Replace(reconciletest.BaseCUE)
	}
	for _, test := range []struct {
		name string
		then []func(w *env) // the commits after the first
		key  string         // of the provisioner in the last commit
	}{
		{"the rule is removed first", []func(w *env){
			func(w *env) { w.Commit("enabled: true", people(2)) },
			func(w *env) { w.Commit("enabled: true", people(3)) },
		}, "aws"},
		{"the provisioner is renamed with previously, without the rule", []func(w *env){
			func(w *env) { w.Declare(aws2("enabled: true\npreviously: aws: {}"), people(3)) },
		}, "aws2"},
		{"the provisioner is renamed first, then the rule is removed", []func(w *env){
			func(w *env) { w.Declare(aws2(requiresReview+"\npreviously: aws: {}"), people(2)) },
			func(w *env) { w.Declare(aws2("enabled: true\npreviously: aws: {}"), people(2)) },
			func(w *env) { w.Declare(aws2("enabled: true\npreviously: aws: {}"), people(3)) },
		}, "aws2"},
		{"the rule gets an account that may approve, then only that account", []func(w *env){
			func(w *env) { w.Commit("enabled: true\nreview: {required: true, by: [\"mallory\"]}", people(2)) },
			func(w *env) { w.Commit("enabled: true", people(2)) },
			func(w *env) { w.Commit("enabled: true", people(3)) },
		}, "aws"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(requiresReview, people(2))
			w.applyFirst(t)
			w.Runner.Review = &reviewForge{merges: []reconcile.ReviewedMerge{
				{Name: "commit 1234567", NotReviewedReason: "it is not from a pull request"}}}
			for i, commit := range test.then {
				commit(w)
				key := "aws"
				for k := range w.Commits[len(w.Commits)-1].Provisioners {
					key = k
				}
				want := reconcile.RunInSync
				if i == len(test.then)-1 {
					want = reconcile.RunHeld
				}
				report := w.applyKey(t, key, want)
				if want == reconcile.RunHeld {
					wantSummary(t, report, "create-user u3: held by unreviewed")
					wantWarning(t, report, "`review` is declared as off, but stays required until a merge")
				}
			}
			if state := w.Sim.State(); len(state.Users) != 2 {
				t.Errorf("AWS has %d users; want 2", len(state.Users))
			}
		})
	}
}

// TestAReviewedMergeLiftsTheReviewRule applies a reviewed merge that lifts the rule, and then a
// push.
func TestAReviewedMergeLiftsTheReviewRule(t *testing.T) {
	w := newEnv(t)
	w.Commit(requiresReview, people(2))
	w.applyFirst(t)
	w.Commit(requiresReview, people(2))
	w.Apply(reconcile.RunInSync)
	w.Commit("enabled: true", people(2))
	w.Runner.Review = &reviewForge{merges: []reconcile.ReviewedMerge{w.merge(2, 3)}}
	w.Apply(reconcile.RunInSync)
	w.Commit("enabled: true", people(3))
	w.Runner.Review = &reviewForge{err: errors.New("unexpected call")}
	wantSummary(t, w.Apply(reconcile.RunApplied), "create-user u3: done")
}

// TestAReviewedMergeRenamesTheProvisioner renames the provisioner and adds a user by a reviewed
// merge.
func TestAReviewedMergeRenamesTheProvisioner(t *testing.T) {
	w := newEnv(t)
	w.Commit(requiresReview, people(2))
	w.applyFirst(t)
	w.Declare(strings.NewReplacer("provisioners: aws:", "provisioners: aws2:", "PROVISIONER",
		requiresReview+"\npreviously: aws: {}").Replace(reconciletest.BaseCUE), people(3))
	w.Runner.Review = &reviewForge{merges: []reconcile.ReviewedMerge{w.merge(1, 2)}}
	wantSummary(t, w.applyKey(t, "aws2", reconcile.RunApplied), "create-user u3: done")
}

// TestAReviewedRemovalOfTheProvisionerIsApplied removes the provisioner by a reviewed merge, and by
// a push.
func TestAReviewedRemovalOfTheProvisionerIsApplied(t *testing.T) {
	for _, reviewed := range []bool{true, false} {
		w := newEnv(t)
		w.Commit(requiresReview, people(2))
		w.applyFirst(t)
		w.Declare(strings.Split(reconciletest.BaseCUE, "provisioners:")[0], people(2))
		forge := &reviewForge{}
		if reviewed {
			forge.merges = []reconcile.ReviewedMerge{w.merge(1, 2)}
		}
		w.Runner.Review = forge
		lines := strings.Join(summary(w.applyKey(t, "aws", "")), "\n")
		if held := strings.Contains(lines, "unreviewed"); held == reviewed {
			t.Errorf("reviewed: %t, and the run did:\n%s", reviewed, lines)
		}
	}
}

// applyKey applies the last commit for a provisioner. An empty outcome accepts every one.
func (w *env) applyKey(t *testing.T, key string, want reconcile.Outcome) *reconcile.Report {
	t.Helper()
	n := len(w.Commits)
	w.SetNow(w.Now.Add(time.Minute))
	result, err := w.Runner.Once(t.Context(), run.Request{Provisioner: key, Declarations: w.Commits[n-1],
		Commit: reconcile.CommitRef{ID: fmt.Sprintf("commit-%d", n)}, Trigger: "test", Apply: true})
	if err != nil {
		t.Fatal(err)
	}
	if want != "" && result.Report.Outcome != want {
		t.Fatalf("commit %d: the outcome is %s; want %s", n, result.Report.Outcome, want)
	}
	return result.Report
}

func TestTheFirstRunUnderReviewIsHeld(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true\nreview: \"required\"", people(2))
	report := w.Apply(reconcile.RunHeld)
	if report.Counts.Held != 2 || !strings.Contains(report.Changes[0].Held()[0].Reason, "nothing was applied before") {
		t.Errorf("held: %d, %+v", report.Counts.Held, report.Changes[0].Held())
	}
}

func TestDriftAndDatesNeedNoReview(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true\nreview: \"required\"",
		people(3)+`groups: dev: {displayName: "Dev", members: {u1: {}, u2: {}, u3: {until: "2026-11-25"}}}`)
	w.applyFirst(t)
	drifted, _ := w.Sim.State().User("name1@example.com")
	drifted.DisplayName = "Chief"
	if _, err := w.Sim.PutUser(drifted); err != nil {
		t.Fatal(err)
	}
	w.SetNow(w.Now.AddDate(0, 0, 3))
	w.Runner.Review = &reviewForge{}
	w.Commit("enabled: true\nreview: \"required\"",
		people(4)+`groups: dev: {displayName: "Dev", members: {u1: {}, u2: {}, u3: {until: "2026-11-25"}}}`)
	result, err := w.Run(false)
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, "plan", changeLines(result.Plan.Changes), "create-user u4 held by unreviewed",
		"update-user u1 displayName=name1", "remove-member dev u3")
}

// TestAForgedLastAppliedCommitNeedsItsReviews pushes a commit that removes a user and claims on the
// audit branch that it was applied. The change looks like drift then.
func TestAForgedLastAppliedCommitNeedsItsReviews(t *testing.T) {
	w := newEnv(t)
	w.Commit(requiresReview, people(3))
	w.applyFirst(t)
	known := &reconcile.AppliedAt{Commit: w.Ref().ID, Time: w.Now}
	w.Commit(requiresReview, people(2))
	w.Runner.Review = &reviewForge{merges: []reconcile.ReviewedMerge{
		{Name: "commit 1234567", NotReviewedReason: "it is not from a pull request"}}}
	w.Audit.EditLoaded = func(state *reconcile.AuditState) {
		state.Status.LastApplied = &reconcile.AppliedAt{Commit: w.Ref().ID, Time: w.Now}
		state.ReviewedFrom = known
	}
	wantSummary(t, w.applyOnce(), "deactivate-user u3: held by unreviewed")
	for _, u := range w.Sim.State().Users {
		if !u.Active {
			t.Errorf("user %s is inactive", u.UserName)
		}
	}
}
