package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// recordSteps are the steps of BenchmarkRecords, in order, each a process of its own.
var recordSteps = []struct {
	name string
	args []string // DIR stands for the repository
	// withoutIndex removes the index for explanations first.
	withoutIndex bool
}{
	{name: "first sync", args: []string{"apply", "DIR"}},
	{name: "explain a user", args: []string{"explain", "user", schematest.UserKey(42), "-C", "DIR"}},
	{name: "explain another user", args: []string{"explain", "user", schematest.UserKey(142), "-C", "DIR"}},
	{name: "explain without an index", args: []string{"explain", "user", schematest.UserKey(242), "-C", "DIR"},
		withoutIndex: true},
	{name: "plan, nothing to do", args: []string{"plan", "DIR"}},
	{name: "show a user in the report", args: []string{"audit", "show", schematest.UserKey(42), "-C", "DIR"}},
	{name: "verify everything", args: []string{"audit", "verify", "-C", "DIR"}},
	{name: "verify what is new", args: []string{"audit", "verify", "--new", "-C", "DIR"}},
}

// profileFolder is an environment variable with the name of a folder. Each process that is measured
// writes a profile of its processor time to it.
const profileFolder = "ROSTER_BENCH_PROFILES"

// BenchmarkRecords measures what the report of a first synchronization costs: the synchronization
// against a simulator without limits, then the commands that read the report. ROSTER_BENCH_USERS is
// the number of users; there is a group with 100 members for each ten of them.
func BenchmarkRecords(b *testing.B) {
	users := schematest.Size(b, schematest.Users, 2_000)
	o := &benchmarkOrg{b: b, users: schematest.Big(users, "jsonl"),
		options: awssim.Options{MaxUsers: 2 * users, MaxGroups: users}}
	o.create()
	for _, step := range recordSteps {
		var cost *processCost
		b.Run(fmt.Sprintf("%d/%s", users, step.name), func(b *testing.B) {
			if step.withoutIndex {
				if err := os.RemoveAll(filepath.Join(o.home, "d", ".git", "roster", "explain")); err != nil {
					b.Fatal(err)
				}
			}
			if cost == nil {
				cost = o.measureProcess(b, step.args)
			}
			cost.report(b)
		})
	}
}

// processCost is what a process costs.
type processCost struct {
	cpu  time.Duration // user and system time
	peak float64       // maximum resident memory in MiB
}

// report reports the cost of a step, which is measured once: the steps depend on one another.
func (c *processCost) report(b *testing.B) {
	b.ReportMetric(c.cpu.Seconds(), "cpu-s/op")
	b.ReportMetric(c.peak, "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// measureProcess runs a roster process and returns its cost.
func (o *benchmarkOrg) measureProcess(b *testing.B, args []string) *processCost {
	b.Helper()
	c := &processCost{}
	var line []string
	for _, arg := range args {
		line = append(line, strings.Replace(arg, "DIR", filepath.Join(o.home, "d"), 1))
	}
	cmd, file := roster(b.Context(), o.home, line...), filepath.Join(o.home, "peak")
	cmd.Env = append(cmd.Env, peakFile+"="+file)
	if folder := os.Getenv(profileFolder); folder != "" {
		name := strings.Join(args[:max(1, len(args)-1)], "_") + ".pprof"
		cmd.Env = append(cmd.Env, profileFile+"="+filepath.Join(folder, name))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("roster %s: %v\n%.2000s", strings.Join(line, " "), err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	if c.peak, err = strconv.ParseFloat(string(text), 64); err != nil {
		b.Fatal(err)
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return c
}
