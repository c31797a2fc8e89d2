package run_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// allowedWork is work that gates hold until an approval releases it.
type allowedWork struct {
	name        string
	provisioner string
	start, next string
	prepare     func(w *env)
	at          func(reconcile.Entry) bool // where the run with the approval dies
	finished    func(w *env) string        // what is missing; empty if all was done
}

// slowly makes a run send one write after the other, and lets users return.
const slowly = `, rate: {perSecond: 0, concurrency: 1}, limits: activations: {off: true, reason: "a test"}`

var allowedWorks = []allowedWork{
	{
		name: "deactivations", provisioner: selectsGroups + slowly, start: twoGroups(100, 2), next: twoGroups(70, 2),
		at: killAt(reconcile.DeactivateUser, "u85"),
		finished: func(w *env) string {
			for i := 71; i <= 100; i++ {
				if w.active(fmt.Sprintf("name%d", i)) {
					return fmt.Sprintf("user %d is active", i)
				}
			}
			return ""
		},
	},
	{
		name: "renames", provisioner: "enabled: true" + slowly, start: people(20), next: renamedPeople(20),
		at: killAt(reconcile.RenameUser, "u15"),
		finished: func(w *env) string {
			for i := 1; i <= 20; i++ {
				if _, found := w.Sim.State().User(fmt.Sprintf("other%d@example.com", i)); !found {
					return fmt.Sprintf("user %d has the old name", i)
				}
			}
			return ""
		},
	},
	{
		name: "adoptions", provisioner: "enabled: true, adopt: \"match\"" + slowly, start: "", next: people(8),
		prepare: func(w *env) {
			for i := range 8 {
				w.makeUser(fmt.Sprintf("name%d", i+1), "")
			}
		},
		at: killAt(reconcile.AdoptUser, "u4"),
		finished: func(w *env) string {
			for _, u := range w.Sim.State().Users {
				if u.ExternalID == "" {
					return u.UserName + " is not adopted"
				}
			}
			return ""
		},
	},
	{
		name: "deletions of groups", provisioner: "enabled: true" + slowly,
		start: people(2) + groupsFrom("abcdefgh"), next: people(2) + groupsFrom("efgh"),
		at: killAt(reconcile.DeleteGroup, "b"),
		finished: func(w *env) string {
			if n := len(w.Sim.State().Groups); n != 4 {
				return fmt.Sprintf("there are %d groups", n)
			}
			return ""
		},
	},
}

// outOfReachOnce makes a run that does not reach AWS.
func (w *env) outOfReachOnce() {
	w.T.Helper()
	open := w.Runner.Open
	w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
		return nil, errOutOfReach
	}
	defer func() { w.Runner.Open = open }()
	if _, err := w.Run(true); !errors.Is(err, errOutOfReach) {
		w.T.Fatalf("the run ended with %v", err)
	}
}

// groupsFrom declares a group for each letter.
func groupsFrom(letters string) string {
	out := ""
	for _, letter := range letters {
		out += group(string(letter), "Group "+string(letter), 1, 1)
	}
	return out
}

func renamedPeople(n int) string {
	out := ""
	for i := 1; i <= n; i++ {
		out += user(fmt.Sprintf("u%d", i), fmt.Sprintf("other%d", i))
	}
	return out
}

// hold applies the start and has a run that holds the work. It returns the declarations with the
// approval.
func (work allowedWork) hold(w *env) string {
	if work.prepare != nil {
		work.prepare(w)
	}
	if work.start != "" {
		w.Commit(work.provisioner, work.start)
		w.Apply(reconcile.RunApplied)
	}
	w.Commit(work.provisioner, work.next)
	r := w.applyOnce()
	if r.HeldDigest == "" {
		w.T.Fatalf("nothing is held\n%s", reportText(r))
	}
	return work.next + approve(r.HeldDigest)
}

// TestWhatADeadRunWasAllowedIsNotHeldAgain kills a run with an approval before it has sent
// everything. The approval is used, but later runs complete the work.
func TestWhatADeadRunWasAllowedIsNotHeldAgain(t *testing.T) {
	deaths := map[string]func(w *env, work allowedWork){
		"a process dies": func(w *env, work allowedWork) { w.kill(work.at) },
		"a machine is lost": func(w *env, work allowedWork) {
			w.loseMachine(work.at)
			w.Audit.Trust = trusts[1]
		},
		"a process dies twice": func(w *env, work allowedWork) {
			w.kill(work.at)
			w.kill(func(reconcile.Entry) bool { return true })
		},
		"a machine is lost, and the next run does not reach AWS": func(w *env, work allowedWork) {
			w.loseMachine(work.at)
			w.outOfReachOnce()
		},
	}
	for name, die := range deaths {
		for _, work := range allowedWorks {
			t.Run(name+": "+work.name, func(t *testing.T) {
				w := newEnv(t)
				w.Commit(work.provisioner, work.hold(w))
				die(w, work)
				if work.finished(w) == "" {
					t.Fatal("nothing was left to do")
				}
				planned, err := w.Run(false)
				if err != nil || planned.Plan.Counts.Held > 0 {
					t.Errorf("%v; the plan after the death holds %d changes", err, planned.Plan.Counts.Held)
				}
				for range 3 {
					r := w.applyOnce()
					if r.Counts.Held > 0 {
						t.Fatalf("the work is held again\n%s", reportText(r))
					}
					w.Now = w.Now.Add(reconcile.ConfirmAfter)
				}
				if missing := work.finished(w); missing != "" {
					t.Error(missing)
				}
				w.Apply(reconcile.RunInSync)
			})
		}
	}
}

// TestADeadRunAllowsNothingElse has changes that the dead run was not allowed: those of a later
// commit, and the same changes in a later run, after the work was complete.
func TestADeadRunAllowsNothingElse(t *testing.T) {
	work := allowedWorks[0]
	t.Run("a later commit", func(t *testing.T) {
		w := newEnv(t)
		approved := work.hold(w)
		w.Commit(work.provisioner, approved)
		w.kill(work.at)
		w.Commit(work.provisioner, twoGroups(40, 2)+approved[len(work.next):])
		r := w.applyOnce()
		if missing := work.finished(w); missing != "" {
			t.Error(missing)
		}
		for i := 41; i <= 70; i++ {
			if !w.active(fmt.Sprintf("name%d", i)) {
				t.Fatalf("user %d of the later commit was deactivated\n%s", i, reportText(r))
			}
		}
	})
	t.Run("the same changes again", func(t *testing.T) {
		w := newEnv(t)
		approved := work.hold(w)
		w.Commit(work.provisioner, approved)
		w.kill(work.at)
		w.applyOnce()
		w.Apply(reconcile.RunInSync)
		w.Commit(work.provisioner, work.start)
		w.Apply(reconcile.RunApplied)
		w.Commit(work.provisioner, approved)
		if r := w.applyOnce(); r.Counts.Held == 0 {
			t.Errorf("the changes of a dead run are released again\n%s", reportText(r))
		}
	})
	t.Run("the same changes again, while another change stays held", func(t *testing.T) {
		w := newEnv(t)
		const provisioner = `enabled: true, groups: ["g", "h", "x"]` + slowly
		w.Commit(`enabled: true, groups: ["g", "h", "x", "y"]`+slowly, work.start+groupsFrom("xy"))
		w.Apply(reconcile.RunApplied)
		w.Commit(provisioner, work.start+groupsFrom("x"))
		w.Apply(reconcile.RunHeld)
		w.Commit(provisioner, work.next+groupsFrom("x"))
		digest := ""
		for _, g := range w.applyOnce().HeldGroups {
			if g.Users == 30 {
				digest = g.Digest
			}
		}
		w.Commit(provisioner, work.next+groupsFrom("x")+approve(digest))
		w.kill(work.at)
		w.applyOnce()
		if missing := work.finished(w); missing != "" {
			t.Fatal(missing)
		}
		w.Commit(provisioner, work.start+groupsFrom("x"))
		w.applyOnce()
		if !w.active("name100") {
			t.Fatal("the users did not return")
		}
		w.Commit(provisioner, work.next+groupsFrom("x"))
		if r := w.applyOnce(); r.Counts.Done > 0 || !w.active("name100") {
			t.Errorf("the changes of a dead run are released again\n%s", reportText(r))
		}
	})
	t.Run("a run that held everything", func(t *testing.T) {
		w := newEnv(t)
		approved := work.hold(w)
		w.Commit(work.provisioner, work.next+user("extra", "extra"))
		w.Commit(work.provisioner, twoGroupsWith(70, 2))
		w.kill(killAt(reconcile.CreateUser, "extra"))
		r := w.applyOnce()
		if r.Counts.Held == 0 || !w.active("name100") {
			t.Errorf("what the dead run held is released (%d bytes)\n%s", len(approved), reportText(r))
		}
	})
}

// twoGroupsWith is twoGroups with one more user.
func twoGroupsWith(g, h int) string {
	return twoGroups(g, h) + user("extra", "extra") + "groups: g: members: extra: {}\n"
}

// TestAPlantedIntentAllowsNothing plants intents for an old commit or time, and intents that name
// an approval which was used.
func TestAPlantedIntentAllowsNothing(t *testing.T) {
	work := allowedWorks[0]
	// used returns an environment in which an approval was used, and its changes are declared
	// again.
	used := func(t *testing.T) (w *env, approvedCommit reconcile.CommitRef, approvedAt time.Time) {
		w = newEnv(t)
		approved := work.hold(w)
		w.Commit(work.provisioner, approved)
		approvedCommit, approvedAt = w.Ref(), w.Now.Add(30*time.Second)
		w.Apply(reconcile.RunApplied)
		w.Commit(work.provisioner, work.start+approved[len(work.next):])
		w.Apply(reconcile.RunApplied)
		w.Commit(work.provisioner, approved)
		w.Audit.Trust = trusts[1]
		return w, approvedCommit, approvedAt
	}
	w, commit, at := used(t)
	uses := w.past("aws").Status.UsedApprovals
	for name, intent := range map[string]reconcile.Intent{
		"the old run":       {Commit: commit, Started: at, UsedApprovals: uses},
		"the old commit":    {Commit: commit, Started: w.Now, UsedApprovals: uses},
		"the new commit":    {Commit: w.Ref(), Started: w.Now, UsedApprovals: uses},
		"an unknown commit": {Commit: reconcile.CommitRef{ID: "nowhere"}, Started: w.Now},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := used(t)
			for _, reached := range []bool{false, true} {
				intent.Run = fmt.Sprintf("planted %v", reached)
				if intent.Started.After(at) {
					intent.Started = w.Now
				}
				w.Audit.OpenIntent = &intent
				if !reached {
					w.outOfReachOnce()
				}
				if r := w.applyOnce(); r.Counts.Held == 0 || r.Counts.Done > 0 || !w.active("name100") {
					t.Errorf("the planted intent released changes\n%s", reportText(r))
				}
			}
		})
	}
	t.Run("a time to come, when the removals of today do not count", func(t *testing.T) {
		w := newEnv(t)
		w.Commit(work.provisioner, twoGroups(100, 2))
		w.Apply(reconcile.RunApplied)
		w.Commit(work.provisioner, twoGroups(92, 2))
		w.Apply(reconcile.RunApplied)
		w.Commit(work.provisioner, twoGroups(84, 2))
		w.Audit.OpenIntent = &reconcile.Intent{Run: "planted", Commit: w.Ref(), Started: w.Now.Add(25 * time.Hour)}
		if r := w.applyOnce(); r.Counts.Held == 0 || !w.active("name90") {
			t.Errorf("the planted intent released changes\n%s", reportText(r))
		}
	})
	t.Run("a time before the end of an approval", func(t *testing.T) {
		w := newEnv(t)
		approved := work.hold(w)
		w.Commit(work.provisioner, approved)
		w.Dates = map[int]time.Time{len(w.Commits): w.Now}
		committed := w.Now
		w.Now = w.Now.Add(26 * time.Hour)
		if r := w.applyOnce(); r.Counts.Held == 0 {
			t.Fatalf("the approval has not ended\n%s", reportText(r))
		}
		w.Audit.OpenIntent = &reconcile.Intent{Run: "planted", Commit: w.Ref(), Started: committed.Add(time.Hour)}
		if r := w.applyOnce(); r.Counts.Held == 0 || !w.active("name100") {
			t.Errorf("the planted intent released changes\n%s", reportText(r))
		}
	})
}
