package audit

import (
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// loadTrust returns the state that a new process with the state directory loads.
func loadTrust(t *testing.T, store Store, dir string) *reconcile.AuditState {
	t.Helper()
	state, err := newRecorder(t, store, dir).LoadState(t.Context(), prov)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// forgeLedger commits a ledger entry for the account of another user.
func forgeLedger(t *testing.T, s *memStore) {
	t.Helper()
	content, err := encode(&shard{Version: 1, Users: map[string]reconcile.Owned{"mallory": {ID: "id-admin"}}})
	if err != nil {
		t.Fatal(err)
	}
	commitFile(t, s, shardPath(prov, "mallory"), content)
}

// forgeStatus commits a changed status.
func forgeStatus(t *testing.T, s *memStore, change func(*reconcile.Status)) {
	t.Helper()
	status, err := readStatus(s.files(), prov)
	if err != nil {
		t.Fatal(err)
	}
	change(status)
	content, err := encode(status)
	if err != nil {
		t.Fatal(err)
	}
	commitFile(t, s, statusPath(prov), content)
}

// rewind moves the branch back by n commits.
func rewind(s *memStore, n int) {
	for range n {
		s.head = s.commits[s.head].parent
	}
}

func newestReport(t *testing.T, s *memStore) string {
	t.Helper()
	status, err := readStatus(s.files(), prov)
	if err != nil {
		t.Fatal(err)
	}
	return status.Report.Path
}

// paths are the reports of the chain, the oldest first.
func paths(t *testing.T, s *memStore) []string {
	t.Helper()
	var out []string
	for l, err := range Chain(s.files(), prov) {
		if err != nil {
			t.Fatal(err)
		}
		out = append([]string{l.Path}, out...)
	}
	return out
}

type trustRow struct {
	name   string
	do     func(t *testing.T, s *memStore, dir string)
	level  reconcile.TrustLevel
	reason string // part of the reason
}

// trustRows are what others did to the branch after three runs of this machine.
func trustRows() []trustRow {
	return slices.Concat(growingRows(), rewrittenRows(), forgedFileRows())
}

func growingRows() []trustRow {
	return []trustRow{
		{"nothing", func(*testing.T, *memStore, string) {}, reconcile.TrustProved, ""},
		{"committed for another provisioner", func(t *testing.T, s *memStore, _ string) {
			commitFile(t, s, "status/other.json", []byte("{}"))
		}, reconcile.TrustProved, ""},
		{"left an intent of a lost run", func(t *testing.T, s *memStore, _ string) {
			forgeIntent(t, s, prov)
		}, reconcile.TrustProved, ""},
		{"made a run on another machine", func(t *testing.T, s *memStore, dir string) {
			other := &runner{recorder: newRecorder(t, s, dir+"-other"), aws: &directory{}}
			if _, err := other.run(t.Context(), "run-other", "u-9"); err != nil {
				t.Fatal(err)
			}
		}, reconcile.TrustUnproved, "others have reported runs since"},
	}
}

func rewrittenRows() []trustRow {
	return []trustRow{
		{"rewound the branch", func(_ *testing.T, s *memStore, _ string) { rewind(s, 1) },
			reconcile.TrustBroken, "rewound or rewritten"},
		{"deleted the branch", func(_ *testing.T, s *memStore, _ string) { rewind(s, 6) },
			reconcile.TrustBroken, "the branch is gone"},
		{"wrote the same files with another history", func(t *testing.T, s *memStore, _ string) {
			files := maps.Clone(s.commits[s.head].files)
			s.head = ""
			if _, err := s.commit("", files, "again", time.Now()); err != nil {
				t.Fatal(err)
			}
		}, reconcile.TrustBroken, "rewound or rewritten"},
	}
}

func forgedFileRows() []trustRow {
	replace := func(name string, content string) func(*testing.T, *memStore, string) {
		return func(t *testing.T, s *memStore, _ string) {
			var data []byte
			if content != "" {
				data = []byte(content)
			}
			commitFile(t, s, name, data)
		}
	}
	report := func(content []byte) func(*testing.T, *memStore, string) {
		return func(t *testing.T, s *memStore, _ string) { commitFile(t, s, newestReport(t, s), content) }
	}
	status := func(change func(*reconcile.Status)) func(*testing.T, *memStore, string) {
		return func(t *testing.T, s *memStore, _ string) { forgeStatus(t, s, change) }
	}
	const wasChanged = "status/aws-prod.json was changed after report"
	owned := func(keys ...string) string {
		users := map[string]reconcile.Owned{}
		for _, key := range keys {
			users[key] = reconcile.Owned{ID: "id-u-run-1"}
		}
		content, err := encode(&shard{Version: 1, Users: users})
		if err != nil {
			panic(err)
		}
		return string(content)
	}
	return []trustRow{
		{"forged an entry of the ledger", func(t *testing.T, s *memStore, _ string) { forgeLedger(t, s) },
			reconcile.TrustBroken, "the ledger was changed after report"},
		{"put an entry under a wrong shard", replace("ledger/aws-prod/00.json", owned("mallory")),
			reconcile.TrustBroken, `"mallory" belongs to`},
		{"gave an id a second key", replace(shardPath(prov, "mallory"), owned("mallory")),
			reconcile.TrustBroken, `id id-u-run-1 has two keys: "mallory" and "u-run-1"`},
		{"damaged a file of the ledger", replace(shardPath(prov, "u-run-1"), "{"),
			reconcile.TrustBroken, "is malformed"},
		{"deleted the status", replace(statusPath(prov), ""), reconcile.TrustBroken, "status/aws-prod.json is missing"},
		{"damaged the status", replace(statusPath(prov), "{"), reconcile.TrustBroken, "is malformed"},
		{"put the status of another provisioner there", status(func(s *reconcile.Status) { s.Provisioner = "other" }),
			reconcile.TrustBroken, `it is the status of provisioner "other"`},
		{"emptied the removals of the status", status(func(s *reconcile.Status) { s.Removals = nil }),
			reconcile.TrustBroken, wasChanged},
		{"dropped the used approvals of the status", status(func(s *reconcile.Status) { s.UsedApprovals = nil }),
			reconcile.TrustBroken, wasChanged},
		{"moved the last applied commit", status(func(s *reconcile.Status) {
			s.LastApplied = &reconcile.AppliedAt{Commit: "abcdef1"}
		}), reconcile.TrustBroken, wasChanged},
		{"set the status back", func(t *testing.T, s *memStore, _ string) {
			before := s.commits[s.commits[s.commits[s.head].parent].parent]
			commitFile(t, s, statusPath(prov), before.files[statusPath(prov)])
		}, reconcile.TrustBroken, "the ledger was changed after report"},
		{"changed the newest report", report([]byte("{}")), reconcile.TrustBroken, "it is not a report"},
		{"changed the text of an older report", func(t *testing.T, s *memStore, _ string) {
			older := paths(t, s)[0]
			commitFile(t, s, older, append(s.files()[older].Data, '\n'))
		}, reconcile.TrustBroken, "its SHA-256 is"},
		{"removed the newest report", report(nil), reconcile.TrustBroken, "it does not exist"},
		{"forged an intent of another provisioner", func(t *testing.T, s *memStore, _ string) {
			forgeIntent(t, s, "other")
		}, reconcile.TrustBroken, `it has an intent of provisioner "other"`},
		{"forged a lease for years", func(t *testing.T, s *memStore, _ string) {
			content, err := encode(&intents{Version: 1, Lease: &lease{Intent: intentOf("forged", 1),
				RenewedAt: time.Now(), ExpiresAt: time.Now().AddDate(70, 0, 0)}})
			if err != nil {
				t.Fatal(err)
			}
			commitFile(t, s, intentsPath(prov), content)
		}, reconcile.TrustBroken, "a lease lasts at most 24h"},
	}
}

func forgeIntent(t *testing.T, s *memStore, provisioner string) {
	t.Helper()
	in := intentOf("forged", 1)
	in.Provisioner = provisioner
	content, err := encode(&intents{Version: 1, Lease: &lease{Intent: in, RenewedAt: time.Now(),
		ExpiresAt: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	commitFile(t, s, intentsPath(prov), content)
}

// runThrice makes three runs, after which the status has removals and used approvals.
func runThrice(t *testing.T, store *memStore, dir string) *runner {
	t.Helper()
	r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{},
		used: []reconcile.ApprovalUse{{Digest: "sha256:used", Commit: "c", Time: time.Now().UTC()}}}
	for _, run := range []string{"run-1", "run-2", "run-3"} {
		time.Sleep(time.Minute)
		r.removed = append(r.removed, reconcile.Removal{Time: time.Now().UTC(), Count: 2})
		if _, err := r.run(t.Context(), run, "u-"+run); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestTrustInTheBranchAfterOthers(t *testing.T) {
	for _, row := range trustRows() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, filepath.Join(stateDir(t), "state")
				r := runThrice(t, store, dir)
				row.do(t, store, dir)
				head, got := store.head, loadTrust(t, store, dir)
				if got.Trust.Level != row.level || !strings.Contains(got.Trust.Reason, row.reason) {
					t.Errorf("trust is %+v, want %s: %q", got.Trust, row.level, row.reason)
				}
				if again := loadTrust(t, store, dir); again.Trust != got.Trust {
					t.Errorf("loaded twice: %+v, then %+v", got.Trust, again.Trust)
				}
				if row.level != reconcile.TrustBroken {
					return
				}
				want := head
				if head == "" {
					want = reconcile.GoneBranch
				}
				if got.Trust.Break != want || got.Status == nil || got.Status.Run != "run-3" ||
					len(got.Status.Removals) != 3 || got.Ledger.Users["u-run-3"].ID == "" {
					t.Errorf("break %s, want %s; status %+v, ledger %+v", got.Trust.Break, want, got.Status, got.Ledger)
				}
				if _, err := r.run(t.Context(), "run-4", "u-4"); asBroken(err) == nil {
					t.Errorf("a run on the broken branch: %v", err)
				}
			})
		})
	}
}

// An entry that others added stays unproved under the reports of this machine, until the run
// replaces or verifies it.
func TestAForgedEntryStaysUnprovedUnderLaterReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		here, other := filepath.Join(dir, "here"), filepath.Join(dir, "other")
		r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		forger := &runner{recorder: newRecorder(t, store, other), aws: &directory{}}
		if _, err := forger.run(t.Context(), "forged", "mallory", "trudy"); err != nil {
			t.Fatal(err)
		}
		wantUnproved := func(when string, want ...string) {
			t.Helper()
			state := loadTrust(t, store, here)
			if got := slices.Sorted(maps.Keys(state.Unproved.Users)); !slices.Equal(got, want) {
				t.Errorf("%s, unproved are %q, want %q", when, got, want)
			}
			if proved := state.Trust.Level == reconcile.TrustProved; proved != (len(want) == 0) {
				t.Errorf("%s, trust is %+v", when, state.Trust)
			}
		}
		wantUnproved("after the forgery", "mallory", "trudy")
		if _, err := r.run(t.Context(), "run-2", "u-2"); err != nil {
			t.Fatal(err)
		}
		wantUnproved("after a run", "mallory", "trudy")
		since := time.Now().UTC()
		r.edit = func(l *reconcile.Ledger) {
			owned := l.Users["mallory"]
			owned.LeftScopeAt = &since
			l.Users["mallory"] = owned
		}
		if _, err := r.run(t.Context(), "run-3", "u-3"); err != nil {
			t.Fatal(err)
		}
		wantUnproved("after a run changed the entry", "mallory", "trudy")
		r.edit = func(l *reconcile.Ledger) {
			l.Users["renamed"] = l.Users["mallory"]
			delete(l.Users, "mallory")
		}
		if _, err := r.run(t.Context(), "run-4", "u-4"); err != nil {
			t.Fatal(err)
		}
		wantUnproved("after a run renamed the key", "renamed", "trudy")
		r.edit = func(l *reconcile.Ledger) { delete(l.Users, "renamed") }
		if _, err := r.run(t.Context(), "run-5", "u-5"); err != nil {
			t.Fatal(err)
		}
		wantUnproved("after a run removed the entry", "trudy")
		r.edit, r.verified = nil, reconcile.UnprovedEntries{Users: map[string]bool{"trudy": true}}
		if _, err := r.run(t.Context(), "run-6", "u-6"); err != nil {
			t.Fatal(err)
		}
		wantUnproved("after a run verified the entry")
	})
}

// TestAnEntryForgedDuringARunIsUnproved has others write between the read of a run and its report.
func TestAnEntryForgedDuringARunIsUnproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		here := filepath.Join(dir, "here")
		r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: &directory{}}
		if _, err := forger.recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		state, err := r.recover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := forger.run(t.Context(), "forged", "mallory"); err != nil {
			t.Fatal(err)
		}
		report := testReport("run-2", reconcile.RunHeld, nil)
		if _, err := r.recorder.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: state.Ledger,
			Status: statusOf(report, state.Status)}); err != nil {
			t.Fatal(err)
		}
		if got := loadTrust(t, store, here); !got.Unproved.Users["mallory"] || got.Unproved.Users["u-1"] {
			t.Errorf("unproved are %+v", got.Unproved)
		}
	})
}

// A machine without a record continues: every entry is unproved, and nothing is held.
func TestALostStateDirectoryMakesTheEntriesUnproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		runThrice(t, store, filepath.Join(dir, "old"))
		here := filepath.Join(dir, "new")
		state := loadTrust(t, store, here)
		if state.Trust.Level != reconcile.TrustUnproved || len(state.Unproved.Users) != 3 {
			t.Errorf("trust is %+v with %+v", state.Trust, state.Unproved)
		}
		r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-4", "u-4"); err != nil {
			t.Fatal(err)
		}
		if state := loadTrust(t, store, here); len(state.Unproved.Users) != 3 || state.Unproved.Users["u-4"] {
			t.Errorf("after a run, unproved are %+v", state.Unproved)
		}
		strict := newRecorder(t, store, filepath.Join(dir, "strict"))
		strict.RequireProof = true
		got, err := strict.LoadState(t.Context(), prov)
		if err != nil || !got.Trust.Broken() || got.Trust.Break != store.head {
			t.Errorf("with a required proof, trust is %+v, %v", got.Trust, err)
		}
	})
}

// A status with fewer removals or used approvals, in a chain that verifies, does not reset them.
func TestForgedCountersDoNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		here := filepath.Join(dir, "here")
		runThrice(t, store, here)
		forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: &directory{}}
		forger.forget = true
		if _, err := forger.run(t.Context(), "forged", "u-4"); err != nil {
			t.Fatal(err)
		}
		state := loadTrust(t, store, here)
		if state.Trust.Level != reconcile.TrustUnproved || state.Status.Run != "forged" ||
			len(state.Status.Removals) != 3 || len(state.Status.UsedApprovals) != 1 {
			t.Errorf("trust is %+v, the status is %+v", state.Trust, state.Status)
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
		if err != nil || state.Status.Run != "run-1" || state.Trust.Level != reconcile.TrustUnproved {
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

// TestAProvisionerIsKnownAfterTheBranchIsGone checks that a provisioner which Git no longer
// declares is still found, so that its users are held, not forgotten.
func TestAProvisionerIsKnownAfterTheBranchIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := runThrice(t, store, dir)
		store.head = ""
		if got, err := r.recorder.Provisioners(t.Context()); err != nil || !slices.Equal(got, []string{prov}) {
			t.Errorf("the provisioners are %q, %v", got, err)
		}
	})
}

// TestAChangeOfTrustIsLoggedOnce checks the log of a daemon.
func TestAChangeOfTrustIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		store, dir := &memStore{}, stateDir(t)
		r := runThrice(t, store, dir)
		r.recorder.Log = slog.New(slog.NewTextHandler(&log, nil))
		head := store.head
		for _, at := range []string{head, "", "", head, head, "", ""} {
			store.head = at
			if _, err := r.recorder.LoadState(t.Context(), prov); err != nil {
				t.Fatal(err)
			}
		}
		if broken := strings.Count(log.String(), "level=ERROR"); broken != 2 || !strings.Contains(log.String(),
			"approval=audit:gone") {
			t.Errorf("logged %d errors:\n%s", broken, log.String())
		}
	})
}
