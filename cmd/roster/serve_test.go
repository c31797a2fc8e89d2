package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// patience is how long a test waits for a process. No test needs it unless something is wrong.
const patience = 30 * time.Second

// watch is roster serve as a process, with a bare repository that it serves and a working copy that people push from.
type watch struct {
	t          *testing.T
	home       string
	work, bare string
	cmd        *exec.Cmd
	env        []string            // that it gets besides
	lines      chan map[string]any // of its log
	address    string
}

// newWatch prepares the repositories for a cloud.
func newWatch(t *testing.T, c *cloud) *watch {
	t.Helper()
	home := t.TempDir()
	w := &watch{t: t, home: home, work: filepath.Join(home, "work"), bare: filepath.Join(home, "bare.git")}
	expect(t, home, 0, "init", w.work)
	if err := c.settle(t.Context(), w.work); err != nil {
		t.Fatal(err)
	}
	git(t, home, "clone", "-q", "--bare", w.work, w.bare)
	git(t, w.work, "remote", "add", "origin", w.bare)
	return w
}

// start starts the daemon, told more than usual or not, and waits until it serves its pages.
func (w *watch) start(more ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*patience)
	w.t.Cleanup(cancel)
	w.cmd = roster(ctx, w.home, append([]string{"serve", "--repo", "file://" + w.bare, "--listen", "127.0.0.1:0", "--poll", "20ms", "--jitter", "1ms", "-v",
		"--state-dir", filepath.Join(w.home, "state")}, more...)...)
	w.cmd.Env = append(w.cmd.Env, w.env...)
	log, err := w.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.lines = make(chan map[string]any, 10_000)
	go func() {
		defer close(w.lines)
		for s := bufio.NewScanner(log); s.Scan(); {
			if strings.Contains(s.Text(), canary) {
				w.t.Errorf("the log holds the token: %s", s.Text())
			}
			entry := map[string]any{}
			if err := json.Unmarshal(s.Bytes(), &entry); err != nil {
				entry["msg"] = s.Text()
			}
			w.lines <- entry
		}
	}()
	w.address, _ = w.logged("pages")["address"].(string)
}

// logged waits for the next line with this message; what comes before it is passed over.
func (w *watch) logged(message string) map[string]any {
	w.t.Helper()
	late := time.After(patience)
	for {
		select {
		case entry, ok := <-w.lines:
			if !ok {
				w.t.Fatalf("the daemon ended before it logged %q", message)
			}
			if entry["msg"] == message {
				return entry
			}
			if entry["level"] == "ERROR" {
				w.t.Logf("daemon: %v", entry)
			}
		case <-late:
			w.t.Fatalf("the daemon did not log %q within %s", message, patience)
		}
	}
}

// end sends SIGTERM and waits for a clean end.
func (w *watch) end() {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	w.ended()
}

func (w *watch) ended() {
	w.t.Helper()
	w.logged("stopped")
	for range w.lines { // to the end of the log
	}
	if err := w.cmd.Wait(); err != nil {
		w.t.Fatalf("serve ended with %v", err)
	}
}

// push commits what is in the working copy and pushes it.
func (w *watch) push(message string) (commit string) {
	w.t.Helper()
	git(w.t, w.work, "-c", "user.name=Bob", "-c", "user.email=bob@example.com", "commit", "-q", "-a", "-m", message)
	git(w.t, w.work, "push", "-q", "origin", "HEAD:main")
	return git(w.t, w.work, "rev-parse", "HEAD")
}

func (w *watch) edit(file, old, new string) {
	w.t.Helper()
	if err := replace(filepath.Join(w.work, filepath.FromSlash(file)), old, new); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watch) get(path string) (int, string) {
	w.t.Helper()
	res, err := http.Get(w.address + strings.TrimPrefix(path, "/"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (w *watch) state() daemon.State {
	w.t.Helper()
	_, body := w.get("/api/v1/status")
	var s daemon.State
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// eventually waits for a condition that another process brings about.
func (w *watch) eventually(what string, holds func() bool) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (w *watch) wantOutcome(want reconcile.Outcome) {
	w.t.Helper()
	if have := w.logged("run ended")["outcome"]; have != string(want) {
		w.t.Fatalf("the run ended as %v; want %s", have, want)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	c, stop := newCloud("aws", awssim.Options{})
	defer stop()
	w := newWatch(t, c)
	w.start()

	w.wantOutcome(reconcile.RunApplied)
	if s := c.State(); len(s.Users) != 36 || len(s.Groups) != 8 {
		t.Fatalf("the directory has %d users and %d groups; want 36 and 8", len(s.Users), len(s.Groups))
	}
	checkPages(t, w)

	// A change that is pushed reaches the directory, and its report the branch.
	w.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`, `email: "mei@example.com", state: "INACTIVE"`)
	commit := w.push("Mei leaves")
	w.wantOutcome(reconcile.RunApplied)
	if u, ok := c.State().User("mei@example.com"); !ok || u.Active {
		t.Errorf("Mei is still active: %+v", u)
	}
	all := reports(t, w.bare, "aws")
	if last := all[len(all)-1]; last.Commit.ID != commit || last.Trigger != "commit" || last.Commit.Subject != "Mei leaves" {
		t.Errorf("the last report is of commit %+v, trigger %q; want %s", last.Commit, last.Trigger, commit)
	}

	// What is invalid is refused, and said; the directory stays.
	c.ResetCalls()
	w.edit("groups/technology.cue", `include: "sre": {}`, `include: "srre": {}`)
	commit = w.push("Misspelt")
	w.logged("commit refused: the declarations are invalid")
	w.wantOutcome(reconcile.RunFailed)
	if s := w.state(); !strings.Contains(s.InvalidReason, `did you mean "sre"?`) || s.NewestCommit.ID != commit || s.ValidCommit.ID == commit {
		t.Errorf("the state is %+v; want the refusal of %s", s, commit)
	}
	if _, metrics := w.get("/metrics"); !strings.Contains(metrics, "\nroster_commit_refused 1\n") {
		t.Errorf("no metric tells of the refusal:\n%s", metrics)
	}
	if n := c.Calls().Total; n != 0 {
		t.Errorf("the refused commit made %d calls", n)
	}

	// Disabled: what is new waits.
	w.edit("groups/technology.cue", `include: "srre": {}`, `include: "sre": {}`)
	w.edit("provisioners/aws.cue", "enabled: true", "enabled: false")
	w.edit("users/security.cue", `"Security Engineer", employeeNumber: "41012"`, `"Locksmith", employeeNumber: "41012"`)
	w.push("Stop, and a title")
	w.wantOutcome(reconcile.RunHeld)
	if n := c.writes(); n != 0 {
		t.Errorf("a disabled provisioner made %d writes", n)
	}
	w.edit("provisioners/aws.cue", "enabled: false", "enabled: true")
	w.push("Go on")
	w.wantOutcome(reconcile.RunApplied)
	if u, _ := c.State().User("liam@example.com"); u.Title != "Locksmith" {
		t.Errorf("Liam's title is %q; want Locksmith", u.Title)
	}
	w.end()
	reports(t, w.bare, "aws") // the chain holds
	if found, err := holders(t.Context(), w.home, canary); err != nil || len(found) > 0 {
		t.Errorf("the token is in %v (%v)", found, err)
	}
}

func checkPages(t *testing.T, w *watch) {
	t.Helper()
	w.eventually("the run is in the state", func() bool { return w.state().Provisioners["aws"].Report != nil })
	for _, test := range []struct {
		path string
		want []string
	}{
		{"/healthz", []string{"ok"}},
		{"/readyz", []string{"ready"}},
		{"/metrics", []string{`roster_last_run_outcome{outcome="applied",provisioner="aws"} 1`, `roster_last_run_outcome{outcome="failed",provisioner="aws"} 0`,
			`roster_last_run_changes{provisioner="aws",result="done"} 88`, "roster_commit_refused 0", "roster_poll_failing 0"}},
		{"/api/v1/status", []string{`"outcome": "applied"`, `"subject": "Point at this test's directory"`}},
		{"/api/v1/explain/user/BRAM?provisioner=aws", []string{`"answer": "bram@example.com (u-1002) is in AWS and may sign in, in \"platform\"."`, `"subject": "Start with the example organisation"`}},
		{"/api/v1/explain/group/Platform", []string{`"answer": "Platform (platform) is in AWS, with `}},
		{"/explain?kind=user&key=u-1002", []string{"bram@example.com (u-1002) is in AWS", "groups/technology.cue:11"}},
		{"/", []string{"<td>aws</td>", "<td>applied</td>", "Point at this test&#39;s directory"}},
	} {
		status, body := w.get(test.path)
		for _, text := range test.want {
			if status != http.StatusOK || !strings.Contains(body, text) {
				t.Errorf("GET %s: %d, without %q:\n%s", test.path, status, text, body)
			}
		}
		if strings.Contains(body, canary) {
			t.Errorf("GET %s shows the token", test.path)
		}
	}
	if status, _ := w.get("/nowhere"); status != http.StatusNotFound {
		t.Errorf("GET /nowhere: %d", status)
	}
}

// TestServeStopped sends SIGTERM in the middle of the first apply: the calls in flight end, a report says what was done and what was not,
// and the next start finishes the work.
func TestServeStopped(t *testing.T) {
	t.Parallel()
	c, stop := newCloud("aws", awssim.Options{})
	stop()
	var writes atomic.Int32
	started := make(chan *os.Process, 1)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && writes.Add(1) == 10 {
			if err := (<-started).Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
		c.ServeHTTP(rw, r)
	}))
	defer server.Close()
	c.endpoint = server.URL + c.Path()
	w := newWatch(t, c)
	w.start()
	started <- w.cmd.Process
	w.wantOutcome(reconcile.RunInterrupted)
	w.ended()

	first := reports(t, w.bare, "aws")
	if len(first) != 1 || first[0].Outcome != reconcile.RunInterrupted {
		t.Fatalf("there are %d reports; want one, interrupted", len(first))
	}
	made := len(c.State().Users)
	if n := first[0].Counts; n.Done != made || n.Skipped != 88-made || n.Unknown+n.Failed != 0 {
		t.Errorf("the report counts %+v; the directory has %d users", n, made)
	}
	if made >= 36 {
		t.Errorf("SIGTERM stopped nothing: %d users", made)
	}

	w.start()
	w.wantOutcome(reconcile.RunApplied)
	w.end()
	checkEvidence(t, c, w.bare, []string{"interrupted", "applied"})
}

func TestServeLeavesTheNeverEnabledAlone(t *testing.T) {
	t.Parallel()
	c, stop := newCloud("aws", awssim.Options{})
	defer stop()
	w := newWatch(t, c)
	w.edit("provisioners/aws.cue", "enabled: true", "enabled: false")
	w.push("Not yet")
	w.start()
	w.eventually("the worker has had its turn", func() bool { return !w.state().Provisioners["aws"].Time.IsZero() })
	if last := w.state().Provisioners["aws"]; last.Report != nil || last.Error != "" {
		t.Errorf("a provisioner that was never enabled came to %+v", last)
	}
	w.end()
	if n := c.Calls().Total; n != 0 {
		t.Errorf("it made %d calls", n)
	}
	if branches := git(t, w.bare, "branch", "--format=%(refname:short)"); branches != "main" {
		t.Errorf("it left branches %q", branches)
	}
}

func TestServeWaitsForGit(t *testing.T) {
	t.Parallel()
	c, stop := newCloud("aws", awssim.Options{})
	defer stop()
	w := newWatch(t, c)
	w.start()
	w.wantOutcome(reconcile.RunApplied)
	away := w.bare + ".away"
	if err := os.Rename(w.bare, away); err != nil {
		t.Fatal(err)
	}
	w.logged("poll failed")
	w.eventually("the state tells of the failing poll", func() bool { return w.state().PollError != "" })
	if status, _ := w.get("/readyz"); status != http.StatusOK {
		t.Errorf("a repository that is away for a while makes the daemon unready: %d", status)
	}
	w.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`, `email: "mei@example.com", state: "INACTIVE"`)
	git(t, w.work, "remote", "set-url", "origin", away)
	w.push("Mei leaves")
	if err := os.Rename(away, w.bare); err != nil {
		t.Fatal(err)
	}
	w.wantOutcome(reconcile.RunApplied)
	if u, ok := c.State().User("mei@example.com"); !ok || u.Active {
		t.Errorf("Mei is still active: %+v", u)
	}
	w.eventually("the poll is well again", func() bool { return w.state().PollError == "" })
	w.end()
}
