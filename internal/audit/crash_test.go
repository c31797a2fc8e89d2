package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// machine is one host that runs and dies.
type machine struct {
	t     *testing.T
	store branchStore
	dir   string
	aws   *directory
}

// branchStore is a Store that a test looks into.
type branchStore interface {
	Store
	history(t *testing.T) iter.Seq2[BranchCommit, error]
}

// now is the tree of the branch's head.
func (m *machine) now() fs.FS {
	m.t.Helper()
	head, err := m.store.Head(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	files, err := m.store.Files(m.t.Context(), head)
	if err != nil {
		m.t.Fatal(err)
	}
	return files
}

// crashed is what a test's crash panics with.
type crashed struct{ point string }

// live does a step in a new process. With dieAt above 0 the process dies at that
// point of its effects; the name of the point is returned, or "" when the step
// had fewer.
func (m *machine) live(dieAt int, step func(*runner) error) (point string, err error) {
	b := newBook(m.t, m.store, m.dir)
	defer b.Close() // what the kernel does
	if dieAt > 0 {
		n := 0
		b.crash = func(at string) {
			if n++; n == dieAt {
				panic(crashed{at})
			}
		}
	}
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(crashed)
			if !ok {
				panic(r)
			}
			point = c.point
		}
	}()
	return "", step(&runner{book: b, aws: m.aws})
}

// settled asserts all that must hold once the machine had a quiet moment: what
// was written is in a report and in the ledger, the chain holds, nothing is left
// over.
func (m *machine) settled() {
	m.t.Helper()
	files := m.now()
	proof, err := Verify(m.t.Context(), VerifyInput{Provisioner: prov, Files: files, History: m.store.history(m.t)})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := proof.Err(); err != nil {
		m.t.Error(err)
	}
	reported := map[string]bool{}
	var runs []string
	for l, err := range Chain(files, prov) {
		if err != nil {
			m.t.Fatal(err)
		}
		runs = append(runs, l.Report.Run)
		for _, d := range l.Report.Changes {
			if d.Result == reconcile.ResultDone {
				reported[l.Report.Run+" "+d.Key] = true
			}
		}
	}
	if !slices.IsSortedFunc(runs, func(a, b string) int { return strings.Compare(b, a) }) {
		m.t.Errorf("the reports are out of order: %v", runs)
	}
	for _, w := range m.aws.wrote {
		if !reported[w] {
			m.t.Errorf("%q was written, but no report says so; the chain has %v", w, runs)
		}
	}
	kept, err := (&ledgerCache{}).read(files, prov)
	if err != nil {
		m.t.Fatal(err)
	}
	for key, id := range m.aws.users {
		if kept.ledger.Users[key].ID != id {
			m.t.Errorf("the ledger has lost %s", key)
		}
	}
	if _, err := fs.Stat(files, intentsPath(prov)); !errors.Is(err, fs.ErrNotExist) {
		m.t.Errorf("an intent is left over: %v", err)
	}
	for _, dir := range []string{"journal", "pending"} {
		left, err := os.ReadDir(filepath.Join(m.dir, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
			m.t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
	past, err := newBook(m.t, m.store, m.dir).LoadState(m.t.Context(), prov)
	if err != nil || past.Interrupted != nil || past.OpenIntent != nil || past.DistrustReason != "" {
		m.t.Errorf("past is %+v, %v", past, err)
	}
}

func (m *machine) first(r *runner) error {
	_, err := r.run(m.t.Context(), "run-1", "u-1")
	return err
}

func (m *machine) second(r *runner) error {
	_, err := r.run(m.t.Context(), "run-2", "u-2", "u-3")
	return err
}

func (m *machine) third(r *runner) error {
	_, err := r.run(m.t.Context(), "run-3", "u-4")
	return err
}

// A process may die between any two effects of its very first run, or of a later
// one. The next process completes the report before it does anything else.
func TestACrashAtEachPointLosesNothing(t *testing.T) {
	for _, later := range []bool{false, true} {
		var points []string
		for dieAt := 1; ; dieAt++ {
			var point string
			synctest.Test(t, func(t *testing.T) {
				m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
				if later {
					if _, err := m.live(0, m.first); err != nil {
						t.Fatal(err)
					}
				}
				var err error
				if point, err = m.live(dieAt, m.second); err != nil {
					t.Fatal(err)
				}
				if _, err := m.live(0, m.third); err != nil {
					t.Fatalf("the run after a crash at %q (%d): %v", point, dieAt, err)
				}
				m.settled()
				if t.Failed() {
					t.Errorf("... after a crash at %q (%d)", point, dieAt)
				}
			})
			if point == "" {
				break
			}
			points = append(points, point)
		}
		if len(points) < 16 {
			t.Errorf("there are only %d points: %q", len(points), points)
		}
	}
}

// The process that cleans up after a crash may die too.
func TestACrashWhileRecoveringFromACrashLosesNothing(t *testing.T) {
	for first, done := 1, false; !done; first++ {
		for second := 1; ; second++ {
			var died [2]string
			synctest.Test(t, func(t *testing.T) {
				m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
				var err error
				if died[0], err = m.live(first, m.second); err != nil {
					t.Fatal(err)
				}
				died[1], err = m.live(second, func(r *runner) error {
					_, err := r.recover(t.Context())
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err = m.live(0, m.third); err != nil {
					t.Fatal(err)
				}
				m.settled()
				if t.Failed() {
					t.Errorf("... after crashes at %q", died)
				}
			})
			done = done || died[0] == ""
			if died[1] == "" {
				break
			}
		}
	}
}

// The store may fail at any call of a run: before it does anything, or after it
// did without the answer arriving; once, for an hour, or refusing commits only.
func TestAStoreThatFailsAtEachCallLosesNothing(t *testing.T) {
	for _, mode := range []string{"once", "for an hour", "refuses commits"} {
		for _, after := range []bool{false, true} {
			for failAt := 1; failAt < 100; failAt++ {
				reached := false
				synctest.Test(t, func(t *testing.T) {
					store := &memStore{}
					m := &machine{t: t, store: store, dir: stateDir(t), aws: &directory{}}
					if _, err := m.live(0, m.first); err != nil {
						t.Fatal(err)
					}
					since, n := time.Time{}, 0
					store.setFault(func(op string, at bool) error {
						if at == after {
							n++
						}
						if !reached && n == failAt {
							reached, since = true, time.Now()
							return errDown
						}
						switch {
						case !reached || mode == "once" || time.Since(since) > time.Hour:
							return nil
						case mode == "refuses commits" && op != "commit":
							return nil
						}
						return errRefused
					})
					_, _ = m.live(0, m.second)
					wrote := len(m.aws.wrote)
					if !reached {
						store.setFault(nil)
					}
					for range 6 { // every ten minutes the daemon tries again
						past, err := m.past()
						if err == nil && past.Status.Run == "run-1" && len(m.aws.wrote) > 1 {
							t.Errorf("the past was given out without the report of what was written")
						}
						time.Sleep(10 * time.Minute)
					}
					time.Sleep(10 * time.Minute)
					if len(m.aws.wrote) != wrote {
						t.Errorf("something was written meanwhile")
					}
					if _, err := m.live(0, m.third); err != nil {
						t.Fatalf("once the store is back: %v", err)
					}
					m.settled()
					if t.Failed() {
						t.Errorf("... the store failed at call %d, after: %v, %s", failAt, after, mode)
					}
				})
				if !reached {
					break
				}
			}
		}
	}
}

// past is what a process sees that only looks and completes.
func (m *machine) past() (past *reconcile.AuditState, err error) {
	_, _ = m.live(0, func(r *runner) error {
		past, err = r.recover(context.WithoutCancel(m.t.Context()))
		return err
	})
	return past, err
}

func TestAReportThatWaitsIsPublishedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		m := &machine{t: t, store: store, dir: stateDir(t), aws: &directory{}}
		_, err := m.live(0, func(r *runner) error {
			if err := intend(t, r.book, "run-1"); err != nil {
				return err
			}
			if err := begin(r.book, "run-1", 1); err != nil {
				return err
			}
			store.setFault(func(string, bool) error { return errDown })
			report := testReport("run-1", reconcile.RunPartial, nil)
			_, err := r.book.CommitReport(t.Context(), reconcile.RunRecord{Report: report,
				Ledger: reconcile.NewLedger(), Status: statusOf(report, nil)})
			if !errors.Is(err, errDown) {
				t.Errorf("concluding: %v", err)
			}
			if err := begin(r.book, "run-1", 2); err == nil {
				t.Error("a write could begin after the conclusion")
			}
			if _, err := r.book.LoadState(t.Context(), prov); !errors.Is(err, errDown) {
				t.Errorf("past while the store is down: %v", err)
			}
			store.setFault(func(op string, _ bool) error {
				if op == "commit" {
					return errRefused
				}
				return nil
			})
			if _, err := r.book.LoadState(t.Context(), prov); !errors.Is(err, errRefused) ||
				!strings.Contains(err.Error(), "run-1") {
				t.Errorf("past while the store refuses: %v", err)
			}
			if err := r.book.BeginRun(t.Context(), intentOf("run-2", 1)); err == nil {
				t.Error("a new run could begin before the report of the last was published")
			}
			past, err := r.book.Reader().LoadState(t.Context(), prov) // who only looks sees what will be
			if err != nil || past.Status == nil || past.Status.Run != "run-1" || past.OpenIntent != nil ||
				past.Interrupted != nil {
				t.Errorf("a reader sees %+v, %v", past, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		store.setFault(nil)
		past, err := m.past()
		if err != nil || past.Status.Run != "run-1" || past.Interrupted != nil || past.OpenIntent != nil {
			t.Errorf("past is %+v, %v", past, err)
		}
		proveChain(t, store, "run-1")
	})
}

func TestADiskThatTakesNothingStopsARunBeforeItBegins(t *testing.T) {
	for _, dir := range []string{"lock", "journal"} {
		synctest.Test(t, func(t *testing.T) {
			store := &memStore{}
			m := &machine{t: t, store: store, dir: stateDir(t), aws: &directory{}}
			blocked := filepath.Join(m.dir, dir)
			if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where a folder should be
				t.Fatal(err)
			}
			if _, err := m.live(0, m.second); err == nil {
				t.Errorf("%s cannot be written, and the run went on", dir)
			}
			if len(m.aws.wrote) > 0 || len(store.messages()) > 0 {
				t.Errorf("it wrote %v and committed %v", m.aws.wrote, store.messages())
			}
			if err := os.Remove(blocked); err != nil {
				t.Fatal(err)
			}
			if _, err := m.live(0, m.second); err != nil {
				t.Error(err)
			}
			m.settled()
		})
	}
}

func TestADiskThatFailsDuringARunStopsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		_, err := m.live(0, func(r *runner) error {
			n := 0
			r.book.crash = func(at string) {
				if at == "before an entry begins" {
					if n++; n == 2 {
						r.book.openRun(prov).journal.f.Close()
					}
				}
			}
			return m.second(r)
		})
		if err == nil || len(m.aws.wrote) != 1 {
			t.Errorf("the run wrote %v: %v", m.aws.wrote, err)
		}
		if _, err := m.live(0, m.third); err != nil {
			t.Fatal(err)
		}
		m.settled()
	})
}

func TestAConclusionThatCannotBeStoredIsCompletedFromTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		blocked := filepath.Join(m.dir, "pending")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.live(0, m.second); err == nil {
			t.Error("the report was stored in a file that is a folder")
		}
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		if _, err := m.live(0, m.third); err != nil {
			t.Fatal(err)
		}
		m.settled()
	})
}

func TestAnInterruptedRunIsReportedBeforeAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		if _, err := m.live(0, func(r *runner) error { return intend(t, r.book, "run-1") }); err != nil {
			t.Fatal(err)
		}
		_, err := m.live(0, func(r *runner) error {
			past, err := r.book.LoadState(t.Context(), prov)
			if err != nil || past.Interrupted == nil || past.OpenIntent != nil {
				t.Fatalf("past is %+v, %v", past, err)
			}
			if err := r.book.BeginRun(t.Context(), intentOf("run-2", 1)); err == nil ||
				!strings.Contains(err.Error(), "reported first") {
				t.Errorf("a new run: %v", err)
			}
			report := testReport("run-2", reconcile.RunHeld, nil)
			_, err = r.book.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: past.Ledger,
				Status: statusOf(report, nil)})
			if err == nil || !strings.Contains(err.Error(), "run-1") {
				t.Errorf("another conclusion: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestPointsHaveNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		var points []string
		_, err := m.live(0, func(r *runner) error {
			r.book.crash = func(at string) { points = append(points, at) }
			return m.second(r)
		})
		if err != nil {
			t.Fatal(err)
		}
		file := []string{"state file written", "state file synced", "state file renamed"}
		want := []string{"before the journal is created", "journal opened", "journal written", "journal created",
			"intent committed"}
		for range 2 {
			want = append(want, "before an entry begins", "journal written", "entry begun", "before an entry ends",
				"journal written", "entry ended")
		}
		want = slices.Concat(want, []string{"before the report is stored"}, file, []string{"report stored"}, file,
			[]string{"before the report is committed", "report committed"}, file,
			[]string{"local record updated", "journal removed", "pending report removed"})
		if fmt.Sprint(points) != fmt.Sprint(want) {
			t.Errorf("the points are\n%q, want\n%q", points, want)
		}
	})
}
