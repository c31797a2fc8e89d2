package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/evaluator/bombs"
	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// smallLimits make bombs explode soon. The daemon itself may use maxDaemonMemory.
var smallLimits = []string{"--eval-cpu", "1s", "--eval-memory", "256", "--max-files", "2000", "--max-file-size", "4",
	"--max-total-size", "16"}

const maxDaemonMemory = 400 << 20

// hostileCommit is a commit that anybody could propose.
type hostileCommit struct {
	name string
	// make returns the tree of the commit, made from that of main.
	make func(d *daemonProcess) (tree string)
	want string // in the comment
}

func hostileCommits() []hostileCommit {
	out := []hostileCommit{
		{"a tree bomb", func(d *daemonProcess) string { return treeBomb(d, "groups") }, "more than 2000"},
		{"a large scalar", func(d *daemonProcess) string {
			return withFile(d, "users/bomb.yaml", []byte("a: "+strings.Repeat("x", 10<<20)+"\n"))
		}, "too large"},
	}
	for _, b := range bombs.All() {
		want := map[bombs.Outcome]string{bombs.Panics: "internal error", bombs.Any: "cannot be evaluated",
			bombs.Refused: "invalid"}[b.Outcome]
		if b.Outcome == bombs.Refused && len(b.Text) > 1<<20 {
			continue // the limits of this test are smaller
		}
		out = append(out, hostileCommit{b.Name, func(d *daemonProcess) string {
			return withFile(d, b.File, []byte(b.Text))
		}, want})
	}
	return out
}

// gitInput runs git with an input.
func gitInput(t testing.TB, dir string, input []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// withFile returns the tree of main with another file.
func withFile(d *daemonProcess, name string, content []byte) string {
	blob := gitInput(d.t, d.work, content, "hash-object", "-w", "--stdin")
	return withEntry(d, "100644", blob, name)
}

// withEntry returns the tree of main with another entry.
func withEntry(d *daemonProcess, mode, object, name string) string {
	d.t.Helper()
	index := filepath.Join(d.t.TempDir(), "index")
	run := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = d.work, append(os.Environ(), "GIT_INDEX_FILE="+index)
		out, err := cmd.CombinedOutput()
		if err != nil {
			d.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("read-tree", "main")
	run("update-index", "--add", "--cacheinfo", mode+","+object+","+name)
	return run("write-tree")
}

// treeBomb returns the tree of main with a folder that has 16 to the power of 9 files.
func treeBomb(d *daemonProcess, folder string) string {
	d.t.Helper()
	blob := gitInput(d.t, d.work, []byte("package roster\n"), "hash-object", "-w", "--stdin")
	entries := func(mode, kind, object, suffix string) string {
		var b strings.Builder
		for i := range 16 {
			fmt.Fprintf(&b, "%s %s %s\tf%02d%s\n", mode, kind, object, i, suffix)
		}
		return gitInput(d.t, d.work, []byte(b.String()), "mktree")
	}
	tree := entries("100644", "blob", blob, ".cue")
	for range 8 {
		tree = entries("040000", "tree", tree, "")
	}
	root := git(d.t, d.work, "ls-tree", "main")
	var b strings.Builder
	for line := range strings.Lines(root + "\n") {
		if strings.HasSuffix(strings.TrimSpace(line), "\t"+folder) {
			line = fmt.Sprintf("040000 tree %s\t%s\n", tree, folder)
		}
		b.WriteString(line)
	}
	return gitInput(d.t, d.work, []byte(b.String()), "mktree")
}

// propose pushes a tree as the head of a pull request.
func (d *daemonProcess) propose(number int, tree string) *forgetest.Pull {
	d.t.Helper()
	head := git(d.t, d.work, "-c", "user.name=Mallory", "-c", "user.email=mallory@example.com", "commit-tree", "-p",
		"main", "-m", "Harmless", tree)
	git(d.t, d.work, "push", "-q", "origin", head+":refs/pull/"+strconv.Itoa(number)+"/head")
	return &forgetest.Pull{Number: number, Author: "mallory", Base: "main", Head: head, Updated: time.Now()}
}

// peakMemory returns the largest resident memory that the daemon has had.
func (d *daemonProcess) peakMemory() int64 {
	d.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			if err != nil {
				d.t.Fatal(err)
			}
			return kb << 10
		}
	}
	d.t.Fatal("no VmHWM")
	return 0
}

// TestHostilePullRequestsDoNotStopTheDaemon opens all hostile pull requests at once. Meanwhile a
// commit on main is applied, and each pull request gets its answer.
func TestHostilePullRequestsDoNotStopTheDaemon(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	fake, d := newForge(t), newDaemonProcess(t, sim)
	d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge"}
	d.start(append(smallLimits, "--poll", "100ms", "--forge", "gitea", "--forge-url", fake.Start("gitea"))...)
	d.wantOutcome("applied")

	want := map[int]string{}
	var pulls []*forgetest.Pull
	for i, c := range hostileCommits() {
		pull := d.propose(i+1, c.make(d))
		pulls = append(pulls, pull)
		want[pull.Number] = c.want
	}
	setPulls(fake, pulls...)
	timeout := time.After(4 * time.Minute) // some are evaluated three times
	next := func() {
		select {
		case <-fake.Posts:
		case <-timeout:
			t.Fatalf("no answer to %v", want)
		}
	}
	next()
	d.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`)
	d.push("Mei leaves")
	d.eventually("the commit on main is applied", func() bool {
		u, ok := sim.State().User("mei@example.com")
		return ok && !u.Active
	})
	for ; len(want) > 0; next() {
		fake.Mu.Lock()
		for _, pull := range fake.Pulls {
			text, waiting := want[pull.Number]
			if !waiting || len(pull.Comments) == 0 {
				continue
			}
			if body := pull.Comments[0].Body; !strings.Contains(body, text) {
				t.Errorf("pull request %d got %q, want %q", pull.Number, body, text)
			}
			delete(want, pull.Number)
		}
		fake.Mu.Unlock()
	}
	if peak := d.peakMemory(); peak > maxDaemonMemory {
		t.Errorf("the daemon has used %d MiB", peak>>20)
	}
	d.stop()
}

// TestHostileCommitsOnTheBranchAreRefused pushes hostile commits to main, and kills the daemon
// between them. The last valid commit stays in force, and a commit without the bomb is applied.
func TestHostileCommitsOnTheBranchAreRefused(t *testing.T) {
	onBranch := []string{"a tree bomb", "a large scalar", "a panic in CUE", "a text that is doubled 40 times"}
	for _, c := range hostileCommits() {
		if !slices.Contains(onBranch, c.name) {
			continue // the pull requests have all of them
		}
		t.Run(c.name, func(t *testing.T) {
			sim, stop := startSimulator("aws", awssim.Options{})
			defer stop()
			d := newDaemonProcess(t, sim)
			d.start(smallLimits...)
			d.wantOutcome("applied")
			valid := git(t, d.work, "rev-parse", "HEAD")
			bomb := git(t, d.work, "commit-tree", "-p", "main", "-m", "Harmless", c.make(d))
			git(t, d.work, "push", "-q", "origin", bomb+":main")
			for _, when := range []string{"after the push", "after a restart"} {
				d.waitForLog("commit refused: the declarations are invalid")
				s := d.state()
				if s.NewestCommit.ID != bomb || when == "after the push" && s.ValidCommit.ID != valid ||
					s.InvalidReason == "" {
					t.Errorf("%s: the state is %+v", when, s)
				}
				if when == "after the push" {
					if err := d.cmd.Process.Signal(syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
					_ = d.cmd.Wait()
					d.start(smallLimits...)
				}
			}
			fix := git(t, d.work, "commit-tree", "-p", bomb, "-m", "Revert", valid+"^{tree}")
			git(t, d.work, "push", "-q", "origin", fix+":main")
			d.waitForLog("new commit")
			if s := d.state(); s.ValidCommit.ID != fix {
				t.Errorf("the state is %+v, want the valid commit %s", s, fix)
			}
			if peak := d.peakMemory(); peak > maxDaemonMemory {
				t.Errorf("the daemon has used %d MiB", peak>>20)
			}
			d.stop()
		})
	}
}

// TestCommandsReportAPanic runs commands on a working copy with declarations that make CUE panic.
func TestCommandsReportAPanic(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	bomb := bombs.All()[0]
	if err := os.WriteFile(filepath.Join(d.work, bomb.File), []byte(bomb.Text), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, d.work, "checkout", "-q", "-b", "bomb")
	git(t, d.work, "add", "-A")
	git(t, d.work, "commit", "-q", "-m", "Harmless")
	for _, args := range [][]string{
		{"check", d.work}, {"plan", d.work}, {"plan", d.work, "--base", "main", "--head", "bomb"},
	} {
		out := expect(t, d.home, 1, args...)
		if !strings.Contains(out, "cannot be evaluated") || strings.Contains(out, "goroutine") {
			t.Errorf("roster %s printed\n%s", strings.Join(args, " "), out)
		}
	}
}

// TestAKilledLoadRefusesNothing starts the daemon as if an earlier one was killed during the load
// of a valid commit.
func TestAKilledLoadRefusesNothing(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	d.start()
	d.wantOutcome("applied")
	d.stop()
	file := filepath.Join(d.home, "state", "evaluations.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var verdicts map[string]any
	if err := json.Unmarshal(data, &verdicts); err != nil {
		t.Fatal(err)
	}
	if verdicts["loading"] != nil {
		t.Errorf("a daemon that was stopped leaves the mark of a load: %v", verdicts["loading"])
	}
	head := git(t, d.work, "rev-parse", "HEAD")
	verdicts["loading"] = head
	if data, err = json.Marshal(verdicts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	if line := d.waitForLog("new commit"); line["commit"] != head {
		t.Errorf("the loaded commit is %v, want %s", line["commit"], head)
	}
	d.stop()
}
