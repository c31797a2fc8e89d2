package run_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// staleHistories is how many histories TestNoLeaverIsActiveAfterStaleReads makes. `make
// stale-histories` makes 200.
func staleHistories() int {
	if n, err := strconv.Atoi(os.Getenv("ROSTER_STALE_HISTORIES")); err == nil {
		return n
	}
	return 12
}

// TestNoLeaverIsActiveAfterStaleReads makes random histories of people who join, leave, rejoin and
// are renamed, seconds after one another, while reads are 0 to 60 seconds old. Some answers are
// lost. At the end reads are as old as before, but time passes: no user who left is active, and
// everybody else is as declared.
func TestNoLeaverIsActiveAfterStaleReads(t *testing.T) {
	for seed := range staleHistories() {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			people := rapid.Custom(staleHistoryOf).Example(seed)
			people.play(t)
		})
	}
}

// staleHistory is a random history.
type staleHistory struct {
	lag         time.Duration
	cached      bool
	deprovision string
	steps       []staleStep
}

// staleStep changes one person and makes a run.
type staleStep struct {
	what  string // join or leave, rename, lose, nothing
	user  string
	name  int           // of a new or renamed user
	after time.Duration // since the last run
}

func staleHistoryOf(t *rapid.T) staleHistory {
	h := staleHistory{
		lag:         time.Duration(rapid.IntRange(0, 60).Draw(t, "lag")) * time.Second,
		cached:      rapid.Bool().Draw(t, "has a cache"),
		deprovision: rapid.SampledFrom([]string{"deactivate", "deactivate", "delete"}).Draw(t, "mode"),
	}
	for i := range rapid.IntRange(4, 14).Draw(t, "steps") {
		h.steps = append(h.steps, staleStep{
			what: rapid.SampledFrom([]string{"join or leave", "join or leave", "join or leave", "rename", "lose",
				"nothing"}).Draw(t, "what"),
			user: rapid.SampledFrom(userKeys[:3]).Draw(t, "user"), name: i,
			after: time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second,
		})
	}
	return h
}

// play makes the runs of a history, and then those that follow when nothing changes.
func (h staleHistory) play(t *testing.T) {
	w := newEnv(t)
	if h.cached {
		w.Runner.Cache = &reconciletest.Cache{}
	}
	provisioner := fmt.Sprintf("enabled: true, deprovision: mode: %q, limits: maxRemovals: {off: true, "+
		"reason: \"a test\"}, limits: activations: {off: true, reason: \"a test\"}, limits: emptySource: {off: true, "+
		"reason: \"a test\"}", h.deprovision)
	declared := map[string]string{"u8": "kept", "u9": "other"} // key -> name
	publish := func() {
		cue := ""
		for _, key := range slices.Sorted(maps.Keys(declared)) {
			cue += user(key, declared[key])
		}
		w.Commit(provisioner, cue)
	}
	publish()
	w.Trigger = "schedule"
	w.Apply(reconcile.RunApplied)
	if h.lag > 0 {
		w.stale(h.lag)
	}
	for _, step := range h.steps {
		w.Now = w.Now.Add(step.after - time.Minute) // a run advances the clock by a minute
		name, there := declared[step.user]
		switch {
		case step.what == "join or leave" && there:
			delete(declared, step.user)
		case step.what == "join or leave":
			declared[step.user] = fmt.Sprintf("%s-%d", step.user, step.name)
		case step.what == "rename" && there:
			declared[step.user] = fmt.Sprintf("%s-again-%d", name, step.name)
		case step.what == "lose":
			fault := awssim.Fault{Name: awssim.FaultReplyLost, Nth: 1, Times: 10}
			if err := w.Sim.Inject(fault); err != nil {
				t.Fatal(err)
			}
		}
		publish()
		w.Trigger = "commit"
		_, _ = w.Run(true) // it may fail
		if step.what == "lose" {
			w.Sim.ClearFaults()
			if h.lag > 0 {
				w.stale(h.lag)
			}
		}
	}
	w.Trigger = "schedule"
	var last *reconcile.Report
	for range 30 {
		w.Now = w.Now.Add(time.Hour)
		last = w.applyOnce()
	}
	h.checkEnd(w, declared, last)
}

// checkEnd checks that exactly the declared users are active.
func (h staleHistory) checkEnd(w *env, declared map[string]string, last *reconcile.Report) {
	w.T.Helper()
	active := map[string]string{}
	for _, u := range w.Sim.State().Users {
		if u.Active {
			active[u.ExternalID] = u.DisplayName
		}
	}
	if !maps.Equal(active, declared) || last.Outcome != reconcile.RunInSync {
		w.T.Errorf("active are %v, declared are %v\n%+v\n%s", active, declared, h, reportText(last))
	}
}
