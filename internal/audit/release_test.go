package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// approvalOf is the approval that releases a broken branch.
func approvalOf(trust reconcile.AuditTrust) *reconcile.Approved {
	return &reconcile.Approved{Digest: trust.Release(), Reason: "restored", Position: "approvals.cue:1:12"}
}

// breaks are ways to break a branch.
var breaks = []struct {
	name string
	do   func(t *testing.T, s *memStore)
}{
	{"a deleted branch", func(_ *testing.T, s *memStore) { s.head = "" }},
	{"a branch that was rewound", func(_ *testing.T, s *memStore) { rewind(s, 2) }},
	{"a forged entry of the ledger", forgeLedger},
	{"a damaged file of the ledger", func(t *testing.T, s *memStore) {
		commitFile(t, s, shardPath(prov, "u-run-1"), []byte("{"))
	}},
	{"a deleted status", func(t *testing.T, s *memStore) { commitFile(t, s, statusPath(prov), nil) }},
	{"a damaged status", func(t *testing.T, s *memStore) { commitFile(t, s, statusPath(prov), []byte("{")) }},
	{"damaged intents", func(t *testing.T, s *memStore) { commitFile(t, s, intentsPath(prov), []byte("[]")) }},
	{"a newest report that was changed", func(t *testing.T, s *memStore) {
		commitFile(t, s, newestReport(t, s), []byte("{}"))
	}},
}

// TestAReleaseStartsANewChain releases each break: the queued reports are published, the first of
// them names the broken head and the approval, and what this machine knew is still in the ledger.
func TestAReleaseStartsANewChain(t *testing.T) {
	for _, row := range breaks {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				r := runThrice(t, store, dir)
				row.do(t, store)
				trust := loadTrust(t, store, dir).Trust
				if _, err := r.reportWithoutWrites(t.Context(), "held", reconcile.RunHeld, "sha256:held"); err != nil {
					t.Fatal(err)
				}
				if len(store.messages()) > 0 && strings.Contains(store.messages()[len(store.messages())-1], "held") {
					t.Error("the report of a held run is on the broken branch")
				}
				r.release = approvalOf(trust)
				if _, err := r.run(t.Context(), "released", "u-4"); err != nil {
					t.Fatal(err)
				}
				checkChain(t, store, "held", "released")
				files := store.files()
				for l, err := range Chain(files, prov) {
					if err != nil {
						t.Fatal(err)
					}
					want := ""
					if l.Report.Run == "held" {
						want = fmt.Sprint(&reconcile.ChainStart{Head: trust.Break, Approval: "audit:" + trust.Break,
							Reason: "restored", Position: "approvals.cue:1:12"})
					}
					start := l.Report.StartsChain
					if start == nil && want != "" || start != nil && fmt.Sprint(start) != want {
						t.Errorf("report of run %s starts with %+v", l.Report.Run, start)
					}
				}
				got := loadTrust(t, store, dir)
				if got.Trust.Broken() || got.Status.Run != "released" || len(got.Ledger.Users) < 4 ||
					got.Unproved.Users["u-run-1"] || got.Unproved.Users["u-4"] {
					t.Errorf("after the release: %+v, %+v, %+v", got.Trust, got.Ledger.Users, got.Unproved)
				}
				if forged := got.Ledger.Users["mallory"].ID != ""; forged != got.Unproved.Users["mallory"] {
					t.Errorf("the forged entry is proved: %+v", got.Unproved)
				}
				if left, _ := filepath.Glob(filepath.Join(dir, "queue", "*")); len(left) > 0 {
					t.Errorf("left in the queue: %v", left)
				}
				r.release = nil
				if _, err := r.run(t.Context(), "after", "u-5"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestAReleaseIsForOneBreak checks that the break keeps its head under roster's own commits, and
// that another break needs another approval.
func TestAReleaseIsForOneBreak(t *testing.T) {
	begin := func(t *testing.T) (*memStore, string, *runner) {
		store, dir := &memStore{}, stateDir(t)
		return store, dir, runThrice(t, store, dir)
	}
	releases := func(t *testing.T, r *runner, trust reconcile.AuditTrust) bool {
		r.release = approvalOf(trust)
		_, err := r.run(t.Context(), "released", "u-4")
		return err == nil
	}
	for _, row := range []struct {
		name     string
		then     func(t *testing.T, s *memStore)
		releases bool
	}{
		{"other provisioners' commits came on top", func(t *testing.T, s *memStore) {
			commitFile(t, s, "status/other.json", []byte("{}"))
			commitFile(t, s, "intents/other.json", []byte("{}"))
		}, true},
		{"the ledger was forged again", func(t *testing.T, s *memStore) {
			commitFile(t, s, shardPath(prov, "trudy"), []byte(`{"version":1,"users":{"trudy":{"id":"id-x"}}}`))
		}, false},
		{"the branch was rewound", func(_ *testing.T, s *memStore) { rewind(s, 2) }, false},
		{"the branch was deleted", func(_ *testing.T, s *memStore) { s.head = "" }, false},
	} {
		t.Run("after the break was found, "+row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir, r := begin(t)
				forgeLedger(t, store)
				trust := loadTrust(t, store, dir).Trust
				row.then(t, store)
				if now := loadTrust(t, store, dir).Trust; (now.Break == trust.Break) != row.releases {
					t.Errorf("the break was %s and is %s", trust.Break, now.Break)
				}
				if got := releases(t, r, trust); got != row.releases {
					t.Errorf("the approval releases: %v", got)
				}
			})
		})
	}
	t.Run("a branch that is restored needs no release", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, dir, r := begin(t)
			head := store.head
			rewind(store, 2)
			if _, err := r.reportWithoutWrites(t.Context(), "held", reconcile.RunHeld, "sha256:held"); err != nil {
				t.Fatal(err)
			}
			store.head = head
			if got := loadTrust(t, store, dir).Trust; got.Level != reconcile.TrustProved {
				t.Errorf("trust is %+v", got)
			}
			checkChain(t, store, "run-1", "run-2", "run-3", "held")
		})
	})
	t.Run("a required proof is given by a release", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, dir, _ := begin(t)
			here := filepath.Join(dir, "new")
			strict := func() *Recorder {
				r := newRecorder(t, store, here)
				r.RequireProof = true
				return r
			}
			state, err := strict().LoadState(t.Context(), prov)
			if err != nil || !state.Trust.Broken() {
				t.Fatalf("trust is %+v, %v", state.Trust, err)
			}
			if !releases(t, &runner{recorder: strict(), aws: &directory{}}, state.Trust) {
				t.Error("the approval does not release the branch")
			}
			if state, err = strict().LoadState(t.Context(), prov); err != nil ||
				state.Trust.Level != reconcile.TrustProved || len(state.Ledger.Users) != 4 {
				t.Errorf("trust is %+v, %v", state.Trust, err)
			}
		})
	})
}

// TestTheQueueKeepsFewReportsOfHeldRuns checks that a long break fills no disk, and that every run
// is counted.
func TestTheQueueKeepsFewReportsOfHeldRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := runThrice(t, store, dir)
		rewind(store, 2)
		trust := loadTrust(t, store, dir).Trust
		for _, digest := range []string{"a", "a", "b", "c", "d", "d", "e"} {
			time.Sleep(time.Minute)
			if _, err := r.reportWithoutWrites(t.Context(), "held-"+time.Now().Format("04"), reconcile.RunHeld,
				digest); err != nil {
				t.Fatal(err)
			}
		}
		q, err := r.recorder.readQueue(prov)
		if err != nil || len(q.Reports) != maxIdleReports || q.Dropped != 7-maxIdleReports {
			t.Errorf("the queue has %d reports and dropped %d, %v", len(q.Reports), q.Dropped, err)
		}
		r.release = approvalOf(trust)
		if _, err := r.run(t.Context(), "released", "u-4"); err != nil {
			t.Fatal(err)
		}
		n, repeats := 0, 0
		for l, err := range Chain(store.files(), prov) {
			if err != nil {
				t.Fatal(err)
			}
			n, repeats = n+1, repeats+l.Report.Repeats
		}
		if n != maxIdleReports+1 || repeats != 7-maxIdleReports {
			t.Errorf("%d reports with %d repeats were published", n, repeats)
		}
	})
}

// TestAReportIsQueuedIfTheBranchBreaksDuringTheRun checks that no applied write is lost.
func TestAReportIsQueuedIfTheBranchBreaksDuringTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := runThrice(t, store, dir)
		r.edit = func(*reconcile.Ledger) { forgeLedger(t, store) }
		if _, err := r.run(t.Context(), "run-4", "u-4"); asBroken(err) == nil {
			t.Fatalf("the run ended with %v", err)
		}
		r.edit = nil
		for _, name := range []string{"journal/aws-prod.jsonl", "pending/aws-prod.json"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				t.Errorf("%s is left", name)
			}
		}
		state := loadTrust(t, store, dir)
		if !state.Trust.Broken() || state.Ledger.Users["u-4"].ID == "" || state.Status.Run != "run-4" {
			t.Errorf("%+v, %+v, %+v", state.Trust, state.Ledger.Users, state.Status)
		}
		r.release = approvalOf(state.Trust)
		if _, err := r.run(t.Context(), "released", "u-5"); err != nil {
			t.Fatal(err)
		}
		checkChain(t, store, "run-4", "released")
		if state := loadTrust(t, store, dir); state.Ledger.Users["u-4"].ID == "" || state.Unproved.Users["u-4"] {
			t.Errorf("%+v, %+v", state.Ledger.Users, state.Unproved)
		}
	})
}

// TestAForgedEntryCanBeRemovedByHand checks that a release does not restore an unproved entry that
// was removed from the branch.
func TestAForgedEntryCanBeRemovedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		here := filepath.Join(dir, "here")
		r := runThrice(t, store, here)
		forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: &directory{}}
		if _, err := forger.run(t.Context(), "forged", "mallory"); err != nil {
			t.Fatal(err)
		}
		if !loadTrust(t, store, here).Unproved.Users["mallory"] {
			t.Fatal("the forged entry is proved")
		}
		commitFile(t, store, shardPath(prov, "mallory"), nil)
		commitFile(t, store, shardPath(prov, "u-run-1"), nil)
		r.release = approvalOf(loadTrust(t, store, here).Trust)
		if _, err := r.run(t.Context(), "released", "u-4"); err != nil {
			t.Fatal(err)
		}
		got := loadTrust(t, store, here).Ledger.Users
		if _, found := got["mallory"]; found || got["u-run-1"].ID == "" {
			t.Errorf("the ledger has %+v", got)
		}
	})
}
