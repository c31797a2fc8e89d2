package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// reviewForge is a forge that returns the approved merges.
type reviewForge struct {
	merges []reconcile.ReviewedMerge
	err    error
	asked  [][2]string
}

func (a *reviewForge) Approved(_ context.Context, from, to string) ([]reconcile.ReviewedMerge, error) {
	a.asked = append(a.asked, [2]string{from, to})
	return a.merges, a.err
}

// merge returns a merge of one approved commit on another.
func (w *env) merge(base, approved int) reconcile.ReviewedMerge {
	return reconcile.ReviewedMerge{Name: "pull request 7", Base: w.Commits[base-1], Merged: w.Commits[approved-1]}
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
				for _, h := range c.Held {
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
}

func TestTheFirstRunUnderReviewIsHeld(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true\nreview: \"required\"", people(2))
	report := w.Apply(reconcile.RunHeld)
	if report.Counts.Held != 2 || !strings.Contains(report.Changes[0].Held[0].Reason, "nothing was applied before") {
		t.Errorf("held: %d, %+v", report.Counts.Held, report.Changes[0].Held)
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
	w.Now = w.Now.AddDate(0, 0, 3)
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
