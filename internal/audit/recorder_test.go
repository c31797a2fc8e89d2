package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

const prov = "aws-prod"

// directory is a directory that runs write to: the ids of keys, and the writes of each run.
type directory struct {
	users  map[string]string
	writes []string // "run key"
	file   string   // where it is kept, if processes share it
}

func (d *directory) create(run, key string) string {
	if d.file != "" {
		f, err := os.OpenFile(d.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintln(f, run, key)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			panic(err)
		}
	}
	return d.createOnce(run, key)
}

// loadWrites reads the writes of other processes.
func (d *directory) loadWrites() {
	content, err := os.ReadFile(d.file)
	if err != nil {
		panic(err)
	}
	for l := range strings.Lines(string(content)) {
		run, key, _ := strings.Cut(strings.TrimSpace(l), " ")
		d.createOnce(run, key)
	}
}

func (d *directory) createOnce(run, key string) string {
	if d.users == nil {
		d.users = map[string]string{}
	}
	d.users[key] = "id-" + key
	d.writes = append(d.writes, run+" "+key)
	return d.users[key]
}

// runner records a run like a real one.
type runner struct {
	recorder *Recorder
	aws      *directory
	// release, if set, is the approval that releases the broken branch.
	release *reconcile.Approved
	// removed and used replace what the status had before.
	removed []reconcile.Removal
	used    []reconcile.ApprovalUse
	// forget makes the status forget what it had before.
	forget bool
	edit   func(*reconcile.Ledger) // changes the ledger; nil changes nothing more
	// editStatus changes the status; nil changes nothing more.
	editStatus func(*reconcile.Status)
	verified   reconcile.UnprovedEntries
}

func newRecorder(t testing.TB, s Store, dir string) *Recorder {
	t.Helper()
	b := &Recorder{Store: s, StateDir: dir, Host: filepath.Base(dir),
		RenderMarkdown: func(r *reconcile.Report, _ iter.Seq[*reconcile.Done]) string {
			return "# " + r.Run + "\n"
		}}
	t.Cleanup(func() { b.Close() })
	return b
}

func intentOf(run string, n int) reconcile.Intent {
	return reconcile.Intent{Version: 1, Run: run, Provisioner: prov, Identity: "us-east-1/t", Digest: "sha256:" + run,
		ReleasedChanges: n,
		Commit:          reconcile.CommitRef{ID: "abcdef0123456789"}, Trigger: "test", Started: time.Now()}
}

func testReport(run string, outcome reconcile.Outcome, changes []reconcile.Done) *reconcile.Report {
	r := &reconcile.Report{Version: 1, Run: run, Provisioner: prov, Identity: "us-east-1/t", Outcome: outcome,
		Trigger: "test",
		Commit:  reconcile.CommitRef{ID: "abcdef0123456789"}, Started: time.Now(), Finished: time.Now(),
		Digest: "sha256:" + run, Changes: changes}
	for i := range changes {
		switch changes[i].Result {
		case reconcile.ResultDone:
			r.Counts.Done++
		case reconcile.ResultHeld:
			r.Counts.Held++
		}
	}
	return r
}

func statusOf(r *reconcile.Report, before *reconcile.Status) *reconcile.Status {
	s := &reconcile.Status{Version: 1, Provisioner: r.Provisioner, Identity: r.Identity, Run: r.Run, Outcome: r.Outcome,
		Commit:   r.Commit,
		Finished: r.Finished, Digest: r.Digest, HeldDigest: r.HeldDigest}
	if before != nil {
		s.UsedApprovals, s.Removals, s.LastApplied, s.EverEnabled = before.UsedApprovals, before.Removals,
			before.LastApplied, before.EverEnabled
	}
	return s
}

// run creates users between an intent and a report.
func (r *runner) run(ctx context.Context, run string, keys ...string) (reconcile.Receipt, error) {
	state, err := r.recover(ctx)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	intent := intentOf(run, len(keys))
	if r.release != nil {
		intent.UsedApprovals = []reconcile.ApprovalUse{{Digest: r.release.Digest}}
	}
	if err := r.recorder.BeginRun(ctx, intent); err != nil {
		return reconcile.Receipt{}, err
	}
	ledger := state.Ledger.Clone()
	var done []reconcile.Done
	var stopped error
	for i, key := range keys {
		d := reconcile.Done{Change: &reconcile.Change{Kind: reconcile.CreateUser, Key: key}}
		e := reconcile.Entry{Run: run, Provisioner: prov, Seq: i + 1, Changes: []reconcile.Done{d}}
		if stopped = r.recorder.BeginWrites(e); stopped != nil {
			break
		}
		d.ID, d.Result = r.aws.create(run, key), reconcile.ResultDone
		ledger.Users[key] = reconcile.Owned{ID: d.ID}
		done = append(done, d)
		e.Changes = []reconcile.Done{d}
		if stopped = r.recorder.EndWrite(e); stopped != nil {
			break
		}
	}
	outcome := reconcile.RunApplied
	if stopped != nil {
		outcome = reconcile.RunPartial
	}
	report := testReport(run, outcome, done)
	if r.edit != nil {
		r.edit(ledger)
	}
	receipt, err := r.recorder.CommitReport(ctx, reconcile.RunRecord{Report: report, Ledger: ledger,
		Status: r.status(report, state.Status), Release: r.release, Verified: r.verified})
	return receipt, errors.Join(err, stopped)
}

func (r *runner) status(report *reconcile.Report, before *reconcile.Status) *reconcile.Status {
	if r.forget {
		before = nil
	}
	s := statusOf(report, before)
	if r.removed != nil {
		s.Removals = r.removed
	}
	if r.used != nil {
		s.UsedApprovals = r.used
	}
	if r.editStatus != nil {
		r.editStatus(s)
	}
	return s
}

// recover loads the state and completes the report of an interrupted run.
func (r *runner) recover(ctx context.Context) (*reconcile.AuditState, error) {
	state, err := r.recorder.LoadState(ctx, prov)
	if err != nil || state.Interrupted == nil {
		return state, err
	}
	cut, ledger := state.Interrupted, state.Ledger.Clone()
	last := map[int]reconcile.Done{}
	for _, e := range cut.Entries {
		last[e.Seq] = e.Changes[0]
	}
	var done []reconcile.Done
	for _, seq := range slices.Sorted(maps.Keys(last)) {
		d := last[seq]
		if id, ok := r.aws.users[d.Key]; ok {
			d.ID, d.Result = id, reconcile.ResultDone
			ledger.Users[d.Key] = reconcile.Owned{ID: id}
		} else {
			d.Result = reconcile.ResultFailed
		}
		done = append(done, d)
	}
	report := testReport(cut.Intent.Run, reconcile.RunInterrupted, done)
	report.Started = cut.Intent.Started
	if _, err := r.recorder.CommitReport(ctx, reconcile.RunRecord{Report: report, Ledger: ledger,
		Status: statusOf(report, state.Status)}); err != nil {
		return nil, err
	}
	return r.recorder.LoadState(ctx, prov)
}

// reportWithoutWrites reports a run without writes.
func (r *runner) reportWithoutWrites(
	ctx context.Context, run string, outcome reconcile.Outcome, digest string,
) (reconcile.Receipt, error) {
	state, err := r.recover(ctx)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	report := testReport(run, outcome, nil)
	report.Digest = digest
	return r.recorder.CommitReport(ctx, reconcile.RunRecord{Report: report, Ledger: state.Ledger,
		Status: statusOf(report, state.Status), Release: r.release})
}

func TestARunMakesTwoCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, t.TempDir()
		r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}}
		receipt, err := r.run(t.Context(), "run-1", "u-1", "u-2")
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"roster: aws-prod begins a run with 2 changes (abcdef0)",
			"roster: aws-prod applied, 2 changes (abcdef0)"}
		if got := store.messages(); !slices.Equal(got, want) {
			t.Errorf("commits are %q, want %q", got, want)
		}
		files := store.files()
		if receipt.Commit != store.head ||
			receipt.Report.Path != "reports/aws-prod/2000/01/01/20000101T000000Z-abcdef0.json" {
			t.Errorf("receipt is %+v, head is %s", receipt, store.head)
		}
		if got := sum(files[receipt.Report.Path].Data); got != receipt.Report.SHA256 {
			t.Errorf("the receipt names %s, the report is %s", receipt.Report.SHA256, got)
		}
		if got := string(files["reports/aws-prod/2000/01/01/20000101T000000Z-abcdef0.md"].Data); got != "# run-1\n" {
			t.Errorf("markdown is %q", got)
		}
		if _, err := fs.Stat(files, intentsPath(prov)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the intent is still there: %v", err)
		}
		state, err := r.recorder.LoadState(t.Context(), prov)
		if err != nil {
			t.Fatal(err)
		}
		if state.Status.Run != "run-1" || state.Status.Report != receipt.Report || len(state.Ledger.Users) != 2 ||
			state.Ledger.Users["u-2"].ID != "id-u-2" ||
			state.Interrupted != nil || len(state.OpenIntents) != 0 || state.Trust.Level != reconcile.TrustProved {
			t.Errorf("state is %+v", state)
		}
		for _, name := range []string{"journal/aws-prod.jsonl", "pending/aws-prod.json"} {
			if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is left: %v", name, err)
			}
		}
	})
}

func TestReportsNameThePreviousReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		r := &runner{recorder: newRecorder(t, store, t.TempDir()), aws: &directory{}}
		first, err := r.run(t.Context(), "run-1", "u-1")
		if err != nil {
			t.Fatal(err)
		}
		second, err := r.run(t.Context(), "run-2", "u-2") // in the same second
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(second.Report.Path, "-abcdef0-2.json") {
			t.Errorf("the second report is %s", second.Report.Path)
		}
		report, _, err := readReport(store.files(), second.Report.Path)
		if err != nil {
			t.Fatal(err)
		}
		if report.Previous == nil || *report.Previous != first.Report {
			t.Errorf("the second report names %v, want %v", report.Previous, first.Report)
		}
		report, _, err = readReport(store.files(), first.Report.Path)
		if err != nil || report.Previous != nil {
			t.Errorf("the first report names %v, %v", report.Previous, err)
		}
	})
}

func TestARunThatRepeatsTheLastReportIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, t.TempDir()
		r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}}
		first, err := r.reportWithoutWrites(t.Context(), "run-0", reconcile.RunInSync, "d")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			r.recorder = newRecorder(t, store, dir) // the count survives the process
			again, err := r.reportWithoutWrites(t.Context(), fmt.Sprint("again-", i), reconcile.RunInSync, "d")
			if err != nil {
				t.Fatal(err)
			}
			if again.Commit != "" || again.Repeats != i+1 || again.Report != first.Report {
				t.Errorf("receipt is %+v", again)
			}
		}
		if n := len(store.messages()); n != 1 {
			t.Errorf("there are %d commits, want 1: %q", n, store.messages())
		}
		other, err := r.reportWithoutWrites(t.Context(), "other", reconcile.RunHeld, "d")
		if err != nil {
			t.Fatal(err)
		}
		report, _, err := readReport(store.files(), other.Report.Path)
		if err != nil || report.Repeats != 3 {
			t.Errorf("the next report has %d repeats, %v", report.Repeats, err)
		}
		again, err := r.reportWithoutWrites(t.Context(), "other-again", reconcile.RunHeld, "d")
		if err != nil || again.Repeats != 1 {
			t.Errorf("the count starts at %+v, %v", again, err)
		}
	})
}

func TestAFailureForAnotherReasonIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		for _, row := range []struct {
			err     string
			repeats int
		}{
			{"read tcp 10.0.0.5:39482: connection refused", 0},
			{"read tcp 10.0.0.5:41007: connection refused", 1},
			{"read tcp 10.0.0.5:41010: connection refused", 2},
			{"the directory rejects the credentials", 0},
			{"the directory rejects the credentials", 1},
		} {
			b := newRecorder(t, store, dir)
			state, err := b.LoadState(t.Context(), prov)
			if err != nil {
				t.Fatal(err)
			}
			report := testReport("run "+row.err, reconcile.RunFailed, nil)
			report.Digest, report.Errors = "", []string{row.err}
			receipt, err := b.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: state.Ledger,
				Status: statusOf(report, state.Status)})
			if err != nil || receipt.Repeats != row.repeats || (receipt.Commit == "") != (row.repeats > 0) {
				t.Errorf("%s: %+v, %v, want %d repeats", row.err, receipt, err, row.repeats)
			}
		}
	})
}
