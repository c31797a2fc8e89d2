package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// outage makes a store unreachable, and a recorder go on with what it knows.
func outage(s *memStore, r *Recorder) (end func()) {
	s.setFault(func(op string, _ bool) error {
		if op == "head" || op == "commit" {
			return errDown
		}
		return nil
	})
	known := s.head
	r.Known = func(context.Context) (string, error) {
		if known == "" {
			return "", errors.New("never read")
		}
		return known, nil
	}
	return func() { s.setFault(nil) }
}

// runsOf returns the runs of the reports on the branch, the oldest first. The chain must verify.
func runsOf(t *testing.T, s *memStore) []string {
	t.Helper()
	var out []string
	for l, err := range Chain(s.files(), prov) {
		if err != nil || l.Problem != "" {
			t.Fatalf("the chain has the problem %q, %v", l.Problem, err)
		}
		out = append(out, l.Report.Run)
	}
	slices.Reverse(out)
	return out
}

func wantRunsOf(t *testing.T, s *memStore, want ...string) {
	t.Helper()
	if have := runsOf(t, s); !slices.Equal(have, want) {
		t.Errorf("the branch has the reports of %q, want %q", have, want)
	}
}

func TestRunsDuringAnOutageAreReportedInTheirOrderAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, t.TempDir()
		r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		end := outage(store, r.recorder)
		for n := 2; n <= 4; n++ {
			time.Sleep(time.Minute)
			receipt, err := r.run(t.Context(), fmt.Sprint("run-", n), fmt.Sprint("u-", n))
			if err != nil || !receipt.Queued || receipt.Commit != "" {
				t.Fatalf("run %d: %+v, %v; want a queued report", n, receipt, err)
			}
		}
		state, err := r.recorder.LoadState(t.Context(), prov)
		if err != nil || state.Unreachable == "" || len(state.Ledger.Users) != 4 || state.Status.Run != "run-4" {
			t.Fatalf("during the outage the state is %+v, %v; want what the runs left", state, err)
		}
		wantRunsOf(t, store, "run-1")

		end()
		state, err = r.recorder.LoadState(t.Context(), prov)
		if err != nil || state.Unreachable != "" || len(state.Ledger.Users) != 4 {
			t.Fatalf("after the outage the state is %+v, %v", state, err)
		}
		if state.Trust.Level != reconcile.TrustProved {
			t.Errorf("the branch is %s: %s", state.Trust.Level, state.Trust.Reason)
		}
		wantRunsOf(t, store, "run-1", "run-2", "run-3", "run-4")
		if _, err := r.run(t.Context(), "run-5", "u-5"); err != nil {
			t.Fatal(err)
		}
		wantRunsOf(t, store, "run-1", "run-2", "run-3", "run-4", "run-5")
	})
}

// A report that could not be published when the outage began comes before those of the outage.
func TestAPendingReportComesBeforeThoseOfTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, t.TempDir()
		r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		commits := 0
		store.setFault(func(op string, after bool) error {
			if op == "commit" && !after {
				commits++
			}
			if commits > 1 { // from after the intent
				return errDown
			}
			return nil
		})
		if _, err := r.run(t.Context(), "run-2", "u-2"); !errors.Is(err, reconcile.ErrUnreachable) {
			t.Fatalf("the run ended with %v, want ErrUnreachable", err)
		}
		end := outage(store, r.recorder)
		if _, err := r.run(t.Context(), "run-3", "u-3"); err != nil {
			t.Fatal(err)
		}
		end()
		if _, err := r.recorder.LoadState(t.Context(), prov); err != nil {
			t.Fatal(err)
		}
		wantRunsOf(t, store, "run-1", "run-2", "run-3")
	})
}

// A process that dies during an outage leaves a journal whose intent is not on the branch.
func TestAKilledRunOfAnOutageIsCompleted(t *testing.T) {
	for _, during := range []bool{true, false} {
		t.Run(fmt.Sprintf("completed during the outage: %t", during), func(t *testing.T) {
			store, dir := &memStore{}, t.TempDir()
			r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}}
			if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
				t.Fatal(err)
			}
			end := outage(store, r.recorder)
			if _, err := r.recorder.LoadState(t.Context(), prov); err != nil {
				t.Fatal(err)
			}
			if err := r.recorder.BeginRun(t.Context(), intentOf("run-2", 1)); err != nil {
				t.Fatal(err)
			}
			d := reconcile.Done{Change: &reconcile.Change{Kind: reconcile.CreateUser, Key: "u-2"}}
			err := r.recorder.BeginWrites(reconcile.Entry{Run: "run-2", Provisioner: prov, Seq: 1,
				Changes: []reconcile.Done{d}})
			if err != nil {
				t.Fatal(err)
			}
			r.aws.create("run-2", "u-2")
			r.recorder.Close() // as if the process had died
			r = &runner{recorder: newRecorder(t, store, dir), aws: r.aws}
			if !during {
				end()
			} else {
				end = outage(store, r.recorder)
			}
			state, err := r.recover(t.Context())
			if err != nil || len(state.Ledger.Users) != 2 {
				t.Fatalf("the state is %+v, %v", state, err)
			}
			end()
			if _, err := r.recorder.LoadState(t.Context(), prov); err != nil {
				t.Fatal(err)
			}
			wantRunsOf(t, store, "run-1", "run-2")
		})
	}
}

func TestNoRunBeginsDuringAnOutageWhileAnotherMachineHasTheLease(t *testing.T) {
	store := &memStore{}
	here := &runner{recorder: newRecorder(t, store, t.TempDir()), aws: &directory{}}
	if _, err := here.run(t.Context(), "run-1", "u-1"); err != nil {
		t.Fatal(err)
	}
	there := newRecorder(t, store, t.TempDir())
	if _, err := there.LoadState(t.Context(), prov); err != nil {
		t.Fatal(err)
	}
	if err := there.BeginRun(t.Context(), intentOf("run-2", 1)); err != nil {
		t.Fatal(err)
	}
	defer outage(store, here.recorder)()
	if _, err := here.run(t.Context(), "run-3", "u-3"); !errors.Is(err, reconcile.ErrLeased) {
		t.Errorf("the run ended with %v, want ErrLeased", err)
	}
	if _, err := os.Stat(here.recorder.journalPath(prov)); err == nil {
		t.Error("the refused run left a journal")
	}
}

// While the branch is out of reach, there are no leases. Then only the process that wrote last goes
// on, however long the outage lasts, so that there is one writer.
func TestOnlyTheLastWriterGoesOnDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, aws := &memStore{}, &directory{}
		var runners []*runner
		for _, holder := range []string{"a", "b"} {
			r := newRecorder(t, store, t.TempDir())
			r.Holder = holder
			runners = append(runners, &runner{recorder: r, aws: aws})
		}
		mayGoOn := func(r *runner, run string) bool {
			t.Helper()
			_, err := r.run(t.Context(), run, "u-"+run)
			var leased *reconcile.LeaseError
			if err != nil && (!errors.As(err, &leased) || !leased.OutOfReach) {
				t.Fatalf("run %s: %v", run, err)
			}
			state, loadErr := r.recorder.LoadState(t.Context(), prov)
			if loadErr != nil || (state.Leased != nil) != (err != nil) {
				t.Fatalf("after run %s: %v; the state says %v, the run %v", run, loadErr, state.Leased, err)
			}
			return err == nil
		}
		for n, last := range []int{0, 1, 0} { // each of them writes last
			for _, r := range []int{1 - last, last} {
				if !mayGoOn(runners[r], fmt.Sprintf("up-%d-%d", n, r)) {
					t.Fatal("a run is refused while the branch answers")
				}
			}
			// The other process has read what the last one wrote.
			if _, err := runners[1-last].recorder.LoadState(t.Context(), prov); err != nil {
				t.Fatal(err)
			}
			end := outage(store, runners[0].recorder)
			runners[1].recorder.Known = runners[0].recorder.Known
			for range 3 {
				for r := range runners {
					run := fmt.Sprintf("down-%d-%d-%d", n, r, time.Now().Unix())
					if may := mayGoOn(runners[r], run); may != (r == last) {
						t.Errorf("process %d may write: %v; process %d wrote last", r, may, last)
					}
				}
				time.Sleep(time.Hour)
			}
			end()
			for _, r := range runners {
				if _, err := r.recorder.LoadState(t.Context(), prov); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestNothingIsKnownOfABranchThatWasNeverRead(t *testing.T) {
	store := &memStore{}
	r := newRecorder(t, store, t.TempDir())
	defer outage(store, r)()
	if state, err := r.LoadState(t.Context(), prov); !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("the state is %+v, %v; want ErrUnreachable", state, err)
	}
}

func TestRunsThatDoNothingDuringAnOutageAreCounted(t *testing.T) {
	store := &memStore{}
	r := &runner{recorder: newRecorder(t, store, t.TempDir()), aws: &directory{}}
	if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
		t.Fatal(err)
	}
	end := outage(store, r.recorder)
	for n := 2; n <= 6; n++ {
		_, err := r.reportWithoutWrites(t.Context(), fmt.Sprint("run-", n), reconcile.RunHeld, "sha256:held")
		if err != nil {
			t.Fatal(err)
		}
	}
	end()
	if _, err := r.recorder.LoadState(t.Context(), prov); err != nil {
		t.Fatal(err)
	}
	wantRunsOf(t, store, "run-1", "run-2")
	for l := range Chain(store.files(), prov) {
		if l.Report.Run == "run-2" && l.Report.Repeats != 4 {
			t.Errorf("the report counts %d further runs, want 4", l.Report.Repeats)
		}
	}
}
