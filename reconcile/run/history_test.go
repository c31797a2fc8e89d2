package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// TestRandomHistories makes random histories of declarations, outside changes, modes, faults, lost
// audit branches and force-pushes. It checks each run against the state of the simulator. At the
// end everything is approved, and runs must converge.
//
// Each run plans from what the one before it left. Each such plan is compared with the plan from
// everything.
func TestRandomHistories(t *testing.T) {
	comparisons, histories := 0, 0
	defer func() {
		t.Logf("%d plans in %d histories were compared", comparisons, histories)
		if histories >= 20 && comparisons < histories {
			t.Errorf("only %d plans in %d histories were made from what changed", comparisons, histories)
		}
	}()
	rapid.Check(t, func(rt *rapid.T) {
		tb := &scopedTB{TB: t}
		defer tb.end()
		h := &history{T: rt, env: newEnv(tb), org: newOrg()}
		switch rapid.IntRange(0, 2).Draw(rt, "cache") {
		case 1: // of a process that has started again
			h.Runner.Cache = &reconciletest.Cache{}
		case 2:
			h.Runner.Cache = &processCache{}
		}
		open := h.Runner.Open
		h.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
			dir, err := open(ctx, p, readOnly)
			h.reads = &reconciletest.ReadBeforeWrite{Directory: dir}
			return h.reads, err
		}
		h.publish()
		for range rapid.IntRange(4, 14).Draw(rt, "steps") {
			step := rapid.SampledFrom(steps).Draw(rt, "step")
			h.logf("%s", step.name)
			step.do(h)
			h.runAndCheck()
		}
		h.converge()
		comparisons, histories = comparisons+h.Comparisons, histories+1
	})
}

// scopedTB is a test whose cleanups run at the end of one history, so that it does not keep the
// environments of all histories.
type scopedTB struct {
	testing.TB
	cleanups []func()
}

func (s *scopedTB) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scopedTB) end() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

type history struct {
	*rapid.T
	*env
	org     *org
	faulted bool
	reads   *reconciletest.ReadBeforeWrite // of the last run
	// switchedOff are the ids of the users whom an administrator deactivated since the last commit.
	switchedOff map[string]bool
	// declare, if set, publishes the organization instead of Commit.
	declare func()
	trace   strings.Builder // what was logged
}

func (h *history) logf(format string, args ...any) {
	h.T.Logf(format, args...)
	fmt.Fprintf(&h.trace, format+"\n", args...)
}

var (
	userKeys  = []string{"u1", "u2", "u3", "u4", "u5", "u6"}
	groupKeys = []string{"g1", "g2", "g3"}
	userNames = []string{"ann", "ben", "cat", "dan", "eve", "fay"}
	teamNames = []string{"Ops", "Dev", "Sec"}
)

func (h *history) publish() {
	h.switchedOff = map[string]bool{}
	if h.declare != nil {
		h.declare()
		return
	}
	h.Commit(h.org.cue())
}

func (h *history) pick(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(h.T, label)
}

func (h *history) date() string {
	return h.Now.AddDate(0, 0, rapid.IntRange(-1, 3).Draw(h.T, "days")).Format("2006-01-02")
}

// runAndCheck makes one run and checks it against the simulator.
func (h *history) runAndCheck() {
	before, past := h.Sim.State(), h.auditState()
	h.Sim.ResetCalls()
	first, errFirst := h.planOnly()
	second, errSecond := h.planOnly()
	if !h.faulted && errFirst == nil && errSecond == nil && first != second {
		h.Fatalf("two plans at the same time differ:\n%s\n%s", first, second)
	}
	if n := h.Sim.Calls().ByMethod; n["POST"]+n["PATCH"]+n["PUT"]+n["DELETE"] > 0 {
		h.Fatalf("plan wrote: %v", n)
	}
	h.Trigger = h.pick("trigger", []string{"commit", "schedule", "command"})
	result, err := h.Run(true)
	h.Sim.ClearFaults()
	h.faulted = false
	h.check(before, past, result, err)
}

func (h *history) auditState() *reconcile.AuditState {
	past, err := h.Audit.LoadState(context.Background(), "aws")
	h.must(err)
	return past
}

// planOnly plans without applying, one minute before the next run.
func (h *history) planOnly() (string, error) {
	at := h.Now
	defer func() { h.SetNow(at) }()
	result, err := h.Run(false)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(result.Plan)
	return string(text), err
}

// converge approves everything, run by run, until the directory is as declared and a run sends
// nothing.
func (h *history) converge() {
	h.org.enabled, h.org.paused, h.org.adopt, h.org.pushGroups = true, "", "take-over", true
	h.publish()
	h.Trigger = "command" // reads everything
	var last *run.Result
	for range 12 {
		before, past := h.Sim.State(), h.auditState()
		result, err := h.Run(true)
		if err != nil && !errors.Is(err, reconcile.ErrUnauthorized) {
			h.Fatalf("%v", err)
		}
		h.check(before, past, result, err)
		last = result
		switch result.Report.Outcome {
		case reconcile.RunInSync:
			h.Sim.ResetCalls()
			if again, err := h.Run(true); err != nil || again.Report.Outcome != reconcile.RunInSync ||
				len(h.Sim.Calls().ByMethod) > 1 {
				h.Fatalf("after in sync: %v %v", h.Sim.Calls().ByMethod, err)
			}
			h.checkDeclared()
			return
		case reconcile.RunHeld, reconcile.RunPartial:
			h.renameUnmanaged(result.Report)
			h.approve()
		}
	}
	h.Fatalf("not in sync after twelve rounds:\n%s", reportText(last.Report))
}

var (
	holder     = regexp.MustCompile(`\(id ([^)]+)\), which is unmanaged`)
	keptHolder = regexp.MustCompile(`"([^"]+)", which left the scope; .*change the name in AWS first`)
)

// renameUnmanaged renames unmanaged objects, and users who were kept when they left the scope, that
// have a name which a change needs, as an administrator would: no approval frees such a name.
func (h *history) renameUnmanaged(r *reconcile.Report) {
	inTheWay := map[string]bool{}
	for i := range r.Changes {
		for _, hold := range r.Changes[i].Held() {
			if m := holder.FindStringSubmatch(hold.Reason); m != nil {
				inTheWay[m[1]] = true
			}
			if m := keptHolder.FindStringSubmatch(hold.Reason); m != nil {
				inTheWay[m[1]] = true
			}
		}
	}
	st := h.Sim.State()
	for _, u := range st.Users {
		if inTheWay[u.ID] || inTheWay[u.ExternalID] {
			u.UserName, u.Emails = "moved-"+u.ID, nil
			h.put(u)
		}
	}
	for _, g := range st.Groups {
		if inTheWay[g.ID] {
			g.DisplayName = "moved-" + g.ID
			_, err := h.Sim.PutGroup(g)
			h.must(err)
		}
	}
}
