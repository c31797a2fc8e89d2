package run_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// hooked calls functions before the calls of a directory.
type hooked struct {
	reconcile.Directory
	onMembers, onUpdate func()
}

func (d *hooked) Members(ctx context.Context, group string) iter.Seq2[string, error] {
	if d.onMembers != nil {
		d.onMembers()
	}
	return d.Directory.Members(ctx, group)
}

func (d *hooked) UpdateUser(ctx context.Context, have reconcile.RemoteUser, want reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	if d.onUpdate != nil {
		d.onUpdate()
	}
	return d.Directory.UpdateUser(ctx, have, want)
}

// hook makes the runs of an environment call functions before their calls.
func (w *env) hook(onMembers, onUpdate func()) {
	open := w.Runner.Open
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		dir, err := open(ctx, p, readOnly)
		return &hooked{dir, onMembers, onUpdate}, err
	}
}

// merging is a run during which people merge.
type merging struct{ announce func() }

// merge announces a newer commit, once.
func (m *merging) merge() { m.announce() }

// runDuring makes a run of the newest commit.
func (w *env) runDuring(m *merging, s run.Supersession) (*run.Result, error) {
	w.T.Helper()
	newer := make(chan struct{})
	m.announce = sync.OnceFunc(func() { close(newer) })
	s.Newer = newer
	w.SetNow(w.Now.Add(time.Minute))
	return w.Runner.Once(w.T.Context(), run.Request{Provisioner: "aws", Commit: w.Ref(), Trigger: "commit",
		Declarations: w.Commits[len(w.Commits)-1], Apply: true, Supersession: s})
}

func TestANewerCommitReplacesThePlanAndNotTheRead(t *testing.T) {
	cue := people(60) + group("g", "Group", 1, 10) + group("h", "Half", 1, 20)
	for _, tt := range []struct {
		name   string
		change func(string) string
		want   map[string]int // calls of the run of the newer commit
	}{
		{"an attribute", func(cue string) string {
			return strings.Replace(cue, `firstName: "name7"`, `firstName: "Changed"`, 1)
		}, map[string]int{"PatchUser": 1}},
		{"a member less", func(cue string) string { return strings.Replace(cue, "u5: {}, ", "", 1) },
			map[string]int{"PatchGroup": 1}},
		{"a leaver", func(cue string) string {
			return strings.ReplaceAll(strings.Replace(cue, user("u5", "name5"), "", 1), "u5: {}, ", "")
		}, map[string]int{"PatchUser": 1, "PatchGroup": 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCachedEnv(t, slow, cue)
			w.Runner.Cache.Store("aws", nil)
			m := &merging{}
			w.hook(m.merge, nil)
			w.Commit(slow, strings.Replace(cue, `firstName: "name9"`, `firstName: "Reverted"`, 1))
			first, err := w.runDuring(m, run.Supersession{})
			if !errors.Is(err, run.ErrSuperseded) || first.Report != nil {
				t.Fatalf("the first run ended with %v", err)
			}
			if diff := cmp.Diff(map[string]int{"ListUsers": 3, "ListGroups": 1}, w.Calls()); diff != "" {
				t.Errorf("calls of the replaced run:\n%s", diff)
			}
			w.Commit(slow, tt.change(cue))
			second, err := w.runDuring(m, run.Supersession{Before: 1, Replaced: first.Replaced})
			if err != nil || second.Report.Outcome != reconcile.RunApplied {
				t.Fatalf("the second run ended with %v", err)
			}
			if diff := cmp.Diff(tt.want, w.Calls()); diff != "" {
				t.Errorf("calls of the run of the newer commit:\n%s", diff)
			}
			if u, _ := w.Sim.State().User("name9@example.com"); u.Name.GivenName != "name9" {
				t.Error("the replaced plan was sent")
			}
			w.Trigger = "command"
			w.Apply(reconcile.RunInSync)
		})
	}
}

// What a replaced run has read does not count after another process has run.
func TestTheReadOfAReplacedRunIsDroppedIfAnotherProcessHasRun(t *testing.T) {
	cue := people(60) + group("g", "Group", 1, 10)
	w := newCachedEnv(t, slow, cue)
	w.Runner.Cache.Store("aws", nil)
	m := &merging{}
	w.hook(m.merge, nil)
	first, err := w.runDuring(m, run.Supersession{})
	if !errors.Is(err, run.ErrSuperseded) {
		t.Fatal(err)
	}
	mine := w.Runner.Cache
	w.Runner.Cache = nil
	w.member("Group", "name1", false)
	w.Apply(reconcile.RunApplied)
	w.Runner.Cache = mine
	w.Sim.ResetCalls()
	if _, err := w.runDuring(m, run.Supersession{Before: 1, Replaced: first.Replaced}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"ListUsers": 2, "ListGroups": 1}, w.Calls()); diff != "" {
		t.Errorf("calls:\n%s", diff)
	}
}

// A commit is merged at each moment of each run. Of two runs in a row one writes, and each one
// writes for longer, so that also a plan of many changes ends.
func TestARunWritesHoweverOftenPeopleMerge(t *testing.T) {
	const limits = "enabled: true\nrate: concurrency: 1\nlimits: updates: min: 40\n"
	cue := people(40)
	w := newCachedEnv(t, limits, cue)
	m := &merging{}
	w.hook(nil, m.merge)
	for i := 1; i <= 40; i++ {
		cue = strings.Replace(cue, fmt.Sprintf(`firstName: "name%d"`, i), `firstName: "Changed"`, 1)
	}
	w.Commit(limits, cue)
	s, changed, idle := run.Supersession{}, 0, 0
	for runs := 1; ; runs++ {
		result, err := w.runDuring(m, s)
		if err == nil {
			break
		}
		if !errors.Is(err, run.ErrSuperseded) {
			t.Fatal(err)
		}
		s.Before, s.Replaced = s.Before+1, result.Replaced
		now := 0
		for _, u := range w.Sim.State().Users {
			if u.Name.GivenName == "Changed" {
				now++
			}
		}
		if idle++; now != changed {
			idle = 0
		}
		if idle == 2 {
			t.Fatalf("runs %d and %d wrote nothing; %d of 40 users are changed", runs-1, runs, now)
		}
		if changed = now; runs > 80 {
			t.Fatal("no run has ended")
		}
	}
}

// A read that fails is completed by the next run: nothing is read twice.
func TestAFailedReadIsCompletedByTheNextRun(t *testing.T) {
	cue := people(30)
	for i := range 20 {
		cue += group(fmt.Sprintf("g%d", i), fmt.Sprintf("Group %d", i), 1, 10)
	}
	const full = 1 + 20 // listings of users and of members
	for _, tt := range []struct {
		name   string
		failed int // number of the listing of users that fails
	}{
		{"at the start", 1}, {"in the middle", 12}, {"at the end", full},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCachedEnv(t, slow+"rate: concurrency: 1\n", cue)
			w.Runner.Cache.Store("aws", nil)
			if err := w.Sim.Inject(awssim.Fault{Name: awssim.FaultError500, Operation: "ListUsers", Nth: tt.failed,
				Times: 8}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Run(true); err == nil {
				t.Fatal("the read did not fail")
			}
			w.Sim.ClearFaults()
			w.Calls()
			w.Apply(reconcile.RunInSync)
			if n := w.Calls()["ListUsers"]; n != full-tt.failed+1 {
				t.Errorf("%d listings of users after %d that succeeded; want %d", n, tt.failed-1, full-tt.failed+1)
			}
			w.Apply(reconcile.RunInSync)
			if calls := w.Calls(); len(calls) > 0 {
				t.Errorf("calls of the run after a complete read: %v", calls)
			}
		})
	}
}

// A read that was completed by a second run is not a read of that run: removals are looked up.
func TestWhatAnEarlierRunHasReadIsLookedUpBeforeARemoval(t *testing.T) {
	cue := people(30)
	for i := range 9 {
		cue += group(fmt.Sprintf("g%d", i), fmt.Sprintf("Group %d", i), 1, 10)
	}
	w := newCachedEnv(t, slow+"rate: concurrency: 1\n", cue)
	w.Runner.Cache.Store("aws", nil)
	if err := w.Sim.Inject(awssim.Fault{Name: awssim.FaultError500, Operation: "ListUsers", Nth: 10,
		Times: 8}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(true); err == nil {
		t.Fatal("the read did not fail")
	}
	w.Sim.ClearFaults()
	w.Commit(slow+"rate: concurrency: 1\n", strings.ReplaceAll(strings.Replace(cue, user("u5", "name5"), "", 1),
		"u5: {}, ", ""))
	var reads *reconciletest.ReadBeforeWrite
	open := w.Runner.Open
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		dir, err := open(ctx, p, readOnly)
		reads = &reconciletest.ReadBeforeWrite{Directory: dir}
		return reads, err
	}
	w.Apply(reconcile.RunApplied)
	if len(reads.Unread) > 0 {
		t.Errorf("access was removed without a read: %v", reads.Unread)
	}
	if n := len(w.Sim.State().MemberNames("Group 3")); n != 9 {
		t.Errorf("%d members", n)
	}
}
