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

// machine is a host with processes that crash.
type machine struct {
	t     *testing.T
	store inspectableStore
	dir   string
	aws   *directory
}

// inspectableStore is a Store with a history that tests read.
type inspectableStore interface {
	Store
	history(t testing.TB) iter.Seq2[BranchCommit, error]
}

// files are the files at the head of the branch.
func (m *machine) files() fs.FS {
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

// crashed is the panic of a simulated crash.
type crashed struct{ point string }

// runProcess does a step in a new process. With dieAt above 0, the process crashes at that point.
// It returns the name of the point, or "" if the step has fewer points.
func (m *machine) runProcess(dieAt int, step func(*runner) error) (point string, err error) {
	b := newRecorder(m.t, m.store, m.dir)
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
	return "", step(&runner{recorder: b, aws: m.aws})
}

// checkConverged checks the state after a recovery: each write is in a report and in the ledger,
// the chain verifies, and there is no open run.
func (m *machine) checkConverged() {
	m.t.Helper()
	files := m.files()
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
	for _, w := range m.aws.writes {
		if !reported[w] {
			m.t.Errorf("%q was written, but no report has it; the chain has %v", w, runs)
		}
	}
	entries, err := (&ledgerCache{}).read(files, prov)
	if err != nil {
		m.t.Fatal(err)
	}
	for key, id := range m.aws.users {
		if entries.ledger.Users[key].ID != id {
			m.t.Errorf("the ledger has lost %s", key)
		}
	}
	if _, err := fs.Stat(files, intentsPath(prov)); !errors.Is(err, fs.ErrNotExist) {
		m.t.Errorf("an intent is left: %v", err)
	}
	for _, dir := range []string{"journal", "pending"} {
		left, err := os.ReadDir(filepath.Join(m.dir, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
			m.t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
	state, err := newRecorder(m.t, m.store, m.dir).LoadState(m.t.Context(), prov)
	if err != nil || state.Interrupted != nil || len(state.OpenIntents) != 0 ||
		state.Trust.Level != reconcile.TrustProved {
		m.t.Errorf("state is %+v, %v", state, err)
	}
}

func (m *machine) firstRun(r *runner) error {
	_, err := r.run(m.t.Context(), "run-1", "u-1")
	return err
}

func (m *machine) secondRun(r *runner) error {
	_, err := r.run(m.t.Context(), "run-2", "u-2", "u-3")
	return err
}

func (m *machine) thirdRun(r *runner) error {
	_, err := r.run(m.t.Context(), "run-3", "u-4")
	return err
}

// A process may crash at any point of its first run or of a later one. The next process completes
// the report first.
func TestACrashAtEachPointLosesNothing(t *testing.T) {
	for _, later := range []bool{false, true} {
		var points []string
		for dieAt := 1; ; dieAt++ {
			var point string
			synctest.Test(t, func(t *testing.T) {
				m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
				if later {
					if _, err := m.runProcess(0, m.firstRun); err != nil {
						t.Fatal(err)
					}
				}
				var err error
				if point, err = m.runProcess(dieAt, m.secondRun); err != nil {
					t.Fatal(err)
				}
				if _, err := m.runProcess(0, m.thirdRun); err != nil {
					t.Fatalf("the run after a crash at %q (%d): %v", point, dieAt, err)
				}
				m.checkConverged()
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

// The process that recovers from a crash may crash too.
func TestACrashWhileRecoveringFromACrashLosesNothing(t *testing.T) {
	for first, done := 1, false; !done; first++ {
		for second := 1; ; second++ {
			var died [2]string
			synctest.Test(t, func(t *testing.T) {
				m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
				var err error
				if died[0], err = m.runProcess(first, m.secondRun); err != nil {
					t.Fatal(err)
				}
				died[1], err = m.runProcess(second, func(r *runner) error {
					_, err := r.recover(t.Context())
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err = m.runProcess(0, m.thirdRun); err != nil {
					t.Fatal(err)
				}
				m.checkConverged()
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

// The store may fail at any call of a run: before it has an effect, or after it; once, for an hour,
// or by refusing commits.
func TestAStoreThatFailsAtEachCallLosesNothing(t *testing.T) {
	for _, mode := range []string{"once", "for an hour", "refuses commits"} {
		for _, after := range []bool{false, true} {
			for failAt := 1; failAt < 100; failAt++ {
				reached := false
				synctest.Test(t, func(t *testing.T) {
					store := &memStore{}
					m := &machine{t: t, store: store, dir: stateDir(t), aws: &directory{}}
					if _, err := m.runProcess(0, m.firstRun); err != nil {
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
					_, _ = m.runProcess(0, m.secondRun)
					wrote := len(m.aws.writes)
					if !reached {
						store.setFault(nil)
					}
					for range 6 { // every ten minutes the daemon tries again
						state, err := m.loadState()
						if err == nil && state.Status.Run == "run-1" && len(m.aws.writes) > 1 {
							t.Errorf("LoadState succeeded without the report of the writes")
						}
						time.Sleep(10 * time.Minute)
					}
					time.Sleep(10 * time.Minute)
					if len(m.aws.writes) != wrote {
						t.Errorf("the run wrote although it could not publish")
					}
					if _, err := m.runProcess(0, m.thirdRun); err != nil {
						t.Fatalf("after the store recovered: %v", err)
					}
					m.checkConverged()
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

// loadState loads the state in a new process, which publishes pending reports.
func (m *machine) loadState() (state *reconcile.AuditState, err error) {
	_, _ = m.runProcess(0, func(r *runner) error {
		state, err = r.recover(context.WithoutCancel(m.t.Context()))
		return err
	})
	return state, err
}

func TestAFullDiskPreventsARun(t *testing.T) {
	for _, dir := range []string{"lock", "journal"} {
		synctest.Test(t, func(t *testing.T) {
			store := &memStore{}
			m := &machine{t: t, store: store, dir: stateDir(t), aws: &directory{}}
			blocked := filepath.Join(m.dir, dir)
			if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where a folder should be
				t.Fatal(err)
			}
			if _, err := m.runProcess(0, m.secondRun); err == nil {
				t.Errorf("%s cannot be written, but the run continued", dir)
			}
			if len(m.aws.writes) > 0 || len(store.messages()) > 0 {
				t.Errorf("it wrote %v and committed %v", m.aws.writes, store.messages())
			}
			if err := os.Remove(blocked); err != nil {
				t.Fatal(err)
			}
			if _, err := m.runProcess(0, m.secondRun); err != nil {
				t.Error(err)
			}
			m.checkConverged()
		})
	}
}

func TestADiskErrorDuringARunStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		_, err := m.runProcess(0, func(r *runner) error {
			n := 0
			r.recorder.crash = func(at string) {
				if at == "before an entry begins" {
					if n++; n == 2 {
						r.recorder.openRun(prov).journal.f.Close()
					}
				}
			}
			return m.secondRun(r)
		})
		if err == nil || len(m.aws.writes) != 1 {
			t.Errorf("the run wrote %v: %v", m.aws.writes, err)
		}
		if _, err := m.runProcess(0, m.thirdRun); err != nil {
			t.Fatal(err)
		}
		m.checkConverged()
	})
}

func TestCrashPointsHaveNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		var points []string
		_, err := m.runProcess(0, func(r *runner) error {
			r.recorder.crash = func(at string) { points = append(points, at) }
			return m.secondRun(r)
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
