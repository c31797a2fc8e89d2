package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// standbyLease is the lease of the daemons in these tests.
const standbyLease = 10 * time.Second

// TestAStandbyContinuesTheWorkOfAKilledDaemon kills the daemon that writes, at random moments. The
// number of kills is 3, or STANDBY_KILLS.
func TestAStandbyContinuesTheWorkOfAKilledDaemon(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("STANDBY_KILLS"), "3"))
	if err != nil {
		t.Fatalf("STANDBY_KILLS: %v", err)
	}
	f := startFleet(t)
	var takeovers []time.Duration
	for i := range kills {
		nth := 1 + rand.IntN(f.addedPerRound) // of the writes of the round
		takeover := f.killDuringRound(nth, syscall.SIGKILL)
		t.Logf("kill %d at write %d: the other daemon writes after %s", i+1, nth, takeover.Round(time.Millisecond))
		takeovers = append(takeovers, takeover)
		f.restartKilled()
	}
	slices.Sort(takeovers)
	median := takeovers[len(takeovers)/2]
	t.Logf("takeovers: median %s, longest %s", median.Round(time.Millisecond), takeovers[len(takeovers)-1])
	if most := standbyLease + 20*time.Second; median > most {
		t.Errorf("the median takeover takes %s, want at most %s", median, most)
	}
	f.stop()
	f.checkWriters()
	f.checkReports()
}

// TestAStoppedDaemonWritesNoMoreThanTheCallsInFlightWhenItContinues stops the daemon that writes,
// for longer than its lease. It counts the writes until the run of the stopped daemon has ended.
func TestAStoppedDaemonWritesNoMoreThanTheCallsInFlightWhenItContinues(t *testing.T) {
	f := startFleet(t)
	f.killDuringRound(5, syscall.SIGSTOP)
	stopped := f.killed
	logged := len(stopped.text())
	if err := stopped.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	sinceStop := func() (n int) {
		for _, w := range f.log {
			if w.replica == stopped.name && w.at.After(f.killedAt) {
				n++
			}
		}
		return n
	}
	f.await("the run of the stopped daemon to end", func() bool {
		log := stopped.text()[logged:]
		ended := strings.Contains(log, `"run failed"`) || strings.Contains(log, `"run ended"`)
		return ended || sinceStop() > f.concurrency
	})
	f.mu.Lock()
	n := sinceStop()
	f.mu.Unlock()
	if n > f.concurrency {
		t.Fatalf("the stopped daemon wrote %d times after it was stopped; want at most the %d calls in flight", n,
			f.concurrency)
	}
	if !strings.Contains(stopped.text()[logged:], "lost the lease") {
		t.Errorf("the log of the stopped daemon does not say that it lost its lease")
	}
	f.restartKilled()
	f.stop()
	f.checkWriters()
	f.checkReports()
}

// fleet is two daemons with state directories of their own, the repository that they share over
// HTTP, and the simulator of AWS, which logs which daemon writes.
type fleet struct {
	*testing.T
	sim                        *simulator
	home, work, bare           string
	replicas                   []*replica
	addedPerRound, concurrency int
	users                      int // declared

	mu       sync.Mutex
	changed  chan struct{} // closed at each event
	log      []fleetWrite
	created  map[string]int // successful creations by externalId
	polls    map[string]int // requests to the Git server by replica
	arm      int            // remaining writes until signal; 0: none
	signal   syscall.Signal
	killed   *replica
	killedAt time.Time
}

// fleetWrite is a write that the simulator received.
type fleetWrite struct {
	replica string
	at      time.Time
}

// replica is one of the daemons.
type replica struct {
	name, state string
	holder      string // the id of its state directory
	cmd         *exec.Cmd
	mu          sync.Mutex
	log         bytes.Buffer
}

func (r *replica) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

// text returns the log of all processes of the replica.
func (r *replica) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

const fleetSettings = `package roster

attributeTypes: title: type: "string"
mappings: aws: {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		title: user.attributes.title
	}
}
apps: aws: displayName: "AWS"
provisioners: aws: {
	app: "aws", mapping: "aws", enabled: true
	endpoint: %q
	auth: token: env: "ROSTER_SECRET_AWS"
	tokenExpires: "2097-01-01"
	rate: {perSecond: 20, concurrency: %d}
}
groups: all: {displayName: "All", where: {title: "Engineer"}}
`

// startFleet starts the daemons and waits until one of them has applied the first commit.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	t.Parallel()
	home := t.TempDir()
	f := &fleet{T: t, home: home, work: filepath.Join(home, "work"), bare: filepath.Join(home, "bare.git"),
		addedPerRound: 30, concurrency: 3, changed: make(chan struct{}), created: map[string]int{},
		polls: map[string]int{}}
	var stop func()
	f.sim, stop = startSimulator("aws", awssim.Options{})
	stop() // the fleet serves it
	server := httptest.NewServer(http.HandlerFunc(f.serveAWS))
	t.Cleanup(server.Close)
	f.sim.endpoint = server.URL + f.sim.Path()
	git(t, home, "init", "-q", "--bare", "-b", "main", f.bare)
	git(t, home, "init", "-q", "-b", "main", f.work)
	git(t, f.work, "remote", "add", "origin", f.bare)
	f.write("roster.cue", fmt.Sprintf(fleetSettings, f.sim.endpoint, f.concurrency))
	f.push()
	repository := f.serveGit()
	for _, name := range []string{"a", "b"} {
		r := &replica{name: name, state: filepath.Join(home, "state-"+name)}
		f.replicas = append(f.replicas, r)
		f.start(r, repository)
	}
	f.await("the first commit to be applied", f.applied)
	return f
}

// start starts a daemon. Its name is in its token at the simulator, and its user name at the Git
// server.
func (f *fleet) start(r *replica, repository string) {
	f.Helper()
	args := []string{"serve", "--repo", repository, "--git-username", r.name, "--listen", "", "--poll", "500ms",
		"--lease", standbyLease.String(), "--state-dir", r.state}
	r.cmd = exec.Command("roster", args...)
	r.cmd.Env = append(os.Environ(), "ROSTER_SECRET_AWS="+fleetToken(r.name), "ROSTER_GIT_TOKEN=git",
		"ROSTER_ALLOW_HOST=loopback")
	for name, value := range gitEnv(filepath.Join(f.home, r.name)) {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	r.cmd.Stdout, r.cmd.Stderr = r, r
	before := len(r.text())
	if err := r.cmd.Start(); err != nil {
		f.Fatal(err)
	}
	process := r.cmd
	f.Cleanup(func() {
		if process.ProcessState == nil {
			_ = process.Process.Kill()
			_ = process.Wait()
		}
		if f.Failed() {
			f.Logf("the log of daemon %s:\n%s", r.name, r.text())
		}
	})
	f.await("daemon "+r.name+" to read a commit", func() bool {
		return f.polls[r.name] > 0 && strings.Contains(r.text()[before:], `"new commit"`)
	})
	if id, err := os.ReadFile(filepath.Join(r.state, "holder")); err == nil {
		r.holder = strings.TrimSpace(string(id))
	}
}

func fleetToken(name string) string { return "token-of-daemon-" + name }

// serveAWS logs which daemon writes, and signals it at the armed write.
func (f *fleet) serveAWS(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "+fleetToken(""))
	r.Header.Set("Authorization", "Bearer "+canary+"aws")
	if r.Method == http.MethodGet {
		f.sim.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	f.log = append(f.log, fleetWrite{name, time.Now()})
	after := rand.IntN(2) == 0
	now := false
	if f.arm > 0 {
		f.arm--
		now = f.arm == 0
	}
	f.mu.Unlock()
	if now && !after {
		f.kill(name)
	}
	answer := httptest.NewRecorder()
	f.sim.ServeHTTP(answer, r)
	f.mu.Lock()
	if r.Method == http.MethodPost && answer.Code == http.StatusCreated {
		object := struct{ ExternalID string }{}
		_ = json.Unmarshal(body, &object)
		f.created[object.ExternalID]++
	}
	f.mu.Unlock()
	if now && after {
		f.kill(name)
	}
	f.notify()
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// kill sends the armed signal to a daemon.
func (f *fleet) kill(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.replicas {
		if r.name == name {
			f.killed, f.killedAt = r, time.Now()
			if err := r.cmd.Process.Signal(f.signal); err != nil {
				f.Errorf("signal daemon %s: %v", name, err)
			}
		}
	}
}

// serveGit serves the repository over HTTP with Git's own server, and returns its address.
func (f *fleet) serveGit() string {
	f.Helper()
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		f.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Stderr: io.Discard,
		Env:    []string{"GIT_PROJECT_ROOT=" + f.home, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bob", "HOME=" + f.home}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		if password != "git" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
		f.mu.Lock()
		f.polls[name]++
		f.mu.Unlock()
		f.notify()
	}))
	f.Cleanup(server.Close)
	return server.URL + "/bare.git"
}

func (f *fleet) notify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until a condition holds, which it checks at each event. The condition has f.mu.
func (f *fleet) await(what string, condition func() bool) {
	f.Helper()
	timeout := time.After(4 * waitTimeout)
	for {
		f.mu.Lock()
		ok, changed := condition(), f.changed
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			f.Fatalf("waited too long for %s", what)
		}
	}
}

func (f *fleet) write(name, content string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.work, name), []byte(content), 0o644); err != nil {
		f.Fatal(err)
	}
}

// push declares more users, and pushes the commit.
func (f *fleet) push() {
	f.Helper()
	f.users += f.addedPerRound
	var b strings.Builder
	b.WriteString("package roster\n")
	for i := range f.users {
		fmt.Fprintf(&b, "users: \"u-%d\": {userId: \"user%d\", firstName: \"A\", lastName: \"B%d\", ", i, i, i)
		fmt.Fprintf(&b, "email: \"u%d@example.com\", state: \"ACTIVE\", attributes: title: \"Engineer\"}\n", i)
	}
	f.write("users.cue", b.String())
	git(f.T, f.work, "add", "-A")
	git(f.T, f.work, "commit", "-q", "-m", "Declare more users")
	git(f.T, f.work, "push", "-q", "origin", "HEAD:main")
}

// applied reports whether AWS is as declared, and the audit branch says so.
func (f *fleet) applied() bool {
	state := f.sim.State()
	if len(state.Users) != f.users || len(state.Groups) != 1 || len(state.Groups[0].Members) != f.users {
		return false
	}
	status := &reconcile.Status{}
	return f.show("roster/audit:status/aws.json", status) && status.LastAppliedCommit() == f.head()
}

// show reads a file of the repository, and reports whether it exists.
func (f *fleet) show(name string, into any) bool {
	cmd := exec.Command("git", "show", name)
	cmd.Dir = f.bare
	out, err := cmd.Output()
	return err == nil && json.Unmarshal(out, into) == nil
}

func (f *fleet) head() string { return git(f.T, f.bare, "rev-parse", "main") }

// killDuringRound pushes a commit, and signals the daemon that writes at the nth write. It returns
// the time until the other daemon writes, after AWS is as declared.
func (f *fleet) killDuringRound(nth int, signal syscall.Signal) time.Duration {
	f.Helper()
	f.mu.Lock()
	f.arm, f.signal, f.killed = nth, signal, nil
	f.mu.Unlock()
	f.push()
	f.await("a daemon to write", func() bool { return f.killed != nil })
	if signal == syscall.SIGKILL {
		_ = f.killed.cmd.Wait()
	}
	var takeover time.Duration
	f.await("the other daemon to continue", func() bool {
		for _, w := range f.log {
			if w.at.After(f.killedAt) && w.replica != f.killed.name {
				takeover = w.at.Sub(f.killedAt)
				return true
			}
		}
		return false
	})
	f.await("the commit to be applied", f.applied)
	return takeover
}

// restartKilled starts the killed daemon again, unless it runs, and waits until no run is without a
// report.
func (f *fleet) restartKilled() {
	f.Helper()
	if f.killed.cmd.ProcessState != nil {
		f.mu.Lock()
		f.polls[f.killed.name] = 0
		f.mu.Unlock()
		f.start(f.killed, f.killed.cmd.Args[3])
	}
	f.await("the report of the killed run", func() bool {
		return exec.Command("git", "-C", f.bare, "cat-file", "-e", "roster/audit:intents/aws.json").Run() != nil
	})
}

// stop stops the daemons.
func (f *fleet) stop() {
	f.Helper()
	for _, r := range f.replicas {
		if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			f.Fatal(err)
		}
		if err := r.cmd.Wait(); err != nil {
			f.Errorf("daemon %s ended with %v", r.name, err)
		}
	}
}

// heldLease is a lease as the commits of the audit branch show it.
type heldLease struct {
	run, holder string
	from, until time.Time
}

// leases returns the leases of the history of the audit branch.
func (f *fleet) leases() []heldLease {
	f.Helper()
	var out []heldLease
	open := -1 // the lease of the last commit
	for line := range strings.Lines(git(f.T, f.bare, "log", "--reverse", "--format=%H %ct", "roster/audit", "--",
		"intents/aws.json")) {
		commit, seconds, _ := strings.Cut(strings.TrimSpace(line), " ")
		at, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			f.Fatal(err)
		}
		var file struct {
			Lease *struct {
				Intent               struct{ Run string }
				Holder               string
				RenewedAt, ExpiresAt time.Time
			}
		}
		f.show(commit+":intents/aws.json", &file)
		if open >= 0 && (file.Lease == nil || file.Lease.Intent.Run != out[open].run) {
			if closed := time.Unix(at, 0); closed.Before(out[open].until) {
				out[open].until = closed
			}
			open = -1
		}
		if l := file.Lease; l != nil {
			if open < 0 {
				out, open = append(out, heldLease{run: l.Intent.Run, holder: l.Holder, from: l.RenewedAt}), len(out)
			}
			out[open].until = l.ExpiresAt
		}
	}
	return out
}

// checkWriters checks that each write was made by the holder of the lease, and that nobody else
// wrote while it was in force.
func (f *fleet) checkWriters() {
	f.Helper()
	names := map[string]string{}
	for _, r := range f.replicas {
		names[r.holder] = r.name
	}
	leases := f.leases()
	for _, w := range f.log {
		held := false
		for _, l := range leases {
			in := !w.at.Before(l.from) && w.at.Before(l.until)
			if in && names[l.holder] != w.replica {
				f.Errorf("daemon %s wrote at %s, when run %s of daemon %s had the lease from %s to %s", w.replica,
					w.at.UTC().Format(time.RFC3339Nano), l.run, names[l.holder], l.from.Format(time.RFC3339Nano),
					l.until.Format(time.RFC3339Nano))
			}
			// The time of the commit with a report has no fraction of a second.
			held = held || names[l.holder] == w.replica && !w.at.Before(l.from) && w.at.Before(l.until.Add(time.Second))
		}
		if !held {
			f.Errorf("daemon %s wrote at %s without a lease", w.replica, w.at.UTC().Format(time.RFC3339Nano))
		}
	}
}

// checkReports checks that nothing was held or created twice, and that the chain verifies.
func (f *fleet) checkReports() {
	f.Helper()
	for key, n := range f.created {
		if n != 1 {
			f.Errorf("%q was created %d times", key, n)
		}
	}
	if want := f.users + 1; len(f.created) != want {
		f.Errorf("%d objects were created; want %d", len(f.created), want)
	}
	for _, r := range reports(f.T, f.bare, "aws") {
		if r.Counts.Held > 0 {
			f.Errorf("run %s holds %d changes: %s", r.Run, r.Counts.Held, r.Outcome)
		}
	}
	git(f.T, f.work, "fetch", "-q", "origin")
	verify := roster(context.Background(), f.home, "audit", "verify", "-C", f.work)
	if out, err := verify.CombinedOutput(); err != nil {
		f.Errorf("roster audit verify: %v\n%s", err, out)
	}
}
