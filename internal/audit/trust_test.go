package audit

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// distrustOf is what a new process on the state directory says of the branch.
func distrustOf(t *testing.T, store Store, dir string) string {
	t.Helper()
	past, err := newBook(t, store, dir).LoadState(t.Context(), prov)
	if err != nil {
		t.Fatal(err)
	}
	return past.DistrustReason
}

// forgery puts somebody's account into the ledger.
func forgery(t *testing.T, s *memStore) {
	t.Helper()
	content, err := encode(&shard{Version: 1, Users: map[string]reconcile.Owned{"mallory": {ID: "id-admin"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.commit(s.head, map[string][]byte{shardPath(prov, "mallory"): content}, "forged",
		time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestTrustInTheBranch(t *testing.T) {
	back := func(s *memStore, n int) {
		for range n {
			s.head = s.commits[s.head].parent
		}
	}
	for _, row := range []struct {
		name string
		do   func(t *testing.T, s *memStore, dir string)
		why  string // "": trusted
	}{
		{"what we left ourselves", func(*testing.T, *memStore, string) {}, ""},
		{"other provisioners' commits on top", func(t *testing.T, s *memStore, _ string) {
			if _, err := s.commit(s.head, map[string][]byte{"status/other.json": []byte("{}")}, "other",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"a branch that was rewound", func(_ *testing.T, s *memStore, _ string) { back(s, 1) }, "rewound or rewritten"},
		{"a branch that is gone", func(_ *testing.T, s *memStore, _ string) { back(s, 6) }, "rewound or rewritten"},
		{"a branch with another history", func(t *testing.T, s *memStore, _ string) {
			files := maps.Clone(s.commits[s.head].files)
			s.head = ""
			if _, err := s.commit("", files, "again", time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "rewound or rewritten"},
		{"a forged ledger on top", func(t *testing.T, s *memStore, _ string) { forgery(t, s) }, "was changed since"},
		{"a run of another machine", func(t *testing.T, s *memStore, dir string) {
			if _, err := (&runner{book: newBook(t, s, dir+"-other"), aws: &directory{}}).run(t.Context(), "run-other",
				"u-9"); err != nil {
				t.Fatal(err)
			}
		}, "was changed since"},
		{"a status set back", func(t *testing.T, s *memStore, _ string) {
			old := s.commits[s.commits[s.commits[s.head].parent].parent].files[statusPath(prov)]
			if _, err := s.commit(s.head, map[string][]byte{statusPath(prov): old}, "set back",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "was changed since"},
		{"a report changed", func(t *testing.T, s *memStore, _ string) {
			status, err := readStatus(s.now(), prov)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.commit(s.head, map[string][]byte{status.Report.Path: []byte("{}")}, "changed",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "was changed after it was written"},
		{"a report removed", func(t *testing.T, s *memStore, _ string) {
			status, err := readStatus(s.now(), prov)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.commit(s.head, map[string][]byte{status.Report.Path: nil}, "removed",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "does not exist"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, filepath.Join(stateDir(t), "state")
				r := &runner{book: newBook(t, store, dir), aws: &directory{}}
				for _, run := range []string{"run-1", "run-2", "run-3"} {
					if _, err := r.run(t.Context(), run, "u-"+run); err != nil {
						t.Fatal(err)
					}
				}
				row.do(t, store, dir)
				got := distrustOf(t, store, dir)
				if row.why == "" && got != "" || !strings.Contains(got, row.why) {
					t.Errorf("distrust is %q, want %q", got, row.why)
				}
				if again := distrustOf(t, store, dir); again != got {
					t.Errorf("looking twice: %q, then %q", got, again)
				}
			})
		})
	}
}

// Distrust does not wear off by running: only a word of somebody ends it.
func TestDistrustLastsUntilSomebodyApproves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		if _, err := (&runner{book: newBook(t, store, filepath.Join(dir, "old")), aws: &directory{}}).run(t.Context(),
			"run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		here := filepath.Join(dir, "new")
		r := &runner{book: newBook(t, store, here), aws: &directory{}}
		for _, run := range []string{"run-2", "run-3"} {
			if got := distrustOf(t, store, here); !strings.Contains(got, "has no record") {
				t.Errorf("before %s: %q", run, got)
			}
			if _, err := r.run(t.Context(), run, "u-"+run); err != nil {
				t.Fatal(err)
			}
		}
		if got := distrustOf(t, store, here); got == "" {
			t.Error("distrust wore off by running")
		}
		r.trust = true
		if _, err := r.run(t.Context(), "run-4", "u-4"); err != nil {
			t.Fatal(err)
		}
		if got := distrustOf(t, store, here); got != "" {
			t.Errorf("after an approval: %q", got)
		}
		r.trust = false
		if _, err := r.run(t.Context(), "run-5", "u-5"); err != nil {
			t.Fatal(err)
		}
		if got := distrustOf(t, store, here); got != "" {
			t.Errorf("after a later run: %q", got)
		}
	})
}

// An approval is for what was seen. What slips in while the run lasts is not.
func TestAForgeryDuringARunIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := &runner{book: newBook(t, store, dir), aws: &directory{}, trust: true}
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		store.setFault(func(op string, after bool) error {
			if op != "commit" || after {
				return nil
			}
			store.setFault(nil)
			content, err := encode(&shard{Version: 1, Users: map[string]reconcile.Owned{"mallory": {ID: "id-admin"}}})
			if err == nil {
				_, err = store.commit(store.head, map[string][]byte{shardPath(prov, "mallory"): content}, "forged",
					time.Now())
			}
			return errors.Join(err, ErrStale)
		})
		if _, err := r.run(t.Context(), "run-2", "u-2"); err != nil {
			t.Fatal(err)
		}
		if got := distrustOf(t, store, dir); !strings.Contains(got, "was changed since") {
			t.Errorf("distrust is %q", got)
		}
	})
}

func TestSignaturesStandInForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		signed := func(b *Recorder, bad string) *Recorder {
			b.CheckSignatures = func(ctx context.Context, since, head string) error {
				for at := head; at != since && at != ""; at = store.commits[at].parent {
					if strings.Contains(store.commits[at].message, "forged") {
						return errors.New("commit " + at + " " + bad)
					}
				}
				return nil
			}
			return b
		}
		for _, name := range []string{"a", "b", "a", "c"} { // machines take turns
			past, err := signed(newBook(t, store, filepath.Join(dir, name)), "").LoadState(t.Context(), prov)
			if err != nil || past.DistrustReason != "" {
				t.Errorf("machine %s: %q, %v", name, past.DistrustReason, err)
			}
			r := &runner{book: signed(newBook(t, store, filepath.Join(dir, name)), ""), aws: &directory{}}
			if _, err := r.run(t.Context(), "run-"+time.Now().String(), "u-1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if _, err := store.commit(store.head, map[string][]byte{shardPath(prov, "mallory"): nil, "x": {}}, "forged",
			time.Now()); err != nil {
			t.Fatal(err)
		}
		here := filepath.Join(dir, "a")
		for range 2 { // our own signed commit on top does not heal it
			past, err := signed(newBook(t, store, here), "is not signed").LoadState(t.Context(), prov)
			if err != nil || !strings.Contains(past.DistrustReason, "is not signed") {
				t.Errorf("distrust is %q, %v", past.DistrustReason, err)
			}
			if _, err := (&runner{book: signed(newBook(t, store, here), "is not signed"),
				aws: &directory{}}).run(t.Context(), "run-"+time.Now().String(), "u-1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		r := &runner{book: signed(newBook(t, store, here), "is not signed"), aws: &directory{}, trust: true}
		if _, err := r.run(t.Context(), "run-approved", "u-1"); err != nil {
			t.Fatal(err)
		}
		past, err := signed(newBook(t, store, here), "is not signed").LoadState(t.Context(), prov)
		if err != nil || past.DistrustReason != "" {
			t.Errorf("after an approval: %q, %v", past.DistrustReason, err)
		}
	})
}

func TestAReaderChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		b := newBook(t, store, filepath.Join(dir, "a"))
		if _, err := (&runner{book: b, aws: &directory{}}).run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		commits := len(store.messages())
		reader := newBook(t, store, filepath.Join(dir, "nowhere")).Reader()
		past, err := reader.LoadState(t.Context(), prov)
		if err != nil || past.Status.Run != "run-1" || past.DistrustReason == "" {
			t.Errorf("past is %+v, %v", past, err)
		}
		report := testReport("run-2", reconcile.RunHeld, nil)
		if _, err := reader.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: past.Ledger,
			Status: statusOf(report, nil)}); !errors.Is(err, errReadOnly) {
			t.Errorf("concluding: %v", err)
		}
		if err := reader.BeginRun(t.Context(), intentOf("run-2", 1)); !errors.Is(err, errReadOnly) {
			t.Errorf("intending: %v", err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "nowhere", "*")); len(left) > 0 ||
			len(store.messages()) != commits {
			t.Errorf("it left %v and %d commits", left, len(store.messages())-commits)
		}
	})
}
