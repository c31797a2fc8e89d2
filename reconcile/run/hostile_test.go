package run_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestHostileHistories makes random histories in which an attacker writes to the audit branch or to
// the declarations, machines lose their state and crash, and people do ordinary work. A checker
// that uses none of roster's code compares each run with what the declarations and the checker's
// own record of managed objects allow. At the end an operator repairs the branch, and runs must
// converge. Reproduce a failure with the seed that it prints. Without -rapid.checks the histories
// are the same each time; make histories makes new ones.
func TestHostileHistories(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		setFlag(t, "rapid.seed", "1")
	}
	rapid.Check(t, func(rt *rapid.T) { hostileHistory(t, rt, sabotage{}) })
}

// TestASeedAlwaysMakesTheSameHistory makes histories twice. Otherwise a violation could not be
// reproduced.
func TestASeedAlwaysMakesTheSameHistory(t *testing.T) {
	setFlag(t, "rapid.seed", "7")
	setFlag(t, "rapid.checks", "25")
	trace := func() []string {
		var out []string
		rapid.Check(t, func(rt *rapid.T) {
			out = append(out, strings.Split(hostileHistory(t, rt, sabotage{}), "\n")...)
		})
		return out
	}
	first, second := trace(), trace()
	for i := range min(len(first), len(second)) {
		if first[i] != second[i] {
			t.Fatalf("line %d was\n%s\nand is\n%s\nafter\n%s", i, first[i], second[i],
				strings.Join(second[max(0, i-20):i], "\n"))
		}
	}
	if len(first) != len(second) {
		t.Fatalf("%d lines were logged, and then %d", len(first), len(second))
	}
}

// hostile is a history with hostile writers.
type hostile struct {
	*history
	branch      *auditBranch
	keys        bool   // signatures are required on the audit branch
	hasForge    bool   // there is a forge, and reviews are required
	direct      bool   // the next commits are pushed directly
	reviewed    []bool // of each commit
	machines    []*machine
	orgs        []*org // of each commit
	commitTimes []time.Time
	lastError   error // of the last run
	sabotage    sabotage
	*checker
}

// Indexes of attacks.
const (
	attackBranch = iota
	attackCommits
	attackBoth
)

// attacks are who is hostile in a history.
var attacks = []struct {
	name            string
	branch, commits bool
}{
	{"an attacker writes to the audit branch", true, false},
	{"an attacker writes to the declarations", false, true},
	{"an attacker writes to both", true, true},
	{"nobody is hostile", false, false},
}

// hostileHistory makes a history and returns what it logged.
func hostileHistory(t *testing.T, rt *rapid.T, s sabotage) string {
	tb := &scopedTB{TB: t}
	defer tb.end()
	h := newHostile(tb, rt, s)
	attack := attacks[s.attack]
	if s.name == "" {
		attack = rapid.SampledFrom(attacks).Draw(rt, "attack")
	}
	h.keys = rapid.IntRange(0, 2).Draw(rt, "keys") == 0 || s.keys
	h.hasForge = rapid.IntRange(0, 3).Draw(rt, "forge") == 0 || s.reviews
	h.logf("%s; keys: %v; forge: %v", attack.name, h.keys, h.hasForge)
	dir, err := os.MkdirTemp(t.TempDir(), "")
	h.must(err)
	defer os.RemoveAll(dir)
	for _, name := range []string{"daemon", "laptop"} {
		h.machines = append(h.machines, h.newMachine(name, dir, rapid.Bool().Draw(rt, name+" has a cache")))
	}
	defer func() {
		for _, m := range h.machines {
			_ = m.recorder.Close()
		}
	}()
	h.makeAdministrators()
	h.publish()
	h.runAndCheck()
	if h.hasForge { // before that, nothing is reviewed
		h.org.policy = h.strictPolicy()
		h.publish()
		h.runAndCheck()
	}
	var hostileSteps []hostileStep
	if attack.branch {
		hostileSteps = append(hostileSteps, branchSteps...)
	}
	if attack.commits {
		hostileSteps = append(hostileSteps, commitSteps...)
	}
	if attack.branch && attack.commits {
		hostileSteps = append(hostileSteps, plantedSteps...)
	}
	if s.steps != nil {
		hostileSteps = s.steps
	}
	for range rapid.IntRange(3, 12).Draw(rt, "steps") {
		h.step(hostileSteps)
		if rapid.IntRange(0, 3).Draw(rt, "run") > 0 {
			h.runAndCheck()
		}
	}
	if s.name == "" {
		h.converge()
	}
	return h.trace.String()
}

func newHostile(t testing.TB, rt *rapid.T, s sabotage) *hostile {
	h := &hostile{history: &history{T: rt, env: newEnv(t), org: newOrg()}, sabotage: s,
		branch: &auditBranch{signer: signerRoster}, checker: newChecker()}
	h.org.policy = strictPolicy()
	h.org.serial, h.Sim.Options.Seed = true, 1 // a seed always makes the same history
	h.Sim.Now = func() time.Time { return h.Now }
	h.declare = func() { h.commit(h.Now) }
	open := h.Runner.Open
	h.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		dir, err := open(ctx, p, readOnly)
		h.reads = &reconciletest.ReadBeforeWrite{Directory: dir}
		if err == nil && s.directory != nil {
			return s.directory(h, h.reads), nil
		}
		return h.reads, err
	}
	return h
}

// makeAdministrators makes an unmanaged administrator with an unmanaged group.
func (h *hostile) makeAdministrators() {
	admin, err := h.Sim.PutUser(awssim.User{UserName: "root@example.com", DisplayName: "root", Active: true,
		Name:       &awssim.Name{GivenName: "Root", FamilyName: "Admin"},
		ExternalID: h.pick("admin", []string{"", "u5", "root"})})
	h.must(err)
	group, err := h.Sim.PutGroup(awssim.Group{DisplayName: "Break Glass",
		ExternalID: h.pick("admins", []string{"", "g3", "admins"})})
	h.must(err)
	h.must(h.Sim.AddMember(group, admin))
}

// step does one ordinary or hostile step.
func (h *hostile) step(steps []hostileStep) {
	kind, hostile := rapid.IntRange(0, 5).Draw(h.T, "kind of step"), 2
	if h.sabotage.steps != nil {
		hostile = 5
	}
	switch {
	case kind < hostile && len(steps) > 0:
		s := rapid.SampledFrom(steps).Draw(h.T, "hostile step")
		h.logf("%s HOSTILE: %s", h.Now.Format(time.DateTime), s.name)
		h.direct = true
		s.do(h)
		h.direct = false
	case kind == 2:
		s := rapid.SampledFrom(machineSteps).Draw(h.T, "machine step")
		h.logf("%s %s", h.Now.Format(time.DateTime), s.name)
		s.do(h)
	default:
		s := rapid.SampledFrom(ordinarySteps).Draw(h.T, "step")
		h.logf("%s %s", h.Now.Format(time.DateTime), s.name)
		s.do(h.history)
	}
}

// commit publishes the organization in a commit with a time.
func (h *hostile) commit(at time.Time) {
	provisioner, cue := h.org.cue()
	base := strings.Replace(reconciletest.BaseCUE, "provisioners: aws:",
		fmt.Sprintf("provisioners: %q:", h.org.provisioner()), 1)
	h.Declare(base, cue, provisioner)
	if h.Dates == nil {
		h.Dates = map[int]time.Time{}
	}
	h.Dates[len(h.Commits)] = at
	h.reviewed = append(h.reviewed, !h.direct)
	h.orgs, h.commitTimes = append(h.orgs, h.org.clone()), append(h.commitTimes, at)
	h.logf("commit-%d: %s", len(h.orgs), h.change())
}

// change describes the newest commit.
func (h *hostile) change() string {
	lines := func(o *org) []string {
		provisioner, cue := o.cue()
		return strings.Split(fmt.Sprintf("provisioner %s\n%s\n%s", o.provisioner(), provisioner, cue), "\n")
	}
	n := len(h.orgs)
	if n == 1 {
		return strings.Join(lines(h.orgs[0]), "\n")
	}
	before, after := lines(h.orgs[n-2]), lines(h.orgs[n-1])
	var out []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			out = append(out, "- "+strings.TrimSpace(line))
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			out = append(out, "+ "+strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n    ")
}

// runAndCheck makes one run on one machine and checks it.
func (h *hostile) runAndCheck() *run.Result {
	m := h.machines[0]
	if rapid.IntRange(0, 3).Draw(h.T, "machine") == 0 {
		m = h.machines[1]
	}
	return h.runOn(m, h.pick("trigger", []string{"commit", "schedule", "command"}))
}

func (h *hostile) runOn(m *machine, trigger string) *run.Result {
	before, broken := h.Sim.State(), m.brokenBranch()
	killed := m.crash != nil
	result, err := m.once(trigger, true)
	h.lastError = err
	m.noteHead(result)
	h.Sim.ClearFaults()
	h.faulted = false
	if killed {
		m.start()
	}
	after := h.Sim.State()
	r := h.newObservedRun(m, before, after, result, killed || err != nil)
	r.broken = broken
	h.logf("%s run on %s at commit-%d: %s %v", h.Now.Format(time.DateTime), m.name, r.commit, r.outcome(), err)
	for _, w := range r.writes {
		h.logf("    %s", w)
	}
	h.checkRun(r)
	return result
}

func (r *observedRun) outcome() string {
	if r.result == nil || r.result.Report == nil {
		return "no report"
	}
	var text []string
	for _, line := range summary(r.result.Report) {
		text = append(text, "\n    "+line)
	}
	for i := range r.result.Report.Changes {
		for _, hold := range r.result.Report.Changes[i].Held() {
			if hold.NotApprovable && hold.Gate != reconcile.GateAudit {
				text = append(text, "\n    "+hold.Reason)
			}
		}
	}
	if a := r.result.Report.Audit; a != nil && a.Level != reconcile.TrustProved {
		text = append(text, "\n    audit branch: "+a.String())
	}
	return string(r.result.Report.Outcome) + strings.Join(text, "")
}

// jsonOf encodes a value as roster would on the branch.
func jsonOf(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
