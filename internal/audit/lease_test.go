package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func beginWrite(b *Recorder, run string, seq int) error {
	return b.BeginWrites(reconcile.Entry{Run: run, Provisioner: prov, Seq: seq,
		Changes: []reconcile.Done{{Change: &reconcile.Change{Kind: reconcile.CreateUser, Key: fmt.Sprint("u-", seq)}}}})
}

// beginRun loads the state and begins a run.
func beginRun(t *testing.T, b *Recorder, run string) error {
	t.Helper()
	if _, err := b.LoadState(t.Context(), prov); err != nil {
		t.Fatal(err)
	}
	return b.BeginRun(t.Context(), intentOf(run, 3))
}

func TestALeasePreventsOtherRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		dir := stateDir(t)
		a, b := newRecorder(t, store, filepath.Join(dir, "alpha")), newRecorder(t, store, filepath.Join(dir, "beta"))
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		err := beginRun(t, b, "run-b")
		var leased *reconcile.LeaseError
		if !errors.Is(err, reconcile.ErrLeased) || !errors.As(err, &leased) {
			t.Fatalf("the second run: %v", err)
		}
		if leased.Run != "run-a" || leased.Host != "alpha" || !leased.Since.Equal(time.Now()) ||
			leased.Until.Sub(leased.Since) != 2*time.Minute {
			t.Errorf("the holder is %+v", leased)
		}
		for _, want := range []string{"run-a", "alpha", "2000-01-01T00:00:00Z", "2000-01-01T00:02:00Z"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error has no %q: %v", want, err)
			}
		}
		state, err := b.LoadState(t.Context(), prov)
		if err != nil || len(state.OpenIntents) == 0 || state.OpenIntents[0].Run != "run-a" ||
			state.Interrupted != nil || state.Leased == nil || *state.Leased != *leased {
			t.Errorf("state is %+v, %v", state, err)
		}
		if _, err := (&runner{recorder: b, aws: &directory{}}).reportWithoutWrites(t.Context(), "run-c",
			reconcile.RunHeld,
			"d"); !errors.Is(err, reconcile.ErrLeased) {
			t.Errorf("a run without writes: %v", err)
		}
		if state, err = b.LoadState(t.Context(), prov); err != nil || state.Status != nil {
			t.Errorf("the state is %+v, %v", state, err)
		}
	})
}

func TestALeaseIsRenewedWhileTheRunLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		dir := stateDir(t)
		a, b := newRecorder(t, store, filepath.Join(dir, "alpha")), newRecorder(t, store, filepath.Join(dir, "beta"))
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			time.Sleep(80 * time.Second)
			synctest.Wait()
			if err := beginWrite(a, "run-a", i+1); err != nil {
				t.Fatalf("after %d seconds: %v", 80*(i+1), err)
			}
			if err := beginRun(t, b, "run-b"); !errors.Is(err, reconcile.ErrLeased) {
				t.Fatalf("after %d seconds another run: %v", 80*(i+1), err)
			}
		}
		if got, want := len(store.messages()), 1+12; got != want {
			t.Errorf("there are %d commits, want %d: one intent and one renewal each 40 seconds", got, want)
		}
	})
}

func TestAnExpiredLeaseIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		dir := stateDir(t)
		a, b := newRecorder(t, store, filepath.Join(dir, "alpha")), newRecorder(t, store, filepath.Join(dir, "beta"))
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		if err := beginWrite(a, "run-a", 1); err != nil {
			t.Fatal(err)
		}
		a.Close() // the machine is gone
		time.Sleep(2*time.Minute - time.Second)
		if err := beginRun(t, b, "run-b"); !errors.Is(err, reconcile.ErrLeased) {
			t.Fatalf("a second before the expiry: %v", err)
		}
		time.Sleep(time.Second)
		if err := beginRun(t, b, "run-b"); err != nil {
			t.Fatalf("after the expiry: %v", err)
		}
		state, err := b.Reader().LoadState(t.Context(), prov)
		if err != nil || len(state.OpenIntents) == 0 || state.OpenIntents[0].Run != "run-a" {
			t.Errorf("the abandoned run is not open: %+v, %v", state, err)
		}
		// The machine comes back with its journal and publishes its report late.
		r := testReport("run-b", reconcile.RunHeld, nil)
		if _, err := b.CommitReport(t.Context(), reconcile.RunRecord{Report: r, Ledger: reconcile.NewLedger(),
			Status: statusOf(r, nil)}); err != nil {
			t.Fatal(err)
		}
		back := newRecorder(t, store, filepath.Join(dir, "alpha"))
		state, err = (&runner{recorder: back, aws: &directory{}}).recover(t.Context())
		if err != nil || state.Status.Run != "run-a" || state.Interrupted != nil || len(state.OpenIntents) != 0 {
			t.Errorf("after the machine came back: %+v, %v", state, err)
		}
		checkChain(t, store, "run-b", "run-a")
	})
}

func TestAHolderThatCannotRenewStopsBeforeTheTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		a := newRecorder(t, store, stateDir(t))
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		store.setFault(func(string, bool) error { return errDown })
		time.Sleep(111 * time.Second)
		if err := beginWrite(a, "run-a", 1); err != nil {
			t.Errorf("while the lease lasts: %v", err)
		}
		time.Sleep(time.Second)
		if err := beginWrite(a, "run-a", 2); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("eight seconds before the end: %v", err)
		}
		if err := a.EndWrite(reconcile.Entry{Run: "run-a", Provisioner: prov, Seq: 1}); !errors.Is(err,
			reconcile.ErrLeaseLost) {
			t.Errorf("the end of a write: %v", err)
		}
		store.setFault(nil)
		time.Sleep(time.Hour)
		if err := beginWrite(a, "run-a", 3); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("a lost lease was renewed: %v", err)
		}
		journaled, err := readJournal(a.journalPath(prov))
		if err != nil || len(journaled.Entries) != 2 || !journaled.Entries[1].Ended {
			t.Errorf("the journal has %+v, %v", journaled, err)
		}
	})
}

func TestAHolderDetectsATakeover(t *testing.T) {
	for _, row := range []struct {
		name   string
		other  *intents
		reason string
	}{
		{"by another run", &intents{Version: 1, Lease: &lease{
			Intent: reconcile.Intent{Run: "run-b", Host: "beta", Provisioner: prov}}}, "run-b on beta"},
		{"by a commit that removed the intent", nil, "no longer on the audit branch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memStore{}
				a := newRecorder(t, store, stateDir(t))
				if err := beginRun(t, a, "run-a"); err != nil {
					t.Fatal(err)
				}
				var content []byte
				if row.other != nil {
					var err error
					if content, err = encode(row.other); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := store.commit(store.head, map[string][]byte{intentsPath(prov): content}, "other",
					time.Now()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if err := beginWrite(a, "run-a", 1); !errors.Is(err, reconcile.ErrLeaseLost) ||
					!strings.Contains(err.Error(), row.reason) {
					t.Errorf("the error is %v, want %q", err, row.reason)
				}
			})
		})
	}
}

func TestALeaseSurvivesAShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		a := newRecorder(t, store, stateDir(t))
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		store.setFault(func(string, bool) error { return errDown })
		time.Sleep(50 * time.Second)
		store.setFault(nil)
		time.Sleep(time.Hour)
		if err := beginWrite(a, "run-a", 1); err != nil {
			t.Error(err)
		}
	})
}

func TestALeaseExpiresByTheClockNotTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a machine that slept: no timer fired, but the time has passed
		a := newRecorder(t, &memStore{}, stateDir(t))
		var slept time.Duration
		a.Now = func() time.Time { return time.Now().Add(slept) }
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		slept = 20 * time.Minute
		if err := beginWrite(a, "run-a", 1); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("after sleep: %v", err)
		}
	})
}

func TestAWriteDoesNotBeginAfterASlowDiskOutlivedTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRecorder(t, &memStore{}, stateDir(t))
		var waited time.Duration
		a.Now = func() time.Time { return time.Now().Add(waited) }
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		a.crash = func(point string) {
			if point == "before an entry begins" { // the next write to the disk takes 20 minutes
				waited = 20 * time.Minute
			}
		}
		if err := beginWrite(a, "run-a", 1); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("after the slow write of the journal: %v, want that the lease is lost", err)
		}
	})
}

func TestALeaseExpiresByTheMonotonicClockIfTheWallClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRecorder(t, &memStore{}, stateDir(t))
		var passed time.Duration
		a.elapsed = func(time.Time) time.Duration { return passed }
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		if err := beginWrite(a, "run-a", 1); err != nil {
			t.Fatal(err)
		}
		passed = 112 * time.Second
		if err := a.CheckLease(prov, "run-a"); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("a request after that: %v", err)
		}
	})
}

func TestAnExpiredLeaseIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the process was stopped: its timers fire late
		store := &memStore{}
		a := newRecorder(t, store, stateDir(t))
		var stopped atomic.Int64 // a time.Duration
		a.Now = func() time.Time { return time.Now().Add(time.Duration(stopped.Load())) }
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		stopped.Store(int64(3 * time.Minute))
		time.Sleep(41 * time.Second) // the timer of the renewal
		synctest.Wait()
		if got := len(store.messages()); got != 1 {
			t.Errorf("there are %d commits, want 1: the intent", got)
		}
		stopped.Store(0)
		if err := a.CheckLease(prov, "run-a"); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("a request after that: %v", err)
		}
	})
}

func TestAHolderTakesItsOwnLeaseBackAtOnce(t *testing.T) {
	for _, row := range []struct {
		name   string
		holder string // of the second process
		taken  bool
	}{
		{"the same state directory without its journal", "a", true},
		{"another state directory", "b", false},
		{"a state directory without an id", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				a := newRecorder(t, store, filepath.Join(dir, "a"))
				a.Holder = "a"
				if err := beginRun(t, a, "run-a"); err != nil {
					t.Fatal(err)
				}
				a.Close()
				b := newRecorder(t, store, filepath.Join(dir, "b"))
				b.Holder = row.holder
				state, err := b.LoadState(t.Context(), prov)
				if err != nil || len(state.OpenIntents) != 1 || (state.Leased == nil) != row.taken {
					t.Errorf("state is %+v, %v", state, err)
				}
				err = b.BeginRun(t.Context(), intentOf("run-b", 1))
				if (err == nil) != row.taken || err != nil && !errors.Is(err, reconcile.ErrLeased) {
					t.Errorf("the second run: %v", err)
				}
			})
		})
	}
}

func TestTheLeaderOfAnElectionTakesTheLeaseOfTheLastLeaderAtOnce(t *testing.T) {
	for _, row := range []struct {
		name, election string
		taken          bool
	}{
		{"the same election", "ops/roster", true},
		{"another election", "ops/other", false},
		{"no election", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				a := newRecorder(t, store, filepath.Join(dir, "a"))
				a.Election = "ops/roster"
				if err := beginRun(t, a, "run-a"); err != nil {
					t.Fatal(err)
				}
				a.Close()
				b := newRecorder(t, store, filepath.Join(dir, "b"))
				b.Election = row.election
				if err := beginRun(t, b, "run-b"); (err == nil) != row.taken {
					t.Errorf("the second run: %v", err)
				}
			})
		})
	}
}

func TestAProcessThatIsNotTheLeaderAnyMoreDoesNotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRecorder(t, &memStore{}, stateDir(t))
		var lost error
		a.Election, a.CheckLeader = "ops/roster", func(string) error { return lost }
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		if err := beginWrite(a, "run-a", 1); err != nil {
			t.Fatal(err)
		}
		lost = reconcile.ErrLeaseLost
		if err := beginWrite(a, "run-a", 2); !errors.Is(err, lost) {
			t.Errorf("a write: %v", err)
		}
		if err := a.CheckLease(prov, "run-a"); !errors.Is(err, lost) {
			t.Errorf("a request: %v", err)
		}
		b := newRecorder(t, &memStore{}, stateDir(t))
		b.CheckLeader = a.CheckLeader
		if err := beginRun(t, b, "run-b"); !errors.Is(err, lost) {
			t.Errorf("the beginning of a run: %v", err)
		}
	})
}

func TestTheIDOfAStateDirectorySurvivesAndIsReplacedWhenDamaged(t *testing.T) {
	dir := t.TempDir()
	first, err := HolderID(dir)
	if err != nil || !validHolder.MatchString(first) {
		t.Fatalf("the id is %q, %v", first, err)
	}
	if again, err := HolderID(dir); err != nil || again != first {
		t.Errorf("the id of the next process is %q, %v; want %q", again, err, first)
	}
	for _, damaged := range []string{"", first[:7], strings.Repeat("\x00", 33)} {
		if err := os.WriteFile(filepath.Join(dir, "holder"), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if id, err := HolderID(dir); err != nil || !validHolder.MatchString(id) || id == first {
			t.Errorf("with the content %q, the id is %q, %v", damaged, id, err)
		}
	}
}

func TestTwoProcessesOnOneStateDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		a, b := newRecorder(t, store, dir), newRecorder(t, store, dir)
		if err := beginRun(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		state, err := b.LoadState(t.Context(), prov)
		if err != nil || state.Interrupted != nil || len(state.OpenIntents) != 0 {
			t.Errorf("the other process loads %+v, %v; an active run is neither interrupted nor open", state, err)
		}
		time.Sleep(time.Hour) // however long
		err = b.BeginRun(t.Context(), intentOf("run-b", 1))
		if !errors.Is(err, reconcile.ErrLeased) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
			t.Errorf("the intent of the other process: %v", err)
		}
		a.Close()
		if state, err = b.LoadState(t.Context(), prov); err != nil || state.Interrupted == nil ||
			state.Interrupted.Intent.Run != "run-a" {
			t.Errorf("after the first process ended: %+v, %v", state, err)
		}
	})
}

func TestAnotherRunSinceTheStateWasLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		a, b := newRecorder(t, store, filepath.Join(dir, "a")), newRecorder(t, store, filepath.Join(dir, "b"))
		if _, err := a.LoadState(t.Context(), prov); err != nil {
			t.Fatal(err)
		}
		if _, err := (&runner{recorder: b, aws: &directory{}}).run(t.Context(), "run-b", "u-1"); err != nil {
			t.Fatal(err)
		}
		if err := a.BeginRun(t.Context(), intentOf("run-a", 1)); !errors.Is(err, reconcile.ErrLeased) ||
			!strings.Contains(err.Error(), "run-b") {
			t.Errorf("BeginRun on an old state: %v", err)
		}
		if _, err := os.Stat(a.journalPath(prov)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the journal is left: %v", err)
		}
	})
}

func TestManyProvisionersShareABranch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				name := fmt.Sprint("p-", i)
				b := newRecorder(t, store, filepath.Join(dir, name))
				for n := range 5 {
					if _, err := b.LoadState(t.Context(), name); err != nil {
						t.Error(err)
						return
					}
					in := intentOf(fmt.Sprint(name, n), 1)
					in.Provisioner = name
					if err := b.BeginRun(t.Context(), in); err != nil {
						t.Error(err)
						return
					}
					r := testReport(in.Run, reconcile.RunApplied, nil)
					r.Provisioner = name
					if _, err := b.CommitReport(t.Context(), reconcile.RunRecord{Report: r,
						Ledger: reconcile.NewLedger(), Status: statusOf(r, nil)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		if got := len(store.messages()); got != 80 {
			t.Errorf("there are %d commits, want 80", got)
		}
		for i := range 8 {
			proof, err := Verify(context.Background(), VerifyInput{Provisioner: fmt.Sprint("p-", i),
				Files: store.files()})
			if err != nil || proof.VerifiedReports != 5 || proof.Err() != nil {
				t.Errorf("%+v, %v", proof, err)
			}
		}
	})
}

// publishedUnnoticed loses the answer to a commit, and fails until all attempts to publish the
// intent have failed. After that, the branch can be read.
func publishedUnnoticed() func(op string, after bool) error {
	failures := 0
	return func(op string, after bool) error {
		lost := op == "commit" && after
		if lost || failures > 0 && failures < maxFailedAttempts && op == "head" {
			failures++
			return errDown
		}
		return nil
	}
}

func TestIntentsThatCannotBePublished(t *testing.T) {
	for _, row := range []struct {
		name        string
		fault       func(op string, after bool) error
		journal, ok bool
	}{
		{"a refusal leaves no run", func(op string, after bool) error {
			if op == "commit" && !after {
				return errRefused
			}
			return nil
		}, false, false},
		{"a lost answer is looked up", failOnce("commit", true), false, true},
		{"a commit on a stale branch is rebuilt", failOnceWith("commit", false, ErrStale), false, true},
		{"a lost connection leaves the journal", failFrom("commit", true), true, false},
		{"an intent that turns out to be published leaves the journal", publishedUnnoticed(), true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memStore{}
				b := newRecorder(t, store, stateDir(t))
				if _, err := b.LoadState(t.Context(), prov); err != nil {
					t.Fatal(err)
				}
				store.setFault(row.fault)
				err := b.BeginRun(t.Context(), intentOf("run-1", 1))
				store.setFault(nil)
				if (err == nil) != row.ok {
					t.Fatalf("the intent: %v", err)
				}
				if row.ok {
					if err := beginWrite(b, "run-1", 1); err != nil {
						t.Error(err)
					}
					return
				}
				if err := beginWrite(b, "run-1", 1); err == nil {
					t.Error("a write began without an intent")
				}
				state, err := b.LoadState(t.Context(), prov)
				if err != nil || (state.Interrupted != nil) != row.journal || len(state.OpenIntents) != 0 {
					t.Errorf("state is %+v, %v", state, err)
				}
			})
		})
	}
}

// checkChain checks the chain and the order of its runs, oldest first.
func checkChain(t *testing.T, store *memStore, runs ...string) {
	t.Helper()
	proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files(), History: store.history(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.Err(); err != nil {
		t.Error(err)
	}
	var have []string
	for l, err := range Chain(store.files(), prov) {
		if err != nil {
			t.Fatal(err)
		}
		have = append([]string{l.Report.Run}, have...)
	}
	if fmt.Sprint(have) != fmt.Sprint(runs) || proof.VerifiedReports != len(runs) {
		t.Errorf("the chain of %d has the runs %v, want %v", proof.VerifiedReports, have, runs)
	}
}

func TestALeaseFromTheFutureDoesNotCount(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		renewed time.Time
		leased  bool
	}{
		{"renewed a minute ago", now.Add(-time.Minute), true},
		{"renewed by a clock that is ahead", now.Add(time.Minute), true},
		{"renewed in two days", now.AddDate(0, 0, 2), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := &intents{Lease: &lease{Intent: intentOf("other", 1), RenewedAt: tt.renewed,
				ExpiresAt: tt.renewed.Add(2 * time.Minute)}}
			if err := in.checkLease(claim{run: "mine"}, now); errors.Is(err, reconcile.ErrLeased) != tt.leased {
				t.Errorf("got %v", err)
			}
		})
	}
}
