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

// loadDistrustReason returns why a new process with the state directory does not trust the branch.
func loadDistrustReason(t *testing.T, store Store, dir string) string {
	t.Helper()
	state, err := newRecorder(t, store, dir).LoadState(t.Context(), prov)
	if err != nil {
		t.Fatal(err)
	}
	return state.DistrustReason
}

// forgeLedger commits a ledger entry for the account of another user.
func forgeLedger(t *testing.T, s *memStore) {
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

// rewind moves the branch back by n commits.
func rewind(s *memStore, n int) {
	for range n {
		s.head = s.commits[s.head].parent
	}
}

type trustRow struct {
	name   string
	do     func(t *testing.T, s *memStore, dir string)
	reason string // of the distrust; empty: trusted
}

func trustRows() []trustRow {
	return []trustRow{
		{"as this machine left it", func(*testing.T, *memStore, string) {}, ""},
		{"other provisioners' commits on top", func(t *testing.T, s *memStore, _ string) {
			if _, err := s.commit(s.head, map[string][]byte{"status/other.json": []byte("{}")}, "other",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"a branch that was rewound", func(_ *testing.T, s *memStore, _ string) { rewind(s, 1) },
			"rewound or rewritten"},
		{"a deleted branch", func(_ *testing.T, s *memStore, _ string) { rewind(s, 6) }, "rewound or rewritten"},
		{"a branch with another history", func(t *testing.T, s *memStore, _ string) {
			files := maps.Clone(s.commits[s.head].files)
			s.head = ""
			if _, err := s.commit("", files, "again", time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "rewound or rewritten"},
		{"a forged ledger on top", func(t *testing.T, s *memStore, _ string) { forgeLedger(t, s) },
			"was changed since"},
		{"a run of another machine", func(t *testing.T, s *memStore, dir string) {
			other := &runner{recorder: newRecorder(t, s, dir+"-other"), aws: &directory{}}
			if _, err := other.run(t.Context(), "run-other", "u-9"); err != nil {
				t.Fatal(err)
			}
		}, "was changed since"},
		{"an older status", func(t *testing.T, s *memStore, _ string) {
			old := s.commits[s.commits[s.commits[s.head].parent].parent].files[statusPath(prov)]
			if _, err := s.commit(s.head, map[string][]byte{statusPath(prov): old}, "set back",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "was changed since"},
		{"a report changed", func(t *testing.T, s *memStore, _ string) {
			status, err := readStatus(s.files(), prov)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.commit(s.head, map[string][]byte{status.Report.Path: []byte("{}")}, "changed",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "was changed after it was written"},
		{"a report removed", func(t *testing.T, s *memStore, _ string) {
			status, err := readStatus(s.files(), prov)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.commit(s.head, map[string][]byte{status.Report.Path: nil}, "removed",
				time.Now()); err != nil {
				t.Fatal(err)
			}
		}, "does not exist"},
	}
}

func TestTrustInTheBranch(t *testing.T) {
	for _, row := range trustRows() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, filepath.Join(stateDir(t), "state")
				r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}}
				for _, run := range []string{"run-1", "run-2", "run-3"} {
					if _, err := r.run(t.Context(), run, "u-"+run); err != nil {
						t.Fatal(err)
					}
				}
				row.do(t, store, dir)
				got := loadDistrustReason(t, store, dir)
				if row.reason == "" && got != "" || !strings.Contains(got, row.reason) {
					t.Errorf("distrust is %q, want %q", got, row.reason)
				}
				if again := loadDistrustReason(t, store, dir); again != got {
					t.Errorf("loaded twice: %q, then %q", got, again)
				}
			})
		})
	}
}

// Runs do not end the distrust, only an approval does.
func TestDistrustLastsUntilAnApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		if _, err := (&runner{recorder: newRecorder(t, store, filepath.Join(dir, "old")),
			aws: &directory{}}).run(t.Context(),
			"run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		here := filepath.Join(dir, "new")
		r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
		for _, run := range []string{"run-2", "run-3"} {
			if got := loadDistrustReason(t, store, here); !strings.Contains(got, "has no record") {
				t.Errorf("before %s: %q", run, got)
			}
			if _, err := r.run(t.Context(), run, "u-"+run); err != nil {
				t.Fatal(err)
			}
		}
		if got := loadDistrustReason(t, store, here); got == "" {
			t.Error("runs ended the distrust")
		}
		r.trust = true
		if _, err := r.run(t.Context(), "run-4", "u-4"); err != nil {
			t.Fatal(err)
		}
		if got := loadDistrustReason(t, store, here); got != "" {
			t.Errorf("after an approval: %q", got)
		}
		r.trust = false
		if _, err := r.run(t.Context(), "run-5", "u-5"); err != nil {
			t.Fatal(err)
		}
		if got := loadDistrustReason(t, store, here); got != "" {
			t.Errorf("after a later run: %q", got)
		}
	})
}

// An approval covers the branch as the run found it, not a forgery during the run.
func TestAForgeryDuringARunIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}, trust: true}
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
		if got := loadDistrustReason(t, store, dir); !strings.Contains(got, "was changed since") {
			t.Errorf("distrust is %q", got)
		}
	})
}

func TestSignaturesReplaceTheLocalRecord(t *testing.T) {
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
		for _, name := range []string{"a", "b", "a", "c"} { // the machines alternate
			state, err := signed(newRecorder(t, store, filepath.Join(dir, name)), "").LoadState(t.Context(), prov)
			if err != nil || state.DistrustReason != "" {
				t.Errorf("machine %s: %q, %v", name, state.DistrustReason, err)
			}
			r := &runner{recorder: signed(newRecorder(t, store, filepath.Join(dir, name)), ""), aws: &directory{}}
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
			state, err := signed(newRecorder(t, store, here), "is not signed").LoadState(t.Context(), prov)
			if err != nil || !strings.Contains(state.DistrustReason, "is not signed") {
				t.Errorf("distrust is %q, %v", state.DistrustReason, err)
			}
			if _, err := (&runner{recorder: signed(newRecorder(t, store, here), "is not signed"),
				aws: &directory{}}).run(t.Context(), "run-"+time.Now().String(), "u-1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		r := &runner{recorder: signed(newRecorder(t, store, here), "is not signed"), aws: &directory{}, trust: true}
		if _, err := r.run(t.Context(), "run-approved", "u-1"); err != nil {
			t.Fatal(err)
		}
		state, err := signed(newRecorder(t, store, here), "is not signed").LoadState(t.Context(), prov)
		if err != nil || state.DistrustReason != "" {
			t.Errorf("after an approval: %q, %v", state.DistrustReason, err)
		}
	})
}

func TestAReaderChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		b := newRecorder(t, store, filepath.Join(dir, "a"))
		if _, err := (&runner{recorder: b, aws: &directory{}}).run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		commits := len(store.messages())
		reader := newRecorder(t, store, filepath.Join(dir, "nowhere")).Reader()
		state, err := reader.LoadState(t.Context(), prov)
		if err != nil || state.Status.Run != "run-1" || state.DistrustReason == "" {
			t.Errorf("state is %+v, %v", state, err)
		}
		report := testReport("run-2", reconcile.RunHeld, nil)
		if _, err := reader.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: state.Ledger,
			Status: statusOf(report, nil)}); !errors.Is(err, errReadOnly) {
			t.Errorf("CommitReport: %v", err)
		}
		if err := reader.BeginRun(t.Context(), intentOf("run-2", 1)); !errors.Is(err, errReadOnly) {
			t.Errorf("BeginRun: %v", err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "nowhere", "*")); len(left) > 0 ||
			len(store.messages()) != commits {
			t.Errorf("the reader created %v and %d commits", left, len(store.messages())-commits)
		}
	})
}
