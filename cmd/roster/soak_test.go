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

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/secret"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// vigil is the daemon in this process, joined together as roster serve does it, on a clock that the test moves. The simulator of AWS is a process
// of its own, and people push with git to a bare repository: what grows here is the daemon's.
type vigil struct {
	testing.TB
	unrest             *unrest
	home, server, work string
	state              string
	wake               bell
	ended              chan ended
	clock              atomic.Int64 // Unix seconds
	stop               context.CancelFunc
	stopped            chan error
}

// ended is how a run ended.
type ended struct {
	outcome reconcile.Outcome
	err     error
}

// newVigil starts the daemon and waits until the first synchronization is done.
func newVigil(t testing.TB) *vigil {
	t.Helper()
	home := t.TempDir()
	for name, value := range gitEnv(home) {
		t.Setenv(name, value)
	}
	t.Setenv("TMPDIR", filepath.Join(home, "tmp"))
	v := &vigil{TB: t, home: home, server: filepath.Join(home, "server.git"), work: filepath.Join(home, "work"), state: filepath.Join(home, "state"), wake: make(bell, 1),
		ended: make(chan ended, 1), stopped: make(chan error, 1)}
	v.clock.Store(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Unix())
	endpoint, token := v.simulate()
	v.do(os.Mkdir(filepath.Join(home, "tmp"), 0o700))
	git(t, home, "init", "-q", "--bare", "-b", "main", v.server)
	git(t, v.server, "config", "gc.autoDetach", "false") // it would go on after the end
	git(t, home, "init", "-q", "-b", "main", v.work)
	git(t, v.work, "config", "gc.auto", "0")
	git(t, v.work, "remote", "add", "origin", v.server)
	var err error
	v.unrest, err = newUnrest(v.work, endpoint)
	v.do(err)
	v.push("Begin")
	v.watch(token)
	v.await(reconcile.RunApplied)
	return v
}

func (v *vigil) do(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// simulate starts roster simulate and reads where it is.
func (v *vigil) simulate() (endpoint, token string) {
	v.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := roster(ctx, v.home, "simulate", "--listen", "127.0.0.1:0", "--manage", "", "--per-second", "0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	v.do(err)
	v.do(cmd.Start())
	v.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err != nil && v.Failed() {
			v.Logf("the simulator ended: %v", err)
		}
	})
	for s := bufio.NewScanner(out); token == "" && s.Scan(); {
		if _, at, ok := strings.Cut(s.Text(), "SCIM endpoint "); ok {
			endpoint = at
		}
		_, token, _ = strings.Cut(s.Text(), "export ROSTER_AWS_TOKEN=")
	}
	if token == "" {
		v.Fatal("the simulator did not say where it is")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return endpoint, token
}

// watch starts the daemon.
func (v *vigil) watch(token string) {
	v.Helper()
	a := &app{stdout: io.Discard, stderr: io.Discard, format: "text", color: "never", policy: secret.Policy{Env: []string{"ROSTER_AWS_TOKEN"}, Hosts: []string{"loopback"}},
		env: func(name string) (string, bool) { return token, name == "ROSTER_AWS_TOKEN" }}
	p := &place{repo: "file://" + v.server, stateDir: v.state, remote: "origin", auditBranch: "roster/audit"}
	w := &workspace{app: a, place: p, log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	v.do(w.openMirror(ctx, "main"))
	now := func() time.Time { return time.Unix(v.clock.Load(), 0).UTC() }
	runner := w.runner()
	runner.Progress = nil
	runner.Now, w.book.Now = now, now
	memory := w.remember()
	runner.Cache, memory.Now = memory, now
	d := &daemon.Daemon{Head: func(ctx context.Context) (reconcile.CommitRef, error) { return w.newest(ctx, "main") }, Load: w.load, Deadlines: w.deadlines, Runner: runner,
		PollInterval: time.Hour, Log: w.log, Trigger: v.wake, RunEnded: func(_ string, result *run.Result, err error) {
			e := ended{err: err}
			if result != nil && result.Report != nil {
				e.outcome = result.Report.Outcome
			}
			v.ended <- e
		}}
	v.stop = cancel
	go func() {
		defer memory.Close()
		v.stopped <- d.Run(ctx)
	}()
	v.Cleanup(cancel)
}

// end stops the daemon.
func (v *vigil) end() {
	v.Helper()
	v.stop()
	v.do(<-v.stopped)
}

// push commits what is in the working copy, as people do.
func (v *vigil) push(message string) {
	v.Helper()
	git(v, v.work, "add", "-A")
	git(v, v.work, "commit", "-q", "-m", message)
	git(v, v.work, "push", "-q", "origin", "HEAD:main")
}

// await waits for the end of a run.
func (v *vigil) await(want reconcile.Outcome) {
	v.Helper()
	select {
	case e := <-v.ended:
		if e.err != nil || e.outcome != want {
			v.Fatalf("the run ended as %q (%v); want %q", e.outcome, e.err, want)
		}
	case <-time.After(2 * patience):
		v.Fatal("no run ended")
	}
}

// round lets two thirds of an hour pass, changes something, pushes it and waits until the directory has it.
func (v *vigil) round() {
	v.Helper()
	v.clock.Add(40 * 60)
	what, err := v.unrest.happen()
	v.do(err)
	v.push(what)
	v.wake.ring()
	v.await(reconcile.RunApplied)
}

// sample is what the daemon has in hand between two rounds.
type sample struct {
	heap, rss       float64 // MiB, live and resident
	fds, goroutines int
	disk            float64  // MiB of the state directory
	packs, loose    int      // of the cache of the repository
	kept            []string // files beside it
	cpu             float64  // seconds so far, with those of git
}

var looseObject = regexp.MustCompile(`/objects/[0-9a-f]{2}/[0-9a-f]{38}$`)

func (v *vigil) sample() sample {
	v.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := sample{heap: float64(m.HeapAlloc) / (1 << 20), rss: resident(), goroutines: runtime.NumGoroutine(), cpu: processors()}
	fds, err := os.ReadDir("/proc/self/fd")
	v.do(err)
	s.fds = len(fds)
	s.disk = float64(size(v, v.state)) / (1 << 20)
	names, err := beside(v.state, "")
	v.do(err)
	for _, name := range names {
		switch {
		case path.Ext(name) == ".pack":
			s.packs++
		case looseObject.MatchString(name):
			s.loose++
		}
	}
	s.kept, err = beside(v.state, "source.git")
	v.do(err)
	return s
}

// resident is the process's resident size in MiB.
func resident() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	var kib float64
	_, _ = fmt.Sscan(string(rest), &kib)
	return kib / 1024
}

// processors is the processor time of this process in seconds.
func processors() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// BenchmarkDaemonSoak is two thousand rounds of the daemon. What it has in hand at the end is told, and by how much that grows in a thousand rounds: between
// the medians of the windows around round 500 and round 1,900.
func BenchmarkDaemonSoak(b *testing.B) {
	const rounds, every = 2000, 20
	for b.Loop() {
		v := newVigil(b)
		var samples []sample
		for i := range rounds {
			v.round()
			if (i+1)%every == 0 {
				samples = append(samples, v.sample())
			}
			if (i+1)%(10*every) == 0 {
				b.Logf("after %d rounds: %+v", i+1, samples[len(samples)-1])
			}
		}
		v.end()
		early, late := samples[400/every-1:600/every], samples[1800/every-1:]
		for unit, pick := range map[string]func(sample) float64{
			"heap-MiB": func(s sample) float64 { return s.heap }, "rss-MiB": func(s sample) float64 { return s.rss },
			"files": func(s sample) float64 { return float64(s.fds) }, "goroutines": func(s sample) float64 { return float64(s.goroutines) },
			"disk-MiB": func(s sample) float64 { return s.disk },
		} {
			b.ReportMetric(median(late, pick), unit)
			b.ReportMetric((median(late, pick)-median(early, pick))/1.4, unit+"/1000-rounds")
		}
		spent := func(w []sample) float64 { return (w[len(w)-1].cpu - w[0].cpu) / float64((len(w)-1)*every) * 1000 }
		b.ReportMetric(spent(early), "early-cpu-ms/round")
		b.ReportMetric(spent(late), "late-cpu-ms/round")
		v.history(rounds)
	}
}

// history reports how large what is in Git has become by itself, packed as tightly as git does it.
func (v *vigil) history(rounds float64) {
	b := v.TB.(*testing.B)
	clone := filepath.Join(v.home, "clone.git")
	git(b, v.home, "clone", "-q", "--mirror", v.server, clone)
	git(b, clone, "gc", "-q")
	for _, branch := range []string{"main", "roster/audit"} {
		size, err := strconv.ParseFloat(git(b, clone, "rev-list", "--disk-usage", "--objects", branch), 64)
		v.do(err)
		b.ReportMetric(size/rounds, branch+"-B/round")
	}
	b.ReportMetric(float64(size(b, filepath.Join(v.state, "source.git")))/float64(size(b, clone)), "cache/clone")
}

func median(samples []sample, pick func(sample) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, pick(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// TestTheDaemonLeavesNothingBehind: after some dozens of rounds no more is open, and no more on disk than history needs, than after some.
func TestTheDaemonLeavesNothingBehind(t *testing.T) {
	v := newVigil(t)
	rounds := func(n int) sample {
		for range n {
			v.round()
		}
		return v.sample()
	}
	early, late := rounds(10), rounds(30)
	v.end()
	if late.goroutines > early.goroutines+2 {
		t.Errorf("after 10 rounds %d goroutines, after 40 %d", early.goroutines, late.goroutines)
	}
	// Each pack of the cache is an open file: gitrepo joins them when there are fifty.
	if late.fds-late.packs > early.fds-early.packs+2 || late.packs > 60 || late.loose > 0 {
		t.Errorf("after 10 rounds %d open files and %d packs, after 40 %d and %d, and %d loose objects", early.fds, early.packs, late.fds, late.packs, late.loose)
	}
	if !slices.Equal(early.kept, late.kept) || slices.ContainsFunc(late.kept, func(name string) bool {
		return strings.HasPrefix(name, "journal/") || strings.HasPrefix(name, "pending/")
	}) {
		t.Errorf("beside the cache the state directory held %q after 10 rounds, after 40 %q; want no journal, and no report that waits", early.kept, late.kept)
	}
	if left, err := beside(os.TempDir(), ""); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %q (%v)", left, err)
	}
	clone := filepath.Join(v.home, "clone.git")
	git(t, v.home, "clone", "-q", "--mirror", v.server, clone)
	if cache, need := size(t, filepath.Join(v.state, "source.git")), size(t, clone); cache > 4*need+256<<10 {
		t.Errorf("the cache is of %d bytes, a new clone of %d", cache, need)
	}
}

// beside lists the files below a folder, but for one in it.
func beside(dir, except string) (names []string, err error) {
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

// size is how many bytes the files below a folder hold.
func size(t testing.TB, dir string) (bytes int64) {
	t.Helper()
	names, err := beside(dir, "")
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
