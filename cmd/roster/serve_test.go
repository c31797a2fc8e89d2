package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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

// waitTimeout is the maximum time that a test waits for a process.
const waitTimeout = 30 * time.Second

// daemonProcess is roster serve as a process, with the bare repository that it polls and a working
// copy to push from.
type daemonProcess struct {
	t          testing.TB
	home       string
	work, bare string
	cmd        *exec.Cmd
	env        []string            // additional environment variables
	umask      string              // of the process; "" means that of the test
	timeout    time.Duration       // for the process to log something; 0 means waitTimeout
	log        chan map[string]any // lines
	raw        io.Writer           // nil, or gets the lines, too
	address    string
}

// newDaemonProcess creates the repositories for a simulator.
func newDaemonProcess(t *testing.T, sim *simulator) *daemonProcess {
	t.Helper()
	home := t.TempDir()
	d := &daemonProcess{t: t, home: home, work: filepath.Join(home, "work"), bare: filepath.Join(home, "bare.git")}
	expect(t, home, 0, "init", d.work)
	if err := sim.adaptExample(t.Context(), d.work); err != nil {
		t.Fatal(err)
	}
	git(t, home, "clone", "-q", "--bare", d.work, d.bare)
	git(t, d.work, "remote", "add", "origin", d.bare)
	return d
}

// newAppliedDaemon returns a daemon that has applied the example organization to a simulator.
func newAppliedDaemon(t *testing.T) (*simulator, *daemonProcess) {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	d := newDaemonProcess(t, sim)
	d.start()
	d.wantOutcome(reconcile.RunApplied)
	return sim, d
}

// start starts the daemon with additional flags, and waits until it listens.
func (d *daemonProcess) start(flags ...string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*cmp.Or(d.timeout, waitTimeout))
	d.t.Cleanup(cancel)
	d.cmd = d.command(ctx, append([]string{"serve", "--repo", "file://" + d.bare, "--listen", "127.0.0.1:0",
		"--poll", "20ms", "--jitter", "1ms", "-v",
		"--state-dir", filepath.Join(d.home, "state")}, flags...)...)
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.log = make(chan map[string]any, 10_000)
	go func() {
		defer close(d.log)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			if strings.Contains(s.Text(), canary) {
				d.t.Errorf("the log contains the token: %s", s.Text())
			}
			if d.raw != nil {
				_, _ = fmt.Fprintln(d.raw, s.Text())
			}
			entry := map[string]any{}
			if err := json.Unmarshal(s.Bytes(), &entry); err != nil {
				entry["msg"] = s.Text()
			}
			d.log <- entry
		}
	}()
	d.address, _ = d.waitForLog("listening")["address"].(string)
}

// waitForLog waits for the next line with this message. It skips the lines before it.
func (d *daemonProcess) waitForLog(message string) map[string]any {
	d.t.Helper()
	limit := cmp.Or(d.timeout, waitTimeout)
	timeout := time.After(limit)
	for {
		select {
		case entry, ok := <-d.log:
			if !ok {
				d.t.Fatalf("the daemon ended before it logged %q", message)
			}
			if entry["msg"] == message {
				return entry
			}
			if entry["level"] == "ERROR" {
				d.t.Logf("daemon: %v", entry)
			}
		case <-timeout:
			d.t.Fatalf("the daemon did not log %q within %s", message, limit)
		}
	}
}

// stop sends SIGTERM and waits for the end of the process.
func (d *daemonProcess) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	d.wait()
}

// wait waits for the end of the process, which must be without an error.
func (d *daemonProcess) wait() {
	d.t.Helper()
	d.waitForLog("stopped")
	for range d.log { // to the end of the log
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatalf("serve ended with %v", err)
	}
}

// push commits the changes of the working copy and pushes the commit.
func (d *daemonProcess) push(message string) (commit string) {
	d.t.Helper()
	git(d.t, d.work, "-c", "user.name=Bob", "-c", "user.email=bob@example.com", "commit", "-q", "-a", "-m", message)
	git(d.t, d.work, "push", "-q", "origin", "HEAD:main")
	return git(d.t, d.work, "rev-parse", "HEAD")
}

func (d *daemonProcess) edit(file, old, new string) {
	d.t.Helper()
	if err := replace(filepath.Join(d.work, filepath.FromSlash(file)), old, new); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemonProcess) get(path string) (int, string) {
	d.t.Helper()
	res, err := http.Get(d.address + strings.TrimPrefix(path, "/"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (d *daemonProcess) state() daemon.State {
	d.t.Helper()
	_, body := d.get("/api/v1/status")
	var s daemon.State
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

// eventually waits for a condition.
func (d *daemonProcess) eventually(description string, holds func() bool) {
	d.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(waitTimeout); !holds(); {
		select {
		case <-tick.C:
		case <-timeout:
			d.t.Fatalf("not within %s: %s", waitTimeout, description)
		}
	}
}

func (d *daemonProcess) wantOutcome(want reconcile.Outcome) {
	d.t.Helper()
	if got := d.waitForLog("run ended")["outcome"]; got != string(want) {
		d.t.Fatalf("the outcome of the run is %v; want %s", got, want)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	sim, d := newAppliedDaemon(t)
	if s := sim.State(); len(s.Users) != 36 || len(s.Groups) != 8 {
		t.Fatalf("the directory has %d users and %d groups; want 36 and 8", len(s.Users), len(s.Groups))
	}
	checkPages(t, d)

	// A pushed change is applied, and its report is on the branch.
	d.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`)
	commit := d.push("Mei leaves")
	d.wantOutcome(reconcile.RunApplied)
	if u, ok := sim.State().User("mei@example.com"); !ok || u.Active {
		t.Errorf("mei is still active: %+v", u)
	}
	all := reports(t, d.bare, "aws")
	if last := all[len(all)-1]; last.Commit.ID != commit || last.Trigger != "commit" ||
		last.Commit.Subject != "Mei leaves" {
		t.Errorf("the last report has commit %+v, trigger %q; want %s", last.Commit, last.Trigger, commit)
	}

	// An invalid commit is refused and reported, and the directory is unchanged.
	sim.ResetCalls()
	d.edit("groups/technology.cue", `include: "sre": {}`, `include: "srre": {}`)
	commit = d.push("Misspell a group")
	d.waitForLog("commit refused: the declarations are invalid")
	d.wantOutcome(reconcile.RunFailed)
	if s := d.state(); !strings.Contains(s.InvalidReason, `did you mean "sre"?`) || s.NewestCommit.ID != commit ||
		s.ValidCommit.ID == commit {
		t.Errorf("the state is %+v; want the refusal of %s", s, commit)
	}
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, "\nroster_commit_refused 1\n") {
		t.Errorf("no metric reports the refusal:\n%s", metrics)
	}
	if n := sim.Calls().Total; n != 0 {
		t.Errorf("the refused commit caused %d requests", n)
	}

	// The new changes of a disabled provisioner wait.
	d.edit("groups/technology.cue", `include: "srre": {}`, `include: "sre": {}`)
	d.edit("provisioners/aws.cue", "enabled: true", "enabled: false")
	d.edit("users/security.cue", `"Security Engineer", employeeNumber: "41012"`, `"Locksmith", employeeNumber: "41012"`)
	d.push("Disable, and change a title")
	d.wantOutcome(reconcile.RunWaiting)
	if n := sim.writes(); n != 0 {
		t.Errorf("a disabled provisioner made %d write requests", n)
	}
	d.edit("provisioners/aws.cue", "enabled: false", "enabled: true")
	d.push("Enable")
	d.wantOutcome(reconcile.RunApplied)
	if u, _ := sim.State().User("liam@example.com"); u.Title != "Locksmith" {
		t.Errorf("the title of liam is %q; want Locksmith", u.Title)
	}
	d.stop()
	reports(t, d.bare, "aws") // it verifies the chain
	if found, err := filesContaining(t.Context(), d.home, canary); err != nil || len(found) > 0 {
		t.Errorf("the token is in %v (%v)", found, err)
	}
}

func checkPages(t *testing.T, d *daemonProcess) {
	t.Helper()
	d.eventually("the run is in the state", func() bool { return d.state().Provisioners["aws"].Report != nil })
	for _, test := range []struct {
		path string
		want []string
	}{
		{"/healthz", []string{"ok"}},
		{"/readyz", []string{"ready"}},
		{"/metrics", []string{`roster_last_run_outcome{outcome="applied",provisioner="aws"} 1`,
			`roster_last_run_outcome{outcome="failed",provisioner="aws"} 0`,
			`roster_last_run_changes{provisioner="aws",result="done"} 88`, "roster_commit_refused 0",
			"roster_poll_failing 0"}},
		{"/api/v1/status", []string{`"outcome": "applied"`, `"subject": "Point at this test's directory"`}},
		{"/api/v1/explain/user/BRAM?provisioner=aws",
			[]string{`"answer": "bram@example.com (u-1002) is in AWS and may sign in, in \"platform\"."`,
				`"subject": "Start with the example organization"`}},
		{"/api/v1/explain/group/Platform", []string{`"answer": "Platform (platform) is in AWS, with `}},
		{"/users/u-1002", []string{"bram@example.com (u-1002) is in AWS", "groups/technology.cue:11"}},
		{"/find?q=BRAM", []string{"bram@example.com (u-1002) is in AWS"}},
		{"/", []string{`<a href="/provisioners/aws">aws</a>`, ">applied</span>", "88 changes applied",
			"Point at this test&#39;s directory"}},
	} {
		status, body := d.get(test.path)
		for _, text := range test.want {
			if status != http.StatusOK || !strings.Contains(body, text) {
				t.Errorf("GET %s: %d, without %q:\n%s", test.path, status, text, body)
			}
		}
		if strings.Contains(body, canary) {
			t.Errorf("GET %s shows the token", test.path)
		}
	}
	if status, _ := d.get("/nowhere"); status != http.StatusNotFound {
		t.Errorf("GET /nowhere: %d", status)
	}
}

// TestServeStopped sends SIGTERM during the first apply. The requests in flight are finished, a
// report lists the done and the skipped changes, and the daemon completes them after its next
// start.
func TestServeStopped(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	stop()
	var writes atomic.Int32
	started := make(chan *os.Process, 1)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && writes.Add(1) == 10 {
			if err := (<-started).Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
		sim.ServeHTTP(rw, r)
	}))
	defer server.Close()
	sim.endpoint = server.URL + sim.Path()
	d := newDaemonProcess(t, sim)
	d.start()
	started <- d.cmd.Process
	d.wantOutcome(reconcile.RunInterrupted)
	d.wait()

	first := reports(t, d.bare, "aws")
	if len(first) != 1 || first[0].Outcome != reconcile.RunInterrupted {
		t.Fatalf("there are %d reports; want one, interrupted", len(first))
	}
	made := len(sim.State().Users)
	if n := first[0].Counts; n.Done != made || n.Skipped != 88-made || n.Unknown+n.Failed != 0 {
		t.Errorf("the report counts %+v; the directory has %d users", n, made)
	}
	if made >= 36 {
		t.Errorf("SIGTERM did not stop the run: %d users", made)
	}

	d.start()
	d.wantOutcome(reconcile.RunApplied)
	d.stop()
	checkReports(t, sim, d.bare, []string{"interrupted", "applied"})
}

func TestServeIgnoresAProvisionerThatWasNeverEnabled(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	d.edit("provisioners/aws.cue", "enabled: true", "enabled: false")
	d.push("Not yet")
	d.start()
	d.eventually("the worker has run", func() bool { return !d.state().Provisioners["aws"].Time.IsZero() })
	if last := d.state().Provisioners["aws"]; last.Report != nil || last.Error != "" {
		t.Errorf("a provisioner that was never enabled has the result %+v", last)
	}
	d.stop()
	if n := sim.Calls().Total; n != 0 {
		t.Errorf("it made %d requests", n)
	}
	if branches := git(t, d.bare, "branch", "--format=%(refname:short)"); branches != "main" {
		t.Errorf("it created the branches %q", branches)
	}
}

func TestServeSurvivesAMissingRepository(t *testing.T) {
	t.Parallel()
	sim, d := newAppliedDaemon(t)
	away := d.bare + ".away"
	if err := os.Rename(d.bare, away); err != nil {
		t.Fatal(err)
	}
	d.waitForLog("poll failed")
	d.eventually("the state shows the failing poll", func() bool { return d.state().PollError != "" })
	if status, _ := d.get("/readyz"); status != http.StatusOK {
		t.Errorf("the daemon is not ready while the repository is missing: %d", status)
	}
	d.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`)
	git(t, d.work, "remote", "set-url", "origin", away)
	d.push("Mei leaves")
	if err := os.Rename(away, d.bare); err != nil {
		t.Fatal(err)
	}
	d.wantOutcome(reconcile.RunApplied)
	if u, ok := sim.State().User("mei@example.com"); !ok || u.Active {
		t.Errorf("mei is still active: %+v", u)
	}
	d.eventually("the poll succeeds again", func() bool { return d.state().PollError == "" })
	d.stop()
}
