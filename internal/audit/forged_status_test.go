package audit

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// A status of others that properly continues the chain does not move what this machine knew of the
// things that loosen a gate.
func TestAForgedStatusLoosensNoGate(t *testing.T) {
	for _, test := range []struct {
		name  string
		forge func(*reconcile.Status)
		keeps func(known, got *reconcile.Status) bool
	}{
		{"the policy in force is moved to the commit that loosens it",
			func(s *reconcile.Status) { s.PolicyCommit = "loosening" },
			func(known, got *reconcile.Status) bool { return got.PolicyCommit == known.PolicyCommit }},
		{"a loosening is said to be reported",
			func(s *reconcile.Status) { s.Loosened = []reconcile.Loosening{{Field: "review", ReportedAt: "c"}} },
			func(_, got *reconcile.Status) bool { return len(got.Loosened) == 0 }},
		{"the review rules are dropped",
			func(s *reconcile.Status) { s.Review = nil },
			func(known, got *reconcile.Status) bool { return len(got.Review) == len(known.Review) }},
		{"the initial adoption is said to be decided",
			func(s *reconcile.Status) { s.AdoptionDecided = true },
			func(_, got *reconcile.Status) bool { return !got.AdoptionDecided }},
		{"the record of a late end is dropped",
			func(s *reconcile.Status) { s.ShortenedEnds = nil },
			func(known, got *reconcile.Status) bool { return len(got.ShortenedEnds) == len(known.ShortenedEnds) }},
		{"an approval is said to be seen later",
			func(s *reconcile.Status) {
				s.ApprovalFirstSeen[0].Time = s.ApprovalFirstSeen[0].Time.Add(20 * time.Hour)
			},
			func(known, got *reconcile.Status) bool {
				return got.ApprovalFirstSeen[0].Time.Equal(known.ApprovalFirstSeen[0].Time)
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				here := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "here")), aws: &directory{}}
				known := func(s *reconcile.Status) {
					s.LastApplied, s.PolicyCommit = &reconcile.AppliedAt{Commit: "applied"}, "applied"
					s.Review = []reconcile.ReviewRule{{Approvals: 1}}
					s.ShortenedEnds = []reconcile.ShortenedEnd{{User: "u-1", EndsAt: time.Now().UTC()}}
					s.ApprovalFirstSeen = []reconcile.FirstSeen{{Digest: "d", Commit: "c", Time: time.Now().UTC()}}
				}
				here.editStatus = known
				if _, err := here.run(t.Context(), "run-1", "u-1"); err != nil {
					t.Fatal(err)
				}
				before := loadTrust(t, store, filepath.Join(dir, "here")).Status
				forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: here.aws}
				forger.editStatus = func(s *reconcile.Status) { known(s); test.forge(s) }
				if _, err := forger.run(t.Context(), "forged", "u-4"); err != nil {
					t.Fatal(err)
				}
				for _, read := range []string{"as it is read first", "as it was recorded"} {
					state := loadTrust(t, store, filepath.Join(dir, "here"))
					if state.Trust.Level != reconcile.TrustUnproved || state.Status.Run != "forged" {
						t.Fatalf("%s: trust is %+v, the last run is %s", read, state.Trust, state.Status.Run)
					}
					if !test.keeps(before, state.Status) {
						t.Errorf("%s: the status is %+v", read, state.Status)
					}
				}
				// The next run of this machine writes its own status.
				here.editStatus = func(s *reconcile.Status) {
					s.LastApplied, s.PolicyCommit = &reconcile.AppliedAt{Commit: "own"}, "own"
				}
				if _, err := here.run(t.Context(), "run-2", "u-5"); err != nil {
					t.Fatal(err)
				}
				if own := loadTrust(t, store, filepath.Join(dir, "here")).Status; own.LastApplied.Commit != "own" ||
					own.PolicyCommit != "own" {
					t.Errorf("after a run of its own, the status is %+v", own)
				}
			})
		})
	}
}

// Others who claim another last applied commit do not change since when reviews are needed.
func TestReviewsAreNeededSinceTheCommitThatThisMachineApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		here := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "here")), aws: &directory{}}
		applied := func(commit string) func(*reconcile.Status) {
			return func(s *reconcile.Status) { s.LastApplied = &reconcile.AppliedAt{Commit: commit} }
		}
		here.editStatus = applied("first")
		if _, err := here.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: here.aws}
		forger.editStatus = applied("head")
		if _, err := forger.run(t.Context(), "forged", "u-2"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // a run of this machine that does not complete the commit changes nothing
			state := loadTrust(t, store, filepath.Join(dir, "here"))
			if state.ReviewedFrom == nil || state.ReviewedFrom.Commit != "first" {
				t.Errorf("reviews are needed since %+v", state.ReviewedFrom)
			}
			here.editStatus = applied("head")
			if _, err := here.run(t.Context(), "held", "u-3"); err != nil {
				t.Fatal(err)
			}
		}
	})
}
