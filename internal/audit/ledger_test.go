package audit

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

func owned(id string) *reconcile.Owned { return &reconcile.Owned{ID: id} }

func leftScope(id string) *reconcile.Owned {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	return &reconcile.Owned{ID: id, LeftScopeAt: &at}
}

func TestChangesOfALedgerThatAnotherRunChanged(t *testing.T) {
	for _, row := range []struct {
		name      string
		from, to  *reconcile.Owned // what the run did
		now, then *reconcile.Owned // what it meets, and what it leaves
	}{
		{"a new entry", nil, owned("1"), nil, owned("1")},
		{"a new entry that another run has made too", nil, owned("1"), leftScope("1"), leftScope("1")},
		{"a new entry where another run has another object", nil, owned("1"), owned("2"), owned("2")},
		{"a change", owned("1"), leftScope("1"), owned("1"), leftScope("1")},
		{"a change of what another run has changed", owned("1"), leftScope("1"),
			&reconcile.Owned{ID: "1", MembersUndecided: true}, &reconcile.Owned{ID: "1", MembersUndecided: true}},
		{"a change of what another run has removed", owned("1"), leftScope("1"), nil, nil},
		{"a change of what another run has replaced", owned("1"), leftScope("1"), owned("2"), owned("2")},
		{"a replacement of what another run has removed", owned("1"), owned("2"), nil, owned("2")},
		{"a removal", owned("1"), nil, owned("1"), nil},
		{"a removal of what another run has changed", owned("1"), nil, leftScope("1"), nil},
		{"a removal of what another run has removed", owned("1"), nil, nil, nil},
		{"a removal of what another run has replaced", owned("1"), nil, owned("2"), owned("2")},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := map[string]reconcile.Owned{"other": {ID: "o"}}
			want := maps.Clone(l)
			if row.now != nil {
				l["k"] = *row.now
			}
			if row.then != nil {
				want["k"] = *row.then
			}
			applyEntry(l, "k", entryChange{Old: row.from, New: row.to})
			if !reflect.DeepEqual(l, want) {
				t.Errorf("the result is %v, want %v", l, want)
			}
		})
	}
}

// bigLedger has n users and n/10 groups.
func bigLedger(n int) *reconcile.Ledger {
	l := reconcile.NewLedger()
	for i := range n {
		l.Users[fmt.Sprint("u-", i)] = reconcile.Owned{ID: fmt.Sprint("id-", i)}
		if i%10 == 0 {
			l.Groups[fmt.Sprint("g-", i)] = *leftScope(fmt.Sprint("gid-", i))
		}
	}
	return l
}

// editsOf returns the edits of a run that changes one ledger into another.
func editsOf(files fs.FS, from, to *reconcile.Ledger) (edits map[string][]byte, digest string, err error) {
	k, err := (&ledgerCache{}).read(files, prov)
	if err != nil {
		return nil, "", err
	}
	d := diffLedgers(from, to)
	return k.edits(files, prov, &d)
}

func readLedger(files fs.FS) (*reconcile.Ledger, string, error) {
	k, err := (&ledgerCache{}).read(files, prov)
	if err != nil {
		return nil, "", err
	}
	return k.ledger, k.digest, nil
}

func apply(files fstest.MapFS, edits map[string][]byte) {
	for name, content := range edits {
		if delete(files, name); content != nil {
			files[name] = &fstest.MapFile{Data: content, Mode: 0o644}
		}
	}
}

func TestALedgerIsReadAsItWasWritten(t *testing.T) {
	files, want := fstest.MapFS{}, bigLedger(2000)
	edits, digest, err := editsOf(files, reconcile.NewLedger(), want)
	if err != nil {
		t.Fatal(err)
	}
	if len(edits) != 256 {
		t.Errorf("the ledger has %d files, want 256", len(edits))
	}
	apply(files, edits)
	got, have, err := readLedger(files)
	if err != nil || !reflect.DeepEqual(got, want) || have != digest {
		t.Fatalf("another ledger was read: %v; digest %s, want %s", err, have, digest)
	}
	// A change writes only the file of its key.
	next := want.Clone()
	next.Users["u-7"] = *leftScope("id-7")
	edits, digest, err = editsOf(files, want, next)
	if err != nil || len(edits) != 1 || edits[shardPath(prov, "u-7")] == nil {
		t.Fatalf("one change edits %v, %v", slices.Collect(maps.Keys(edits)), err)
	}
	apply(files, edits)
	if got, have, err = readLedger(files); err != nil || !reflect.DeepEqual(got, next) || have != digest {
		t.Fatalf("after a change, another ledger was read: %v", err)
	}
	// An empty ledger has no files.
	edits, digest, err = editsOf(files, next, reconcile.NewLedger())
	if err != nil {
		t.Fatal(err)
	}
	apply(files, edits)
	if len(files) != 0 || digest != ledgerDigest(nil) {
		t.Errorf("%d files are left", len(files))
	}
}

// Auditors compute the digest with sha256sum.
func TestTheDigestIsThatOfSha256sum(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Fatal("this test needs sha256sum (GNU coreutils):", err)
	}
	files := fstest.MapFS{}
	edits, digest, err := editsOf(files, reconcile.NewLedger(), bigLedger(300))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range edits {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", "LC_ALL=C; sha256sum ledger/"+prov+"/*.json | sha256sum")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), digest+" ") {
		t.Errorf("sha256sum prints %s, %v; the digest is %s", out, err, digest)
	}
}

// A machine loses its lease during a run. Another takes over and reports first. The work of the
// first is not lost.
func TestTwoConcurrentRunsLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, t.TempDir()
		a, b := newRecorder(t, store, filepath.Join(dir, "alpha")), newRecorder(t, store, filepath.Join(dir, "beta"))
		aws := &directory{}
		if _, err := (&runner{recorder: a, aws: aws}).run(t.Context(), "run-1", "u-1", "u-2"); err != nil {
			t.Fatal(err)
		}
		state, err := a.LoadState(t.Context(), prov)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.BeginRun(t.Context(), intentOf("run-a", 2)); err != nil {
			t.Fatal(err)
		}
		mine := state.Ledger.Clone()
		mine.Users["u-3"] = reconcile.Owned{ID: aws.create("run-a", "u-3")}
		delete(mine.Users, "u-1")
		store.setFault(func(string, bool) error { return errDown })
		time.Sleep(20 * time.Minute)
		store.setFault(nil)
		if _, err := (&runner{recorder: b, aws: aws}).run(t.Context(), "run-b", "u-4"); err != nil {
			t.Fatal(err)
		}
		report := testReport("run-a", reconcile.RunPartial, nil)
		status := statusOf(report, state.Status)
		status.UsedApprovals = []reconcile.ApprovalUse{{Digest: "approval", Commit: "c", Time: time.Now()}}
		if _, err := a.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: mine,
			Status: status}); err != nil {
			t.Fatal(err)
		}
		checkChain(t, store, "run-1", "run-b", "run-a")
		got, err := b.LoadState(t.Context(), prov)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]reconcile.Owned{"u-2": {ID: "id-u-2"}, "u-3": {ID: "id-u-3"}, "u-4": {ID: "id-u-4"}}
		if !reflect.DeepEqual(got.Ledger.Users, want) {
			t.Errorf("the ledger has %v, want %v", got.Ledger.Users, want)
		}
		if used := reconcile.FindUse(got.Status.UsedApprovals, "approval", "c"); used == nil ||
			len(got.OpenIntents) != 0 {
			t.Errorf("the status is %+v, open is %+v", got.Status, got.OpenIntents)
		}
	})
}

func TestMalformedFilesBreakTheBranch(t *testing.T) {
	for _, row := range []struct{ name, file, content, err string }{
		{"a status of a later version", statusPath(prov), `{"version": 2}`, "version is 2"},
		{"a status with an unknown field", statusPath(prov), `{"version": 1, "provisioner": "aws-prod", "admin": true}`,
			`"admin"`},
		{"a status of another provisioner", statusPath(prov), `{"version": 1, "provisioner": "other"}`, `"other"`},
		{"a truncated status", statusPath(prov), `{"version": 1, "provis`, "is incomplete"},
		{"two statuses", statusPath(prov), `{"version": 1, "provisioner": "aws-prod"} {}`, "after"},
		{"an empty file of the ledger", ledgerDir(prov) + "/00.json", ``, "is incomplete"},
		{"an entry without an id", shardPath(prov, "u-1"), `{"version": 1, "users": {"u-1": {"id": ""}}}`, "no id"},
		{"a folder in the ledger", ledgerDir(prov) + "/00.json/x", ``, "not a file of a ledger"},
		{"intents of another type", intentsPath(prov), `[]`, "cannot unmarshal"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memStore{}
				if _, err := store.commit("", map[string][]byte{row.file: []byte(row.content)}, "x",
					time.Now()); err != nil {
					t.Fatal(err)
				}
				state, err := newRecorder(t, store, t.TempDir()).LoadState(t.Context(), prov)
				if err != nil || !state.Trust.Broken() || !strings.Contains(state.Trust.Reason, row.err) ||
					!strings.Contains(state.Trust.Reason, strings.TrimSuffix(row.file, "/x")) {
					t.Errorf("state is %+v, %v; want a reason with %q and the file's name", state, err, row.err)
				}
			})
		})
	}
}

func FuzzBranch(f *testing.F) {
	f.Add([]byte(`{"version":1,"provisioner":"aws-prod","report":{"path":"reports/aws-prod/x.json","sha256":"0"}}`),
		[]byte(`{"version":1,"users":{"u-1":{"id":"a"}}}`),
		[]byte(`{"version":1,"lease":{"intent":{"run":"r"},"base":""}}`),
		[]byte(`{"run":"r","previous":{"path":"reports/aws-prod/x.json"}}`))
	f.Fuzz(func(t *testing.T, status, ledger, intents, report []byte) {
		files := fstest.MapFS{statusPath(prov): {Data: status}, shardPath(prov, "u-1"): {Data: ledger},
			intentsPath(prov):         {Data: intents},
			"reports/aws-prod/x.json": {Data: report}}
		w, err := readBranchState(files, prov, &ledgerCache{})
		if err == nil {
			if edits, _, err := editsOf(fstest.MapFS{}, reconcile.NewLedger(), w.ledger); err != nil ||
				len(w.ledger.Users) > 0 && len(edits) != 1 {
				t.Errorf("a ledger that was read cannot be written: %v, %v", edits, err)
			}
			if again, err := w.intents.encode(); err != nil {
				t.Errorf("%s: %v", again, err)
			}
		} else if !malformed(err) {
			t.Errorf("unexpected kind of error: %v", err)
		}
		proof, err := Verify(context.Background(), VerifyInput{Provisioner: prov, Files: files})
		if err != nil || proof == nil {
			t.Errorf("Verify failed: %v", err)
		}
	})
}

// map keys in a fixed order: the same ledger has the same bytes.
func TestEncodingIsStable(t *testing.T) {
	var first []byte
	for range 20 {
		edits, _, err := editsOf(fstest.MapFS{}, reconcile.NewLedger(), bigLedger(400))
		if err != nil {
			t.Fatal(err)
		}
		content := edits[shardPath(prov, "u-7")]
		if first == nil {
			first = content
		}
		if !bytes.Equal(first, content) {
			t.Fatalf("%s, then %s", first, content)
		}
	}
}

func BenchmarkCommitReport(b *testing.B) {
	store := &memStore{}
	recorder := &Recorder{Store: store, StateDir: b.TempDir()}
	ledger := bigLedger(schematest.Size(b, schematest.Users, schematest.BenchmarkUsers))
	for n := 0; b.Loop(); n++ {
		state, err := recorder.LoadState(b.Context(), prov)
		if err != nil {
			b.Fatal(err)
		}
		ledger.Users["u-7"] = reconcile.Owned{ID: fmt.Sprint("id-", n)}
		r := testReport(fmt.Sprint("run-", n), reconcile.RunApplied, nil)
		if _, err := recorder.CommitReport(b.Context(), reconcile.RunRecord{Report: r, Ledger: ledger,
			Status: statusOf(r, state.Status)}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJournal(b *testing.B) {
	in := intentOf("run-1", 0)
	j, err := createJournal(filepath.Join(b.TempDir(), "j.jsonl"), &in, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer j.close()
	b.SetParallelism(5)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := j.append(entryOf("run-1", 1, false)); err != nil {
				b.Error(err)
			}
		}
	})
}
