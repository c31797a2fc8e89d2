package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// benchmarkOrg is an organization in a Git repository, and the simulator that it is applied to.
type benchmarkOrg struct {
	b         *testing.B
	users     schematest.Organization
	options   awssim.Options
	perSecond int // of rate; 0 is unlimited
	simulator *simulator
	timer     *requestTimer
	server    *httptest.Server
	home      string
	edits     int
}

// requestTimer measures the time from the first request to the last response.
type requestTimer struct {
	http.Handler
	mu          sync.Mutex
	first, last time.Time
}

func (s *requestTimer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.first.IsZero() {
		s.first = time.Now()
	}
	s.mu.Unlock()
	s.Handler.ServeHTTP(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
}

// ended returns when the last response was sent.
func (s *requestTimer) ended() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// span returns the time and resets it.
func (s *requestTimer) span() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.last.Sub(s.first)
	s.first, s.last = time.Time{}, time.Time{}
	return d
}

// concurrency is the default of rate.concurrency.
const concurrency = 5

// create creates a repository with one commit, and an empty simulator.
func (o *benchmarkOrg) create() {
	sim, stop := startSimulator("aws", o.options)
	stop() // the timer serves it
	o.timer = &requestTimer{Handler: sim.Server}
	o.server = httptest.NewServer(o.timer)
	o.b.Cleanup(o.server.Close)
	sim.endpoint = o.server.URL + sim.Path()
	o.simulator, o.home = sim, o.b.TempDir()
	tree := o.users.Tree()
	tree.Write("roster.cue", fmt.Sprintf(`package roster

attributeTypes: {department: type: "string", level: type: "int"}
mappings: aws: {
	user: #User
	scim: {
		`+schematest.SCIM+", "+schematest.Emails+`
		title: user.attributes.department
	}
}
apps: aws: displayName: "AWS"
provisioners: aws: {
	enabled: true, app: "aws", mapping: "aws", endpoint: %q, auth: token: env: "ROSTER_SECRET_AWS"
	rate: {perSecond: %d, concurrency: %d}
}
`, sim.endpoint, o.perSecond, concurrency))
	for name := range tree.MapFS {
		file := filepath.Join(o.home, "d", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			o.b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(tree.Text(name)), 0o644); err != nil {
			o.b.Fatal(err)
		}
	}
	git(o.b, o.home, "init", "-q", "-b", "main", "d")
	o.commit("Create the organization")
}

// endSimulator frees the memory of the simulator, which nothing needs after the last apply.
func (o *benchmarkOrg) endSimulator() {
	o.server.Close()
	o.server.Config.Handler, o.timer, o.simulator = nil, nil, nil
}

func (o *benchmarkOrg) commit(message string) {
	o.b.Helper()
	var env []string
	for name, value := range gitEnv(o.home) {
		env = append(env, name+"="+value)
	}
	if err := commitAll(o.b.Context(), filepath.Join(o.home, "d"), message, env); err != nil {
		o.b.Fatal(err)
	}
}

// edit changes the first name of one user.
func (o *benchmarkOrg) edit() {
	o.b.Helper()
	i := o.edits * 37 % o.users.Users
	o.edits++
	file := filepath.Join(o.home, "d", filepath.FromSlash(o.users.UserFile(i)))
	if err := replace(file, fmt.Sprintf(`"firstName": "First%d"`, i),
		fmt.Sprintf(`"firstName": "New%d"`, i)); err != nil {
		o.b.Fatal(err)
	}
	o.commit("Rename a user")
}

// cost is what one roster apply costs.
type cost struct {
	calls     int
	wall, cpu time.Duration // of the process
	span      time.Duration // from the first request to the last response
	peak      float64       // maximum resident memory in MiB
}

// apply runs roster as a process of its own, so that the time and memory of the simulator do not
// count.
func (o *benchmarkOrg) apply(outcome string) cost {
	o.b.Helper()
	o.simulator.ResetCalls()
	cmd := roster(o.b.Context(), o.home, "apply", filepath.Join(o.home, "d"))
	file := filepath.Join(o.home, "peak")
	cmd.Env = append(cmd.Env, peakFile+"="+file)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(began)
	if err != nil || !strings.Contains(string(out), outcome) {
		o.b.Fatalf("roster apply: %v; want the outcome %q\n%.2000s", err, outcome, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		o.b.Fatal(err)
	}
	peak, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		o.b.Fatal(err)
	}
	calls := o.simulator.Calls()
	if refused := calls.ByStatus[429]; refused > 0 {
		o.b.Logf("%d requests got 429", refused)
	}
	return cost{calls.Total, wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), o.timer.span(), peak}
}

// report reports the medians. ideal is the minimum time for a number of requests.
func report(b *testing.B, costs []cost, ideal func(calls int) time.Duration) {
	median := func(value func(cost) float64) float64 {
		var all []float64
		for _, x := range costs {
			all = append(all, value(x))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(median(func(x cost) float64 { return float64(x.calls) }), "calls/op")
	b.ReportMetric(median(func(x cost) float64 { return x.wall.Seconds() }), "wall-s/op")
	b.ReportMetric(median(func(x cost) float64 { return x.wall.Seconds() / ideal(x.calls).Seconds() }), "x-ideal")
	b.ReportMetric(median(func(x cost) float64 { return x.span.Seconds() / ideal(x.calls).Seconds() }), "x-ideal-span")
	b.ReportMetric(median(func(x cost) float64 { return x.cpu.Seconds() }), "cpu-s/op")
	b.ReportMetric(median(func(x cost) float64 { return x.peak }), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// kinds are the kinds of apply, each with its preparation.
var kinds = []struct {
	name, outcome string
	prepare       func(*benchmarkOrg)
}{
	{"first sync", "applied", (*benchmarkOrg).create},
	{"no-op", "in sync", (*benchmarkOrg).ensureSynced},
	{"one change", "applied", func(o *benchmarkOrg) { o.ensureSynced(); o.edit() }},
}

// ensureSynced makes the first sync, unless it was made.
func (o *benchmarkOrg) ensureSynced() {
	if o.simulator == nil {
		o.create()
		o.apply("applied")
	}
}

// BenchmarkApply measures roster apply from the commit to the report: a process of its own, a Git
// repository, a journal on disk, SCIM over HTTP. Each response has a latency, and nothing else
// limits the rate. x-ideal compares the total time with requests x latency / concurrency,
// x-ideal-span the time from the first request to the last response.
func BenchmarkApply(b *testing.B) {
	for _, size := range []struct{ users, groups, members, times int }{{200, 20, 50, 5}, {2_000, 100, 100, 1},
		{20_000, 1_000, 200, 1}} {
		if size.users > schematest.Size(b, schematest.Users, schematest.BenchmarkUsers) {
			continue
		}
		for _, latency := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond} {
			b.Run(fmt.Sprintf("%d,%d,%d/%v", size.users, size.groups, size.groups*size.members, latency),
				func(b *testing.B) {
					o := &benchmarkOrg{b: b, users: schematest.Organization{Users: size.users, Groups: size.groups,
						Members: size.members, Format: "jsonl", PerFile: 1000},
						options: awssim.Options{Latency: awssim.Latency{Fixed: latency}}}
					o.measure(b, size.times,
						func(calls int) time.Duration { return time.Duration(calls) * latency / concurrency })
				})
		}
	}
}

// BenchmarkApplyAtTheLimit has a simulator that allows 20 requests per second, as AWS does, and a
// provisioner with the same rate. x-ideal compares the time with requests / 20.
func BenchmarkApplyAtTheLimit(b *testing.B) {
	const perSecond = 20
	for _, latency := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		b.Run(fmt.Sprint("200,20,1000/", latency), func(b *testing.B) {
			o := &benchmarkOrg{b: b, users: schematest.Organization{Users: 200, Groups: 20, Members: 50,
				Format: "jsonl", PerFile: 1000}, perSecond: perSecond,
				options: awssim.Options{Latency: awssim.Latency{Fixed: latency},
					Throttle: awssim.Throttle{PerSecond: perSecond}}}
			o.measure(b, 1, func(calls int) time.Duration { return time.Duration(calls) * time.Second / perSecond })
		})
	}
}

func (o *benchmarkOrg) measure(b *testing.B, times int, ideal func(calls int) time.Duration) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			var costs []cost
			for b.Loop() {
				for range times {
					kind.prepare(o)
					costs = append(costs, o.apply(kind.outcome))
				}
			}
			report(b, costs, ideal)
		})
	}
}
