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
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func begin(b *Recorder, run string, seq int) error {
	return b.BeginWrite(reconcile.Entry{Run: run, Provisioner: prov, Seq: seq,
		Changes: []reconcile.Done{{Change: reconcile.Change{Kind: reconcile.CreateUser, Key: fmt.Sprint("u-", seq)}}}})
}

// intend reads the past and begins a run.
func intend(t *testing.T, b *Recorder, run string) error {
	t.Helper()
	if _, err := b.LoadState(t.Context(), prov); err != nil {
		t.Fatal(err)
	}
	return b.BeginRun(t.Context(), intentOf(run, 3))
}

func TestALiveLeaseKeepsOthersAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		dir := stateDir(t)
		a, b := newBook(t, store, filepath.Join(dir, "alpha")), newBook(t, store, filepath.Join(dir, "beta"))
		if err := intend(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		err := intend(t, b, "run-b")
		var leased *LeaseError
		if !errors.Is(err, reconcile.ErrLeased) || !errors.As(err, &leased) {
			t.Fatalf("the second run: %v", err)
		}
		if leased.Run != "run-a" || leased.Host != "alpha" || !leased.Since.Equal(time.Now()) ||
			leased.Until.Sub(leased.Since) != 15*time.Minute {
			t.Errorf("the holder is %+v", leased)
		}
		for _, want := range []string{"run-a", "alpha", "2000-01-01T00:00:00Z", "2000-01-01T00:15:00Z"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not say %q: %v", want, err)
			}
		}
		past, err := b.LoadState(t.Context(), prov)
		if err != nil || past.OpenIntent == nil || past.OpenIntent.Run != "run-a" || past.Interrupted != nil {
			t.Errorf("past is %+v, %v", past, err)
		}
		if _, err := (&runner{book: b, aws: &directory{}}).say(t.Context(), "run-c", reconcile.RunHeld,
			"d"); !errors.Is(err, reconcile.ErrLeased) {
			t.Errorf("a run without writes: %v", err)
		}
		if past, err = b.LoadState(t.Context(), prov); err != nil || past.Status != nil {
			t.Errorf("it left %+v, %v", past, err)
		}
	})
}

func TestALeaseIsRenewedWhileTheRunLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		dir := stateDir(t)
		a, b := newBook(t, store, filepath.Join(dir, "alpha")), newBook(t, store, filepath.Join(dir, "beta"))
		if err := intend(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if err := begin(a, "run-a", i+1); err != nil {
				t.Fatalf("after %d minutes: %v", 10*(i+1), err)
			}
			if err := intend(t, b, "run-b"); !errors.Is(err, reconcile.ErrLeased) {
				t.Fatalf("after %d minutes another run: %v", 10*(i+1), err)
			}
		}
		if got, want := len(store.messages()), 1+12; got != want {
			t.Errorf("there are %d commits, want %d: one intent and one renewal each 5 minutes", got, want)
		}
	})
}

func TestADeadLeaseIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		dir := stateDir(t)
		a, b := newBook(t, store, filepath.Join(dir, "alpha")), newBook(t, store, filepath.Join(dir, "beta"))
		if err := intend(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		if err := begin(a, "run-a", 1); err != nil {
			t.Fatal(err)
		}
		a.Close() // the machine is gone
		time.Sleep(15*time.Minute - time.Second)
		if err := intend(t, b, "run-b"); !errors.Is(err, reconcile.ErrLeased) {
			t.Fatalf("a second too early: %v", err)
		}
		time.Sleep(time.Second)
		if err := intend(t, b, "run-b"); err != nil {
			t.Fatalf("after the lease: %v", err)
		}
		past, err := b.Reader().LoadState(t.Context(), prov)
		if err != nil || past.OpenIntent == nil || past.OpenIntent.Run != "run-a" {
			t.Errorf("the abandoned run is not open: %+v, %v", past, err)
		}
		// The machine comes back with its journal: its report comes late, but comes.
		r := testReport("run-b", reconcile.RunHeld, nil)
		if _, err := b.CommitReport(t.Context(), reconcile.RunRecord{Report: r, Ledger: reconcile.NewLedger(),
			Status: statusOf(r, nil)}); err != nil {
			t.Fatal(err)
		}
		back := newBook(t, store, filepath.Join(dir, "alpha"))
		past, err = (&runner{book: back, aws: &directory{}}).recover(t.Context())
		if err != nil || past.Status.Run != "run-a" || past.Interrupted != nil || past.OpenIntent != nil {
			t.Errorf("after it came back: %+v, %v", past, err)
		}
		proveChain(t, store, "run-b", "run-a")
	})
}

func TestAHolderThatCannotRenewStopsBeforeOthersBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		a := newBook(t, store, stateDir(t))
		if err := intend(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		store.setFault(func(string, bool) error { return errDown })
		time.Sleep(13 * time.Minute)
		if err := begin(a, "run-a", 1); err != nil {
			t.Errorf("while the lease lasts: %v", err)
		}
		time.Sleep(time.Minute)
		if err := begin(a, "run-a", 2); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("a minute before the end: %v", err)
		}
		if err := a.EndWrite(reconcile.Entry{Run: "run-a", Provisioner: prov, Seq: 1}); !errors.Is(err,
			reconcile.ErrLeaseLost) {
			t.Errorf("the end of a write: %v", err)
		}
		store.setFault(nil)
		time.Sleep(time.Hour)
		if err := begin(a, "run-a", 3); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("a lost lease came back: %v", err)
		}
		cut, err := readJournal(a.journalPath(prov))
		if err != nil || len(cut.Entries) != 2 || !cut.Entries[1].Ended {
			t.Errorf("the journal has %+v, %v", cut, err)
		}
	})
}

func TestAHolderFindsThatItWasTakenOver(t *testing.T) {
	for _, row := range []struct {
		name   string
		other  *intents
		reason string
	}{
		{"by another run", &intents{Version: 1, Lease: &lease{Intent: reconcile.Intent{Run: "run-b", Host: "beta"}}},
			"run-b on beta"},
		{"by somebody who removed the intent", nil, "no longer on the audit branch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memStore{}
				a := newBook(t, store, stateDir(t))
				if err := intend(t, a, "run-a"); err != nil {
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
				time.Sleep(6 * time.Minute)
				synctest.Wait()
				if err := begin(a, "run-a", 1); !errors.Is(err, reconcile.ErrLeaseLost) ||
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
		a := newBook(t, store, stateDir(t))
		if err := intend(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Minute)
		store.setFault(func(string, bool) error { return errDown })
		time.Sleep(6 * time.Minute)
		store.setFault(nil)
		time.Sleep(time.Hour)
		if err := begin(a, "run-a", 1); err != nil {
			t.Error(err)
		}
	})
}

func TestTheClockCountsNotTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a machine that slept: no timer fired, but the time has passed
		a := newBook(t, &memStore{}, stateDir(t))
		var slept time.Duration
		a.Now = func() time.Time { return time.Now().Add(slept) }
		if err := intend(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		slept = 20 * time.Minute
		if err := begin(a, "run-a", 1); !errors.Is(err, reconcile.ErrLeaseLost) {
			t.Errorf("after sleep: %v", err)
		}
	})
}

func TestTwoProcessesOnOneStateDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		a, b := newBook(t, store, dir), newBook(t, store, dir)
		if err := intend(t, a, "run-a"); err != nil {
			t.Fatal(err)
		}
		past, err := b.LoadState(t.Context(), prov)
		if err != nil || past.Interrupted != nil || past.OpenIntent != nil {
			t.Errorf("the other sees %+v, %v: a run that is alive is neither interrupted nor anybody else's", past, err)
		}
		time.Sleep(time.Hour) // however long
		err = b.BeginRun(t.Context(), intentOf("run-b", 1))
		if !errors.Is(err, reconcile.ErrLeased) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
			t.Errorf("the other's intent: %v", err)
		}
		a.Close()
		if past, err = b.LoadState(t.Context(), prov); err != nil || past.Interrupted == nil ||
			past.Interrupted.Intent.Run != "run-a" {
			t.Errorf("after the first is gone: %+v, %v", past, err)
		}
	})
}

func TestAnotherRunSinceThePastWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		a, b := newBook(t, store, filepath.Join(dir, "a")), newBook(t, store, filepath.Join(dir, "b"))
		if _, err := a.LoadState(t.Context(), prov); err != nil {
			t.Fatal(err)
		}
		if _, err := (&runner{book: b, aws: &directory{}}).run(t.Context(), "run-b", "u-1"); err != nil {
			t.Fatal(err)
		}
		if err := a.BeginRun(t.Context(), intentOf("run-a", 1)); !errors.Is(err, reconcile.ErrLeased) ||
			!strings.Contains(err.Error(), "run-b") {
			t.Errorf("intending on an old past: %v", err)
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
				b := newBook(t, store, filepath.Join(dir, name))
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
				Files: store.now()})
			if err != nil || proof.VerifiedReports != 5 || proof.Err() != nil {
				t.Errorf("%+v, %v", proof, err)
			}
		}
	})
}

func TestIntentsThatDoNotGetThrough(t *testing.T) {
	for _, row := range []struct {
		name        string
		fault       func(op string, after bool) error
		journal, ok bool
	}{
		{"a refusal leaves nothing", func(op string, after bool) error {
			if op == "commit" && !after {
				return errRefused
			}
			return nil
		}, false, false},
		{"an answer that is lost is looked up", failOnce("commit", true), false, true},
		{"a stale branch is rebuilt on", failOnceWith("commit", false, ErrStale), false, true},
		{"a connection that stays away leaves the journal", failFrom("commit", true), true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memStore{}
				b := newBook(t, store, stateDir(t))
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
					if err := begin(b, "run-1", 1); err != nil {
						t.Error(err)
					}
					return
				}
				if err := begin(b, "run-1", 1); err == nil {
					t.Error("a write could begin without an intent")
				}
				past, err := b.LoadState(t.Context(), prov)
				if err != nil || (past.Interrupted != nil) != row.journal || past.OpenIntent != nil {
					t.Errorf("past is %+v, %v", past, err)
				}
			})
		})
	}
}

func failOnce(op string, after bool) func(string, bool) error {
	return failOnceWith(op, after, errDown)
}

func failOnceWith(op string, after bool, err error) func(string, bool) error {
	var once sync.Once
	return func(have string, at bool) (out error) {
		if have == op && at == after {
			once.Do(func() { out = err })
		}
		return out
	}
}

// failFrom is a store that goes away with a call and stays away.
func failFrom(op string, after bool) func(string, bool) error {
	var mu sync.Mutex
	gone := false
	return func(have string, at bool) error {
		mu.Lock()
		defer mu.Unlock()
		if gone = gone || have == op && at == after; gone {
			return errDown
		}
		return nil
	}
}

// proveChain checks the chain and the order of its runs, oldest first.
func proveChain(t *testing.T, store *memStore, runs ...string) {
	t.Helper()
	proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.now(), History: store.history(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.Err(); err != nil {
		t.Error(err)
	}
	var have []string
	for l, err := range Chain(store.now(), prov) {
		if err != nil {
			t.Fatal(err)
		}
		have = append([]string{l.Report.Run}, have...)
	}
	if fmt.Sprint(have) != fmt.Sprint(runs) || proof.VerifiedReports != len(runs) {
		t.Errorf("the chain of %d has the runs %v, want %v", proof.VerifiedReports, have, runs)
	}
}
