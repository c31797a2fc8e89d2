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

// company is an organisation in a Git repository, and the cloud that it is synchronized to.
type company struct {
	b         *testing.B
	people    schematest.Organisation
	options   awssim.Options
	perSecond int // of rate; 0 is unlimited
	cloud     *cloud
	watch     *stopwatch
	home      string
	edits     int
}

// stopwatch knows when the first call came and the last was answered.
type stopwatch struct {
	http.Handler
	mu          sync.Mutex
	first, last time.Time
}

func (s *stopwatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// span is the time between the two, and begins anew.
func (s *stopwatch) span() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.last.Sub(s.first)
	s.first, s.last = time.Time{}, time.Time{}
	return d
}

// concurrency is the default of rate.concurrency.
const concurrency = 5

// found starts over: a repository of one commit, and an empty cloud.
func (c *company) found() {
	cloud, stop := newCloud("aws", c.options)
	stop() // it is served from behind the stopwatch
	c.watch = &stopwatch{Handler: cloud.Server}
	server := httptest.NewServer(c.watch)
	c.b.Cleanup(server.Close)
	cloud.endpoint = server.URL + cloud.Path()
	c.cloud, c.home = cloud, c.b.TempDir()
	tree := c.people.Tree()
	tree.Write("roster.cue", fmt.Sprintf(`package roster

attributeTypes: {department: type: "string", level: type: "int"}
mappings: aws: {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		emails: [{value: user.email, type: "work", primary: true}]
		title: user.attributes.department
	}
}
apps: aws: displayName: "AWS"
provisioners: aws: {
	enabled: true, app: "aws", mapping: "aws", endpoint: %q, auth: token: env: "ROSTER_AWS_TOKEN"
	rate: {perSecond: %d, concurrency: %d}
}
`, cloud.endpoint, c.perSecond, concurrency))
	for name := range tree.MapFS {
		file := filepath.Join(c.home, "d", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			c.b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(tree.Text(name)), 0o644); err != nil {
			c.b.Fatal(err)
		}
	}
	git(c.b, c.home, "init", "-q", "d")
	c.commit("Found the company")
}

func (c *company) commit(message string) {
	c.b.Helper()
	var env []string
	for name, value := range gitEnv(c.home) {
		env = append(env, name+"="+value)
	}
	if err := commitAll(c.b.Context(), filepath.Join(c.home, "d"), message, env); err != nil {
		c.b.Fatal(err)
	}
}

// edit gives one user another first name.
func (c *company) edit() {
	c.b.Helper()
	i := c.edits * 37 % c.people.Users
	c.edits++
	file := filepath.Join(c.home, "d", filepath.FromSlash(c.people.UserFile(i)))
	if err := replace(file, fmt.Sprintf(`"firstName": "First%d"`, i), fmt.Sprintf(`"firstName": "New%d"`, i)); err != nil {
		c.b.Fatal(err)
	}
	c.commit("Rename somebody")
}

// bill is what one roster apply cost.
type bill struct {
	calls     int
	wall, cpu time.Duration // of the process
	span      time.Duration // from the first call to the last answer
	peak      float64       // largest resident size in MiB
}

// apply runs roster as a process of its own, so that neither the cloud's work nor its memory counts.
func (c *company) apply(outcome string) bill {
	c.b.Helper()
	c.cloud.ResetCalls()
	cmd := roster(c.b.Context(), c.home, "apply", filepath.Join(c.home, "d"))
	file := filepath.Join(c.home, "peak")
	cmd.Env = append(cmd.Env, peakFile+"="+file)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(began)
	if err != nil || !strings.Contains(string(out), outcome) {
		c.b.Fatalf("roster apply: %v; want it %s\n%.2000s", err, outcome, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		c.b.Fatal(err)
	}
	peak, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		c.b.Fatal(err)
	}
	calls := c.cloud.Calls()
	if refused := calls.ByStatus[429]; refused > 0 {
		c.b.Logf("%d calls answered 429", refused)
	}
	return bill{calls.Total, wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), c.watch.span(), peak}
}

// report tells the medians. ideal is how long so many calls have to take.
func report(b *testing.B, bills []bill, ideal func(calls int) time.Duration) {
	median := func(of func(bill) float64) float64 {
		var all []float64
		for _, x := range bills {
			all = append(all, of(x))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(median(func(x bill) float64 { return float64(x.calls) }), "calls/op")
	b.ReportMetric(median(func(x bill) float64 { return x.wall.Seconds() }), "wall-s/op")
	b.ReportMetric(median(func(x bill) float64 { return x.wall.Seconds() / ideal(x.calls).Seconds() }), "x-ideal")
	b.ReportMetric(median(func(x bill) float64 { return x.span.Seconds() / ideal(x.calls).Seconds() }), "x-ideal-span")
	b.ReportMetric(median(func(x bill) float64 { return x.cpu.Seconds() }), "cpu-s/op")
	b.ReportMetric(median(func(x bill) float64 { return x.peak }), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// kinds are what an apply can be, each with how it is prepared.
var kinds = []struct {
	name, outcome string
	prepare       func(*company)
}{
	{"first sync", "applied", (*company).found},
	{"no-op", "in sync", (*company).synced},
	{"one change", "applied", func(c *company) { c.synced(); c.edit() }},
}

// synced makes sure that a first sync was made.
func (c *company) synced() {
	if c.cloud == nil {
		c.found()
		c.apply("applied")
	}
}

// BenchmarkApply is roster apply from the commit to the report: a process of its own, a Git repository, a journal on disk, SCIM over HTTP.
// Each answer takes its time, and nothing else limits the rate. x-ideal compares with calls x latency / concurrency, x-ideal-span only what
// went by between the first call and the last answer.
func BenchmarkApply(b *testing.B) {
	for _, size := range []struct{ users, groups, members, times int }{{200, 20, 50, 5}, {2_000, 100, 100, 3}, {20_000, 1_000, 200, 1}} {
		for _, latency := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond} {
			b.Run(fmt.Sprintf("%d,%d,%d/%v", size.users, size.groups, size.groups*size.members, latency), func(b *testing.B) {
				c := &company{b: b, people: schematest.Organisation{Users: size.users, Groups: size.groups, Members: size.members, Format: "jsonl", PerFile: 1000},
					options: awssim.Options{Latency: awssim.Latency{Fixed: latency}}}
				c.measure(b, size.times, func(calls int) time.Duration { return time.Duration(calls) * latency / concurrency })
			})
		}
	}
}

// BenchmarkApplyAtTheLimit has a cloud that lets 20 calls a second through, as AWS does, and a roster that asks for as many. x-ideal compares
// with calls / 20.
func BenchmarkApplyAtTheLimit(b *testing.B) {
	const perSecond = 20
	for _, latency := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		b.Run(fmt.Sprint("200,20,1000/", latency), func(b *testing.B) {
			c := &company{b: b, people: schematest.Organisation{Users: 200, Groups: 20, Members: 50, Format: "jsonl", PerFile: 1000}, perSecond: perSecond,
				options: awssim.Options{Latency: awssim.Latency{Fixed: latency}, Throttle: awssim.Throttle{PerSecond: perSecond}}}
			c.measure(b, 1, func(calls int) time.Duration { return time.Duration(calls) * time.Second / perSecond })
		})
	}
}

func (c *company) measure(b *testing.B, times int, ideal func(calls int) time.Duration) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			var bills []bill
			for b.Loop() {
				for range times {
					kind.prepare(c)
					bills = append(bills, c.apply(kind.outcome))
				}
			}
			report(b, bills, ideal)
		})
	}
}
