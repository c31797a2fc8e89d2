package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// soak runs the daemon in this process on a clock that the test moves. The simulator of AWS is a
// process of its own, and changes are pushed with git to a bare repository, so that only the daemon
// can make this process grow.
type soak struct {
	testing.TB
	org                *soakOrg
	home, server, work string
	state              string
	daemon             *app.Server
	runs               chan endedRun
	clock              atomic.Int64 // Unix seconds
	cancel             context.CancelFunc
	stopped            chan error
}

// endedRun is the result of a run.
type endedRun struct {
	outcome reconcile.Outcome
	result  *run.Result
	err     error
}

// startSoak starts the daemon and waits for the first sync.
func startSoak(t testing.TB) *soak {
	t.Helper()
	s := newSoak(t)
	endpoint, token := s.startSimulator()
	var err error
	s.org, err = newSoakOrg(s.work, endpoint)
	s.must(err)
	s.push("Create the organization")
	s.startDaemon(token)
	s.waitForRun(reconcile.RunApplied)
	return s
}

// newSoak creates an empty repository.
func newSoak(t testing.TB) *soak {
	t.Helper()
	home := t.TempDir()
	for name, value := range gitEnv(home) {
		t.Setenv(name, value)
	}
	t.Setenv("TMPDIR", filepath.Join(home, "tmp"))
	s := &soak{TB: t, home: home, server: filepath.Join(home, "server.git"), work: filepath.Join(home, "work"),
		state: filepath.Join(home, "state"), runs: make(chan endedRun, 1), stopped: make(chan error, 1)}
	s.clock.Store(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Unix())
	s.must(os.Mkdir(filepath.Join(home, "tmp"), 0o700))
	git(t, home, "init", "-q", "--bare", "-b", "main", s.server)
	git(t, s.server, "config", "gc.autoDetach", "false") // a detached gc would outlive the test
	git(t, home, "init", "-q", "-b", "main", s.work)
	git(t, s.work, "config", "gc.auto", "0")
	git(t, s.work, "remote", "add", "origin", s.server)
	return s
}

func (s *soak) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// startSimulator starts roster simulate and reads its endpoint and token.
func (s *soak) startSimulator() (endpoint, token string) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := roster(ctx, s.home, "simulate", "--listen", "127.0.0.1:0", "--manage", "", "--per-second", "0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	s.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err != nil && s.Failed() {
			s.Logf("the simulator ended: %v", err)
		}
	})
	for s := bufio.NewScanner(out); token == "" && s.Scan(); {
		if _, at, ok := strings.Cut(s.Text(), "SCIM endpoint "); ok {
			endpoint = at
		}
		_, token, _ = strings.Cut(s.Text(), "export ROSTER_SECRET_AWS=")
	}
	if token == "" {
		s.Fatal("the simulator did not print its endpoint")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return endpoint, token
}

// startDaemon starts the daemon as roster serve does.
func (s *soak) startDaemon(token string) {
	s.Helper()
	settings := app.Settings{
		Env: func(name string) (string, bool) { return token, name == "ROSTER_SECRET_AWS" },
		Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Unix(s.clock.Load(), 0).UTC() },
	}
	settings.Policy.Env, settings.Policy.Hosts = []string{"ROSTER_SECRET_AWS"}, []string{"loopback"}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.Cleanup(s.cancel)
	var err error
	s.daemon, err = app.NewServer(ctx, settings, app.ServeConfig{
		Repository: app.RepositoryConfig{URL: "file://" + s.server, StateDir: s.state, Remote: "origin",
			AuditBranch: "roster/audit"},
		Branch: "main",
		Poll:   time.Hour,
	})
	s.must(err)
	s.daemon.OnRun = func(_ string, result *run.Result, err error) {
		run := endedRun{result: result, err: err}
		if result != nil && result.Report != nil {
			run.outcome = result.Report.Outcome
		}
		s.runs <- run
	}
	go func() { s.stopped <- s.daemon.Run(ctx, nil) }()
}

// stop stops the daemon.
func (s *soak) stop() {
	s.Helper()
	s.cancel()
	s.must(<-s.stopped)
}

// push commits the changes of the working copy and pushes the commit.
func (s *soak) push(message string) {
	s.Helper()
	git(s, s.work, "add", "-A")
	git(s, s.work, "commit", "-q", "-m", message)
	git(s, s.work, "push", "-q", "origin", "HEAD:main")
}

// waitForRun waits for the end of a run.
func (s *soak) waitForRun(want reconcile.Outcome) *run.Result {
	s.Helper()
	select {
	case run := <-s.runs:
		if run.err != nil || run.outcome != want {
			s.Fatalf("the outcome of the run is %q (%v); want %q", run.outcome, run.err, want)
		}
		return run.result
	case <-time.After(2 * waitTimeout):
		s.Fatal("no run ended")
	}
	return nil
}

// round moves the clock by 40 minutes, makes a change, pushes it and waits until it is applied.
func (s *soak) round() {
	s.Helper()
	s.clock.Add(40 * 60)
	description, err := s.org.change()
	s.must(err)
	s.push(description)
	s.daemon.Trigger()
	s.waitForRun(reconcile.RunApplied)
}

// sample are the resources of the daemon between two rounds.
type sample struct {
	heap, rss       float64 // MiB, live and resident
	fds, goroutines int
	connections     int      // to the simulator; each has two of the goroutines
	disk            float64  // MiB of the state directory
	packs, loose    int      // objects in the cache of the repository
	otherFiles      []string // of the state directory
	cpu             float64  // seconds so far, including git
}

var looseObject = regexp.MustCompile(`/objects/[0-9a-f]{2}/[0-9a-f]{38}$`)

func (s *soak) sample() sample {
	s.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	out := sample{heap: float64(m.HeapAlloc) / (1 << 20), rss: residentMemory(), goroutines: runtime.NumGoroutine(),
		cpu: cpuTime()}
	stacks := make([]byte, 4<<20)
	out.connections = bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("net/http.(*persistConn).readLoop("))
	fds, err := os.ReadDir("/proc/self/fd")
	s.must(err)
	out.fds = len(fds)
	out.disk = float64(size(s, s.state)) / (1 << 20)
	names, err := filesBelow(s.state, "")
	s.must(err)
	for _, name := range names {
		switch {
		case path.Ext(name) == ".pack":
			out.packs++
		case looseObject.MatchString(name):
			out.loose++
		}
	}
	out.otherFiles, err = filesBelow(s.state, "source.git")
	s.must(err)
	return out
}

// residentMemory returns the resident memory of this process in MiB.
func residentMemory() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	var kib float64
	_, _ = fmt.Sscan(string(rest), &kib)
	return kib / 1024
}

// cpuTime returns the processor time of this process in seconds.
func cpuTime() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// BenchmarkDaemonSoak runs ROSTER_BENCH_ROUNDS rounds of the daemon (default: 100). It reports the
// resources at the end, and their growth per thousand rounds: between the medians of the third and
// of the last tenth of the rounds.
func BenchmarkDaemonSoak(b *testing.B) {
	rounds := schematest.Size(b, schematest.Rounds, 100) / 100 * 100
	if rounds == 0 {
		b.Fatal("the daemon needs at least 100 rounds")
	}
	every := rounds / 100
	for b.Loop() {
		s := startSoak(b)
		var samples []sample
		for i := range rounds {
			s.round()
			if (i+1)%every == 0 {
				samples = append(samples, s.sample())
			}
			if (i+1)%(10*every) == 0 {
				b.Logf("after %d rounds: %+v", i+1, samples[len(samples)-1])
			}
		}
		s.stop()
		early, late := samples[20:30], samples[90:]
		between := 0.7 * float64(rounds) / 1000 // thousands of rounds
		for unit, pick := range map[string]func(sample) float64{
			"heap-MiB":   func(s sample) float64 { return s.heap },
			"rss-MiB":    func(s sample) float64 { return s.rss },
			"files":      func(s sample) float64 { return float64(s.fds) },
			"goroutines": func(s sample) float64 { return float64(s.goroutines) },
			"disk-MiB":   func(s sample) float64 { return s.disk },
		} {
			b.ReportMetric(median(late, pick), unit)
			b.ReportMetric((median(late, pick)-median(early, pick))/between, unit+"/1000-rounds")
		}
		spent := func(w []sample) float64 { return (w[len(w)-1].cpu - w[0].cpu) / float64((len(w)-1)*every) * 1000 }
		b.ReportMetric(spent(early), "early-cpu-ms/round")
		b.ReportMetric(spent(late), "late-cpu-ms/round")
		s.reportHistory(float64(rounds))
	}
}

// reportHistory reports the size of the history, as packed by git gc.
func (s *soak) reportHistory(rounds float64) {
	b := s.TB.(*testing.B)
	clone := filepath.Join(s.home, "clone.git")
	git(b, s.home, "clone", "-q", "--mirror", s.server, clone)
	git(b, clone, "gc", "-q")
	for _, branch := range []string{"main", "roster/audit"} {
		size, err := strconv.ParseFloat(git(b, clone, "rev-list", "--disk-usage", "--objects", branch), 64)
		s.must(err)
		b.ReportMetric(size/rounds, branch+"-B/round")
	}
	b.ReportMetric(float64(size(b, filepath.Join(s.state, "source.git")))/float64(size(b, clone)), "cache/clone")
}

func median(samples []sample, pick func(sample) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, pick(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// TestDaemonDoesNotLeak compares the daemon after 10 and after 40 rounds: it has no more goroutines
// and open files, and no more files on disk than the history needs.
func TestDaemonDoesNotLeak(t *testing.T) {
	s := startSoak(t)
	rounds := func(n int) sample {
		for range n {
			s.round()
		}
		return s.sample()
	}
	early, late := rounds(10), rounds(30)
	s.stop()
	if late.goroutines-2*late.connections > early.goroutines-2*early.connections+2 {
		t.Errorf("%d goroutines after 10 rounds, %d after 40", early.goroutines, late.goroutines)
	}
	// As many calls as rate.concurrency are in flight, so no more connections are ever needed.
	if late.connections > 4 {
		t.Errorf("%d connections to the simulator after 40 rounds, want at most 4", late.connections)
	}
	// Each pack of the cache is an open file. gitrepo joins the packs when there are fifty.
	if late.fds-late.packs > early.fds-early.packs+2 || late.packs > 60 || late.loose > 0 {
		t.Errorf("%d open files and %d packs after 10 rounds; %d, %d and %d loose objects after 40", early.fds,
			early.packs, late.fds, late.packs, late.loose)
	}
	if !slices.Equal(early.otherFiles, late.otherFiles) || slices.ContainsFunc(late.otherFiles, func(name string) bool {
		return strings.HasPrefix(name, "journal/") || strings.HasPrefix(name, "pending/")
	}) {
		t.Errorf("the state directory had %q after 10 rounds and %q after 40; want neither journal nor pending report",
			early.otherFiles, late.otherFiles)
	}
	if left, err := filesBelow(os.TempDir(), ""); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %q (%v)", left, err)
	}
	clone := filepath.Join(s.home, "clone.git")
	git(t, s.home, "clone", "-q", "--mirror", s.server, clone)
	if cache, need := size(t, filepath.Join(s.state, "source.git")), size(t, clone); cache > 4*need+256<<10 {
		t.Errorf("the cache has %d bytes, a new clone %d", cache, need)
	}
}

// filesBelow lists the files below a folder, except those of one folder in it.
func filesBelow(dir, except string) (names []string, err error) {
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == except:
			return fs.SkipDir
		case !d.IsDir():
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// size returns the size of the files below a folder in bytes.
func size(t testing.TB, dir string) (bytes int64) {
	t.Helper()
	names, err := filesBelow(dir, "")
	for _, name := range names {
		info, statErr := os.Stat(filepath.Join(dir, name))
		if err = errors.Join(err, statErr); err == nil {
			bytes += info.Size()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}
