package run_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestHostileHistoriesFindSabotage breaks one rule of roster after the other, at the interfaces of
// a run. The histories must find each of them.
func TestHostileHistoriesFindSabotage(t *testing.T) {
	setFlag(t, "rapid.nofailfile", "true")
	setFlag(t, "rapid.shrinktime", "0s")
	setFlag(t, "rapid.checks", "150")
	for _, s := range slices.Concat(sabotages, gateSabotages()) {
		t.Run(s.name, func(t *testing.T) {
			setFlag(t, "rapid.seed", fmt.Sprint(max(s.seed, 1)))
			found := findViolation(t, s)
			if !strings.Contains(found, "violation of "+string(s.finds)) {
				t.Errorf("no violation of %q was found in 150 histories:\n%s", s.finds, found)
			}
			summary, _, _ := strings.Cut(strings.TrimSpace(found), "Failed test output")
			t.Log(summary)
		})
	}
}

// TestHostileStepsWithoutSabotageFindNothing makes histories with the steps that show a sabotage,
// without it: otherwise it is not the sabotage that TestHostileHistoriesFindSabotage finds.
func TestHostileStepsWithoutSabotageFindNothing(t *testing.T) {
	setFlag(t, "rapid.nofailfile", "true")
	setFlag(t, "rapid.checks", "20")
	for _, s := range []sabotage{
		{name: "ownership", attack: attackBranch, steps: ownershipSteps},
		{name: "approvals", attack: attackCommits, steps: approvalSteps},
		{name: "a branch that is gone", attack: attackBranch, steps: goneSteps},
		{name: "a status that is gone", attack: attackBranch, steps: statusSteps},
		{name: "planted", attack: attackBoth, steps: plantedSteps},
		{name: "counters", attack: attackBoth, steps: counterSteps},
		{name: "reviews", attack: attackCommits, reviews: true},
		{name: "signatures", attack: attackBranch, keys: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			setFlag(t, "rapid.seed", "1")
			rapid.Check(t, func(rt *rapid.T) { hostileHistory(t, rt, s) })
		})
	}
}

// findViolation returns the output of hostile histories with a sabotage, until the first failure.
func findViolation(t *testing.T, s sabotage) string {
	tb := &collector{name: t.Name()}
	done := make(chan struct{})
	go func() { // a failed check ends its goroutine
		defer close(done)
		rapid.Check(tb, func(rt *rapid.T) { hostileHistory(t, rt, s) })
	}()
	<-done
	return tb.text.String()
}

func setFlag(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	before := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(before) })
}

// collector is a rapid.TB that collects the output of a failed check.
type collector struct {
	name   string
	mu     sync.Mutex
	text   strings.Builder
	failed bool
}

var _ rapid.TB = (*collector)(nil)

// stop ends the history.
func (c *collector) stop() { runtime.Goexit() }

func (c *collector) Helper()      {}
func (c *collector) Name() string { return c.name }
func (c *collector) Log(args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(&c.text, args...)
}
func (c *collector) Logf(format string, args ...any)   { c.Log(fmt.Sprintf(format, args...)) }
func (c *collector) Skip(args ...any)                  { c.Log(args...); c.stop() }
func (c *collector) Skipf(format string, args ...any)  { c.Logf(format, args...); c.stop() }
func (c *collector) SkipNow()                          { c.stop() }
func (c *collector) Error(args ...any)                 { c.Log(args...); c.Fail() }
func (c *collector) Errorf(format string, args ...any) { c.Logf(format, args...); c.Fail() }
func (c *collector) Fatal(args ...any)                 { c.Error(args...); c.FailNow() }
func (c *collector) Fatalf(format string, args ...any) { c.Errorf(format, args...); c.FailNow() }
func (c *collector) FailNow()                          { c.Fail(); runtime.Goexit() }
func (c *collector) Fail()                             { c.failed = true }
func (c *collector) Failed() bool                      { return c.failed }
