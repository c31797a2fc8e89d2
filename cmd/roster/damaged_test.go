package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// stateFiles lists the files of a state directory that roster reads again: all but locks.
func stateFiles(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		lock := strings.HasSuffix(name, ".lock") || strings.HasSuffix(name, ".holder")
		if err == nil && !e.IsDir() && !lock {
			rel, _ := filepath.Rel(dir, name)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// damage overwrites a file, which may be read-only.
func damage(t testing.TB, name string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err == nil {
		err = os.Remove(name)
	}
	if err == nil {
		err = os.WriteFile(name, change(data), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// damages are the ways in which a file of roster is damaged.
var damages = map[string]func(t testing.TB, name string){
	"empty":     func(t testing.TB, name string) { damage(t, name, func([]byte) []byte { return nil }) },
	"truncated": func(t testing.TB, name string) { damage(t, name, func(b []byte) []byte { return b[:len(b)/2] }) },
	"zeros":     zeros,
	"garbage": func(t testing.TB, name string) {
		damage(t, name, func([]byte) []byte { return []byte("\x00\xff}{ \"not what roster wrote\n") })
	},
	"a folder": func(t testing.TB, name string) {
		t.Helper()
		if err := errors.Join(os.Remove(name), os.MkdirAll(filepath.Join(name, "folder"), 0o700)); err != nil {
			t.Fatal(err)
		}
	},
	// The superuser can read the file: then it is garbage as well.
	"without permission": func(t testing.TB, name string) {
		t.Helper()
		if os.Geteuid() == 0 {
			damage(t, name, func([]byte) []byte { return []byte("garbage") })
		}
		if err := os.Chmod(name, 0); err != nil {
			t.Fatal(err)
		}
	},
}

func zeros(t testing.TB, name string) {
	t.Helper()
	damage(t, name, func(b []byte) []byte { return make([]byte, len(b)) })
}

// TestADamagedStateDirectoryStopsNothing damages the files that a daemon has left in its state
// directory: all of roster's at once, in each way, and each of Git's. The daemon then starts,
// applies a new commit, and keeps what it could not read.
func TestADamagedStateDirectoryStopsNothing(t *testing.T) {
	t.Parallel()
	sim, d := newAppliedDaemon(t)
	d.stop()
	state := filepath.Join(d.home, "state")
	good := filepath.Join(d.home, "good")
	if err := os.CopyFS(good, os.DirFS(state)); err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, file := range stateFiles(t, good) {
		kind, _, _ := strings.Cut(file, string(filepath.Separator))
		switch {
		case strings.HasSuffix(file, ".json") || kind == "redact.key" || kind == "holder":
			own = append(own, file)
		case kind == "source.git" || kind == "audit.git":
			d.checkDamaged(good, "zeros", zeros, file)
		}
	}
	for _, dir := range []string{"pending", "queue", "quarantine"} { // no run has left these files
		name := filepath.Join(good, dir, "aws.json")
		err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("{}"), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, filepath.Join(dir, "aws.json"))
	}
	for name, change := range damages {
		d.checkDamaged(good, name, change, own...)
	}
	for _, kind := range []string{"branch", "cache", "evaluations.json", "holder", "pending", "quarantine", "queue",
		"redact.key"} {
		if !slices.ContainsFunc(own, func(file string) bool { return strings.HasPrefix(file, kind) }) {
			t.Errorf("the state directory has no %s", kind)
		}
	}
	if users := len(sim.State().Users); users != 36 {
		t.Errorf("AWS has %d users, want 36", users)
	}
}

// checkDamaged starts the daemon with a copy of a state directory in which files are damaged.
func (d *daemonProcess) checkDamaged(good, name string, change func(testing.TB, string), files ...string) {
	d.t.Helper()
	state := filepath.Join(d.home, "state")
	if err := os.RemoveAll(state); err != nil {
		d.t.Fatal(err)
	}
	if err := os.CopyFS(state, os.DirFS(good)); err != nil {
		d.t.Fatal(err)
	}
	for _, file := range files {
		change(d.t, filepath.Join(state, file))
	}
	log := &bytes.Buffer{}
	d.raw = log
	d.start()
	// A copied state directory is older than the branch. That is like another machine's run.
	outcome := d.waitForLog("run ended")["outcome"]
	d.stop()
	if outcome != string(reconcile.RunInSync) && outcome != string(reconcile.RunApplied) {
		d.t.Errorf("%s: the run ended %v", name, outcome)
	}
	for _, file := range files {
		// The id is replaced without a warning, and a stored answer is only looked for.
		if file == "holder" || strings.Contains(file, "evaluations"+string(filepath.Separator)) {
			continue
		}
		warnings := 0
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `"level":"WARN"`) && (strings.Contains(line, filepath.Join(state, file)) ||
				strings.Contains(line, `"file":"`+state) && len(files) == 1) { // of Git's, the whole repository
				warnings++
			}
		}
		if warnings != 1 {
			d.t.Errorf("%s: %d warnings name the file %s, want 1:\n%s", name, warnings, file, log)
		}
	}
}

// TestAuditRecoverAfterADamagedJournal kills roster among the users of its first apply and
// overwrites a part of its journal. Nothing is sent until roster audit recover has set the journal
// aside. The next run finds what the lost run has created, and creates nothing twice.
func TestAuditRecoverAfterADamagedJournal(t *testing.T) {
	t.Parallel()
	k, sim, home, dir := newKilledClient(t)
	applyKilled(t, k, home, dir, killPoint{nth: 18, after: true})
	journal := filepath.Join(dir, ".git", "roster", "journal", "aws.jsonl")
	damage(t, journal, func(b []byte) []byte {
		lines := bytes.SplitAfter(b, []byte("\n"))
		copy(lines[5], "garbage")
		return bytes.Join(lines, nil)
	})
	sim.ResetCalls()
	created := len(sim.State().Users)
	if out := expect(t, home, exitError, "apply", dir); !strings.Contains(out, "run `roster audit recover aws`") ||
		!strings.Contains(out, "aws.jsonl:6: the journal is damaged") {
		t.Errorf("apply does not name the way out:\n%s", out)
	}
	if n := sim.writes(); n != 0 {
		t.Errorf("apply made %d writes beside the damaged journal", n)
	}
	expect(t, home, exitUsage, "audit", "recover")
	out := expect(t, home, exitError, "audit", "recover", "other", "-C", dir)
	if !strings.Contains(out, "nothing to recover") {
		t.Errorf("another provisioner:\n%s", out)
	}
	out = expect(t, home, 0, "audit", "recover", "aws", "-C", dir)
	for _, want := range []string{"The journal is now " + journal + ".damaged.", "1 line cannot",
		"done     create-user", "roster plan aws"} {
		if !strings.Contains(out, want) {
			t.Errorf("audit recover does not say %q:\n%s", want, out)
		}
	}
	expect(t, home, 0, "apply", dir)
	names := map[string]bool{}
	for _, u := range sim.State().Users {
		names[u.UserName] = true
	}
	if users := len(sim.State().Users); users != 36 || len(names) != 36 {
		t.Errorf("AWS has %d users, %d before; want 36", users, created)
	}
	expect(t, home, 0, "plan", dir)
}
