package main

import (
	"bytes"
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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// fleetConfig describes a fleet.
type fleetConfig struct {
	replicas     []string                      // names
	provisioners []string                      // keys
	perSecond    int                           // calls to each provisioner, at most
	added        int                           // users in each commit
	flags        func(replica string) []string // of serve: what decides which daemon writes
}

// fleet is daemons with state directories of their own, the repository that they share over HTTP,
// and a simulator of AWS for each provisioner, which logs which daemon writes.
type fleet struct {
	*testing.T
	fleetConfig
	simulators                   map[string]*simulator // by provisioner
	home, work, bare, repository string
	daemons                      []*replica
	concurrency                  int
	users                        int // declared

	mu       sync.Mutex
	changed  chan struct{} // closed at each event
	log      []fleetWrite
	created  map[string]int // successful creations by provisioner and externalId
	polls    map[string]int // requests to the Git server by replica
	arm      int            // remaining writes until signal; 0: none
	signal   syscall.Signal
	gitDown  bool // the Git server answers 503
	killed   *replica
	killedAt time.Time
}

// fleetWrite is a write that a simulator received.
type fleetWrite struct {
	provisioner, replica string
	at                   time.Time
	inFlight             bool // when the daemon was stopped
}

// replica is one of the daemons.
type replica struct {
	name, state string
	holder      string // the id of its state directory
	cmd         *exec.Cmd
	before      int        // length of the log when the process started
	log         safeBuffer // of all processes of the replica
}

// safeBuffer is a buffer that may be read and written concurrently.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const fleetSettings = `package roster

attributeTypes: title: type: "string"
mappings: aws: {
	user: #User
	scim: {
		` + schematest.SCIM + `
		title: user.attributes.title
	}
}
apps: aws: displayName: "AWS"
groups: all: {displayName: "All", where: {title: "Engineer"}}
`

const fleetProvisioner = `provisioners: %q: {
	app: "aws", mapping: "aws", enabled: true
	endpoint: %q
	auth: token: env: "ROSTER_SECRET_AWS"
	tokenExpires: "2097-01-01"
	rate: {perSecond: %d, concurrency: %d}
}
`

// startFleet starts the daemons and waits until they have applied the first commit.
func startFleet(t *testing.T, config fleetConfig) *fleet {
	t.Helper()
	f := startDaemons(t, config)
	f.await("the first commit to be applied", f.applied)
	return f
}

// startDaemons starts the daemons of a fleet and waits until they have read the first commit.
func startDaemons(t *testing.T, config fleetConfig) *fleet {
	t.Helper()
	home := t.TempDir()
	f := &fleet{T: t, fleetConfig: config, home: home, work: filepath.Join(home, "work"),
		bare: filepath.Join(home, "bare.git"), concurrency: 3, changed: make(chan struct{}), created: map[string]int{},
		polls: map[string]int{}, simulators: map[string]*simulator{}}
	server := httptest.NewServer(http.HandlerFunc(f.serveAWS))
	t.Cleanup(server.Close)
	settings := fleetSettings
	for _, key := range f.provisioners {
		sim, stop := startSimulator("aws", awssim.Options{})
		stop() // the fleet serves it
		sim.endpoint = server.URL + sim.Path()
		f.simulators[key] = sim
		settings += fmt.Sprintf(fleetProvisioner, key, sim.endpoint, f.perSecond, f.concurrency)
	}
	git(t, home, "init", "-q", "--bare", "-b", "main", f.bare)
	git(t, home, "init", "-q", "-b", "main", f.work)
	git(t, f.work, "remote", "add", "origin", f.bare)
	f.write("roster.cue", settings)
	f.push()
	f.repository = f.serveGit()
	for _, name := range f.replicas {
		r := &replica{name: name, state: filepath.Join(home, "state-"+name)}
		f.daemons = append(f.daemons, r)
		f.start(r)
	}
	for _, r := range f.daemons {
		f.awaitStart(r)
	}
	return f
}

// start starts a daemon. Its name is in its token at the simulator, and its user name at the Git
// server.
func (f *fleet) start(r *replica) {
	f.Helper()
	args := append([]string{"serve", "--repo", f.repository, "--git-username", r.name, "--listen", "", "--poll",
		"500ms", "--state-dir", r.state}, f.flags(r.name)...)
	r.cmd = exec.Command("roster", args...)
	r.cmd.Env = append(os.Environ(), "ROSTER_SECRET_AWS="+fleetToken(r.name), "ROSTER_GIT_TOKEN=git",
		"ROSTER_ALLOW_HOST=loopback")
	for name, value := range gitEnv(filepath.Join(f.home, r.name)) {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	r.before = len(r.log.String())
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
			f.Logf("the log of daemon %s:\n%s", r.name, r.log.String())
		}
	})
}

// awaitStart waits until a daemon has read a commit.
func (f *fleet) awaitStart(r *replica) {
	f.Helper()
	f.await("daemon "+r.name+" to read a commit", func() bool {
		return f.polls[r.name] > 0 && strings.Contains(r.log.String()[r.before:], `"new commit"`)
	})
	if id, err := os.ReadFile(filepath.Join(r.state, "holder")); err == nil {
		r.holder = strings.TrimSpace(string(id))
	}
}

func fleetToken(name string) string { return "token-of-daemon-" + name }

// simulator returns the simulator of a request, and its provisioner.
func (f *fleet) simulator(r *http.Request) (string, *simulator) {
	for key, sim := range f.simulators {
		if strings.HasPrefix(r.URL.Path, sim.Path()+"/") {
			return key, sim
		}
	}
	f.Errorf("no provisioner has the address %s", r.URL)
	return "", f.simulators[f.provisioners[0]]
}

// serveAWS logs which daemon writes, and signals it at the armed write.
func (f *fleet) serveAWS(w http.ResponseWriter, r *http.Request) {
	provisioner, sim := f.simulator(r)
	name := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "+fleetToken(""))
	r.Header.Set("Authorization", "Bearer "+canary+"aws")
	if r.Method == http.MethodGet {
		sim.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	f.log = append(f.log, fleetWrite{provisioner: provisioner, replica: name, at: time.Now()})
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
	sim.ServeHTTP(answer, r)
	f.mu.Lock()
	if r.Method == http.MethodPost && answer.Code == http.StatusCreated {
		object := struct{ ExternalID string }{}
		_ = json.Unmarshal(body, &object)
		f.created[provisioner+" "+object.ExternalID]++
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
	for _, r := range f.daemons {
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
		f.mu.Lock()
		down := f.gitDown
		f.mu.Unlock()
		if down {
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
		} else {
			backend.ServeHTTP(w, r)
		}
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
	f.users += f.added
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
	for _, key := range f.provisioners {
		state := f.simulators[key].State()
		if len(state.Users) != f.users || len(state.Groups) != 1 || len(state.Groups[0].Members) != f.users {
			return false
		}
		status := &reconcile.Status{}
		if !f.show("roster/audit:status/"+key+".json", status) || status.LastAppliedCommit() != f.head() {
			return false
		}
	}
	return true
}

// show reads a file of the repository, and reports whether it exists.
func (f *fleet) show(name string, into any) bool {
	cmd := exec.Command("git", "show", name)
	cmd.Dir = f.bare
	out, err := cmd.Output()
	return err == nil && json.Unmarshal(out, into) == nil
}

func (f *fleet) head() string { return git(f.T, f.bare, "rev-parse", "main") }

// signalDuringRound pushes a commit, and signals the daemon that makes the nth write.
func (f *fleet) signalDuringRound(nth int, signal syscall.Signal) {
	f.Helper()
	f.mu.Lock()
	f.arm, f.signal, f.killed = nth, signal, nil
	f.mu.Unlock()
	f.push()
	f.await("a daemon to write", func() bool { return f.killed != nil })
	if signal == syscall.SIGKILL {
		_ = f.killed.cmd.Wait()
	}
}

// takeovers returns the time from the signal until another daemon writes, for each provisioner to
// which the signaled daemon was the last one that wrote.
func (f *fleet) takeovers() map[string]time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	out, last := map[string]time.Duration{}, map[string]string{}
	for _, w := range f.log {
		if w.at.After(f.killedAt) && w.replica != f.killed.name && last[w.provisioner] == f.killed.name {
			out[w.provisioner] = w.at.Sub(f.killedAt)
		}
		last[w.provisioner] = w.replica
	}
	return out
}

// continueStopped continues the daemon that was stopped, and waits until its run has ended and it
// logs a text. It checks that the daemon has sent no more than the calls that were in flight.
func (f *fleet) continueStopped(logs string) {
	f.Helper()
	stopped, most := f.killed, f.concurrency*len(f.provisioners)
	before := len(stopped.log.String())
	if err := stopped.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		f.Fatal(err)
	}
	sinceStop := func() (n int) {
		for i, w := range f.log {
			if w.replica == stopped.name && w.at.After(f.killedAt) {
				f.log[i].inFlight = true
				n++
			}
		}
		return n
	}
	f.await("the run of the stopped daemon to end", func() bool {
		log := stopped.log.String()[before:]
		ended := strings.Contains(log, `"run failed"`) || strings.Contains(log, `"run ended"`)
		return ended || sinceStop() > most
	})
	f.mu.Lock()
	n := sinceStop()
	f.mu.Unlock()
	if n > most {
		f.Fatalf("the stopped daemon wrote %d times after the stop; want at most the %d calls in flight", n, most)
	}
	f.await("the stopped daemon to log "+logs, func() bool {
		return strings.Contains(stopped.log.String()[before:], logs)
	})
	f.restartKilled()
}

// restartKilled starts the killed daemon again, unless it runs, and waits until no run is without a
// report.
func (f *fleet) restartKilled() {
	f.Helper()
	if f.killed.cmd.ProcessState != nil {
		f.mu.Lock()
		f.polls[f.killed.name] = 0
		f.mu.Unlock()
		f.start(f.killed)
		f.awaitStart(f.killed)
	}
	f.await("the report of the killed run", func() bool {
		for _, key := range f.provisioners {
			if exec.Command("git", "-C", f.bare, "cat-file", "-e", "roster/audit:intents/"+key+".json").Run() == nil {
				return false
			}
		}
		return true
	})
}

// stop stops the daemons.
func (f *fleet) stop() {
	f.Helper()
	for _, r := range f.daemons {
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

// leases returns the leases of a provisioner in the history of the audit branch.
func (f *fleet) leases(provisioner string) []heldLease {
	f.Helper()
	var out []heldLease
	open := -1 // the lease of the last commit
	for line := range strings.Lines(git(f.T, f.bare, "log", "--reverse", "--format=%H %ct", "roster/audit", "--",
		"intents/"+provisioner+".json")) {
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
		f.show(commit+":intents/"+provisioner+".json", &file)
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
	for _, r := range f.daemons {
		names[r.holder] = r.name
	}
	leases := map[string][]heldLease{}
	for _, key := range f.provisioners {
		leases[key] = f.leases(key)
	}
	for _, w := range f.log {
		held := w.inFlight
		for _, l := range leases[w.provisioner] {
			in := !w.at.Before(l.from) && w.at.Before(l.until)
			if in && names[l.holder] != w.replica && !w.inFlight {
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
	if want := (f.users + 1) * len(f.provisioners); len(f.created) != want {
		f.Errorf("%d objects were created; want %d", len(f.created), want)
	}
	for _, key := range f.provisioners {
		for _, r := range reports(f.T, f.bare, key) {
			if r.Counts.Held > 0 {
				f.Errorf("run %s holds %d changes of %s: %s", r.Run, r.Counts.Held, key, r.Outcome)
			}
		}
	}
	git(f.T, f.work, "fetch", "-q", "origin")
	verify := roster(context.Background(), f.home, "audit", "verify", "-C", f.work)
	if out, err := verify.CombinedOutput(); err != nil {
		f.Errorf("roster audit verify: %v\n%s", err, out)
	}
}
