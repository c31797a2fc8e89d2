package run_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// TestHostileHistoriesFindSabotage breaks one rule of roster after the other, at the interfaces of
// a run. The histories must find each of them.
func TestHostileHistoriesFindSabotage(t *testing.T) {
	setFlag(t, "rapid.nofailfile", "true")
	setFlag(t, "rapid.shrinktime", "0s")
	setFlag(t, "rapid.seed", "1")
	setFlag(t, "rapid.checks", "150")
	for _, s := range sabotages {
		t.Run(s.name, func(t *testing.T) {
			found := findViolation(t, s)
			if !strings.Contains(found, "violation of "+string(s.finds)) {
				t.Errorf("no violation of %q was found in 150 histories:\n%s", s.finds, found)
			}
		})
	}
}

// sabotages are the rules that can be broken, each with the rule of the checker that finds it.
var sabotages = []sabotage{
	{name: "every entry of the ledger is proved", attack: attackBranch, finds: ruleOwnership,
		audit: loadWith(func(s *reconcile.AuditState) {
			s.Unproved = reconcile.UnprovedEntries{}
			if !s.Trust.Broken() {
				s.Trust = reconcile.AuditTrust{Level: reconcile.TrustProved}
			}
		})},
	{name: "the removals of the last day are forgotten", attack: attackCommits, finds: heldByGate("maxRemovals"),
		audit: loadWith(func(s *reconcile.AuditState) {
			if s.Status != nil {
				s.Status.Removals = nil
			}
		})},
	{name: "an approval counts as added by the newest commit", attack: attackCommits, finds: "gate ",
		source: func(h *hostile, s reconcile.Source) reconcile.Source { return newestApprovals{s, h} }},
	{name: "the policy of the last applied commit is that of the newest", attack: attackCommits, finds: "gate ",
		source: func(h *hostile, s reconcile.Source) reconcile.Source { return newestPolicy{s, h} }},
}

// newestApprovals is a source that has the newest commit as the one that added each approval.
type newestApprovals struct {
	reconcile.Source
	h *hostile
}

func (s newestApprovals) ApprovalCommits(_ context.Context, head string,
	digests []string) (map[string]reconcile.CommitRef, error) {
	out := map[string]reconcile.CommitRef{}
	for _, digest := range digests {
		out[digest] = reconcile.CommitRef{ID: head}
	}
	return out, nil
}

// newestPolicy is a source that has the provisioners of the newest commit in all commits.
type newestPolicy struct {
	reconcile.Source
	h *hostile
}

func (s newestPolicy) Declarations(ctx context.Context, commit string) (*schema.Declarations, error) {
	d, err := s.Source.Declarations(ctx, commit)
	if err != nil {
		return nil, err
	}
	out := *d
	out.Provisioners = s.h.Commits[len(s.h.Commits)-1].Provisioners
	return &out, nil
}

// alteredAudit alters what a run reads of earlier runs.
type alteredAudit struct {
	reconcile.Audit
	alter func(*reconcile.AuditState)
}

func loadWith(alter func(*reconcile.AuditState)) func(reconcile.Audit) reconcile.Audit {
	return func(a reconcile.Audit) reconcile.Audit { return alteredAudit{a, alter} }
}

func (a alteredAudit) LoadState(ctx context.Context, provisioner string) (*reconcile.AuditState, error) {
	state, err := a.Audit.LoadState(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	out := *state
	if state.Status != nil {
		status := *state.Status
		out.Status = &status
	}
	a.alter(&out)
	return &out, nil
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
