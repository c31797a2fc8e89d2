package audit

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// damagedRun leaves the journal of a run that wrote u-1 and began to write u-2, and overwrites a
// part of it.
func damagedRun(t *testing.T, store *memStore, dir string, damage func([]byte) []byte) (aws *directory) {
	t.Helper()
	r := newRecorder(t, store, dir)
	aws = &directory{}
	if _, err := r.LoadState(t.Context(), prov); err != nil {
		t.Fatal(err)
	}
	if err := r.BeginRun(t.Context(), intentOf("run-1", 2)); err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"u-1", "u-2"} {
		e := reconcile.Entry{Run: "run-1", Provisioner: prov, Seq: i + 1, Changes: []reconcile.Done{{
			Change: &reconcile.Change{Kind: reconcile.CreateUser, Key: key}, Result: reconcile.ResultDone}}}
		if err := r.BeginWrites(e); err != nil {
			t.Fatal(err)
		}
		aws.create("run-1", key)
		if key == "u-1" {
			if err := r.EndWrite(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.Close() // as if the process had died
	name := r.journalPath(prov)
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, damage(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return aws
}

// overwriteLine replaces a line of a journal, from 0.
func overwriteLine(n int) func([]byte) []byte {
	return func(journal []byte) []byte {
		lines := bytes.SplitAfter(journal, []byte("\n"))
		lines[n] = []byte("garbage\n")
		return bytes.Join(lines, nil)
	}
}

// A journal that a crash does not explain stops its provisioner. The error names the command that
// sets it aside, and nothing deletes it.
func TestADamagedJournalStopsOnlyItsProvisioner(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"the first line":  overwriteLine(0),
		"an entry":        overwriteLine(1),
		"all of it":       func([]byte) []byte { return []byte("garbage") },
		"another program": func([]byte) []byte { return []byte("\x7fELF\x00\x00\n\x00\x00") },
		"zeros at first":  func(b []byte) []byte { return append(make([]byte, 20), b[20:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := &memStore{}, t.TempDir()
			damagedRun(t, store, dir, damage)
			r := newRecorder(t, store, dir)
			before, err := os.ReadFile(r.journalPath(prov))
			if err != nil {
				t.Fatal(err)
			}
			state, err := r.LoadState(t.Context(), prov)
			var corrupt *CorruptError
			if err != nil || !errors.As(state.JournalError, &corrupt) ||
				!strings.Contains(corrupt.Error(), "roster audit recover "+prov) {
				t.Fatalf("the state is %+v, %v; want the error of the journal", state, err)
			}
			if _, err := r.LoadState(t.Context(), "other"); err != nil {
				t.Errorf("another provisioner: %v", err)
			}
			if after, err := os.ReadFile(r.journalPath(prov)); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the journal was changed: %q, %v", after, err)
			}
		})
	}
}

func TestWhatACrashLeavesOfAJournalStopsNothing(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":                  func([]byte) []byte { return nil },
		"a part of a first line": func(b []byte) []byte { return b[:40] },
		"a few bytes":            func(b []byte) []byte { return b[:3] },
		"zeros":                  func(b []byte) []byte { return make([]byte, len(b)) },
	} {
		t.Run(name, func(t *testing.T) {
			store, dir := &memStore{}, t.TempDir()
			damagedRun(t, store, dir, damage)
			var log strings.Builder
			r := newRecorder(t, store, dir)
			r.Log = slog.New(slog.NewTextHandler(&log, nil))
			state, err := r.LoadState(t.Context(), prov)
			if err != nil || state.JournalError != nil || len(state.OpenIntents) != 1 {
				t.Fatalf("the state is %+v, %v; want the lost run", state, err)
			}
			aside := r.journalPath(prov) + ".damaged"
			if _, err := os.Stat(aside); err != nil || strings.Count(log.String(), aside) != 1 {
				t.Errorf("the journal was not set aside with one warning: %v\n%s", err, &log)
			}
		})
	}
}

func TestRecoverJournalShowsWhatCanBeReadAndLetsRunsBegin(t *testing.T) {
	store, dir := &memStore{}, t.TempDir()
	damagedRun(t, store, dir, overwriteLine(1))
	r := newRecorder(t, store, dir)
	name := r.journalPath(prov)
	got, err := RecoverJournal(dir, prov, "host", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got.File != name+".damaged" || got.Intent == nil || got.Intent.Run != "run-1" || got.Unreadable != 1 ||
		len(got.Changes) != 2 || got.Changes[0].Result != reconcile.ResultDone ||
		got.Changes[1].Result != reconcile.ResultUnknown {
		t.Errorf("recovered %+v", got)
	}
	state, err := r.LoadState(t.Context(), prov)
	if err != nil || state.JournalError != nil || len(state.OpenIntents) != 1 {
		t.Fatalf("the state is %+v, %v; want the lost run", state, err)
	}
	if _, err := RecoverJournal(dir, prov, "host", time.Now()); err == nil ||
		!strings.Contains(err.Error(), "nothing to recover") {
		t.Errorf("recovering again: %v", err)
	}
}

func TestRecoverJournalRefuses(t *testing.T) {
	store, dir := &memStore{}, t.TempDir()
	damagedRun(t, store, dir, func(b []byte) []byte { return b })
	if _, err := RecoverJournal(dir, prov, "host", time.Now()); err == nil || !strings.Contains(err.Error(),
		"can be read: the next run completes its report") {
		t.Errorf("a journal that can be read: %v", err)
	}
	if _, err := RecoverJournal(filepath.Join(dir, "none"), prov, "host", time.Now()); err == nil {
		t.Error("a state directory that does not exist was accepted")
	}
	if _, err := RecoverJournal(dir, "../x", "host", time.Now()); err == nil {
		t.Error("a path was accepted")
	}
	release, err := LockStateDir(dir, "host", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var used *StateDirError
	if _, err := RecoverJournal(dir, prov, "host", time.Now()); !errors.As(err, &used) {
		t.Errorf("a state directory that is used: %v", err)
	}
}

// A journal that cannot be read at all may have writes that are in no report.
func TestAFolderInPlaceOfAJournalStopsItsProvisionerUntilItIsRecovered(t *testing.T) {
	store, dir := &memStore{}, t.TempDir()
	damagedRun(t, store, dir, func(b []byte) []byte { return b })
	r := newRecorder(t, store, dir)
	name := r.journalPath(prov)
	if err := errors.Join(os.Remove(name), os.MkdirAll(filepath.Join(name, "folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	state, err := r.LoadState(t.Context(), prov)
	var corrupt *CorruptError
	if err != nil || !errors.As(state.JournalError, &corrupt) ||
		!strings.Contains(corrupt.Error(), "roster audit recover "+prov) {
		t.Fatalf("the state is %+v, %v; want the error of the journal", state, err)
	}
	out, err := RecoverJournal(dir, prov, "host", time.Now())
	if err != nil || out.File != name+".damaged" || len(out.Changes) != 0 {
		t.Fatalf("recovered %+v, %v", out, err)
	}
	state, err = r.LoadState(t.Context(), prov)
	if err != nil || state.JournalError != nil || len(state.OpenIntents) != 1 {
		t.Errorf("after that, the state is %+v, %v; want the lost run", state, err)
	}
}
