package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// loseMachine makes a run that dies after it sent a write. Its journal is lost with the machine.
func (w *env) loseMachine(at func(reconcile.Entry) bool) {
	w.T.Helper()
	w.kill(at)
	w.Audit.LoseJournal()
}

// trusts are the levels of trust that a machine which takes over may find.
var trusts = []reconcile.AuditTrust{{}, {Level: reconcile.TrustUnproved, Reason: "others wrote"}}

// TestTheWorkOfALostMachineIsContinued loses a machine during its first sync. Another machine
// continues it: nothing that exists is held, and no object is created twice.
func TestTheWorkOfALostMachineIsContinued(t *testing.T) {
	for _, trust := range trusts {
		for _, at := range []struct {
			kind reconcile.Kind
			key  string
		}{{reconcile.CreateUser, "u3"}, {reconcile.CreateUser, "u25"}, {reconcile.CreateGroup, "g"}} {
			t.Run(fmt.Sprintf("%s at %s %s", trust.Level, at.kind, at.key), func(t *testing.T) {
				w := newEnv(t)
				org := people(25) + group("g", "Group", 1, 20) + group("h", "Half", 5, 25)
				w.Commit("enabled: true, groups: [\"g\", \"h\"]", org)
				w.loseMachine(killAt(at.kind, at.key))
				before := ids(w.Sim.State())
				w.Audit.Trust = trust
				r := w.Apply(reconcile.RunApplied)
				if r.Counts.Held > 0 {
					t.Errorf("the run holds what the lost machine may have created\n%s", reportText(r))
				}
				w.checkCounts(25, 20, 21, before)
				if w.Audit.OpenIntent != nil {
					t.Error("the intent of the lost machine is still open")
				}
				w.Apply(reconcile.RunInSync)
			})
		}
	}
}

// TestAUserCreatedByALostMachineLeaves has users who left before another machine takes over.
func TestAUserCreatedByALostMachineLeaves(t *testing.T) {
	for _, trust := range trusts {
		t.Run(string(trust.Level), func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", people(9))
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", people(11))
			w.loseMachine(killAt(reconcile.CreateUser, "u11"))
			w.Audit.Trust = trust
			w.Commit("enabled: true", people(9))
			r := w.applyOnce()
			if w.active("name11") || r.Counts.Held > 0 {
				t.Errorf("a user who left is active\n%s", reportText(r))
			}
			w.Now = w.Now.Add(reconcile.ConfirmAfter) // user u10 may not have been created
			w.applyOnce()
			w.Apply(reconcile.RunInSync)
			if w.active("name10") {
				t.Error("a user who left is active")
			}
		})
	}
}

// TestAnObjectAdoptedByALostMachineIsOwned has a machine that is lost after an adoption: the
// adopted user leaves.
func TestAnObjectAdoptedByALostMachineIsOwned(t *testing.T) {
	for _, trust := range trusts {
		t.Run(string(trust.Level), func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true, adopt: \"match\"", people(5))
			w.Apply(reconcile.RunApplied)
			w.makeUser("name6", "")
			w.Commit("enabled: true, adopt: \"match\"", people(6))
			w.loseMachine(killAt(reconcile.AdoptUser, "u6"))
			w.Audit.Trust = trust
			w.Commit("enabled: true, adopt: \"match\"", people(5))
			wantSummary(t, w.Apply(reconcile.RunApplied), "adopt-user u6: done", "deactivate-user u6: done")
			w.Apply(reconcile.RunInSync)
		})
	}
}

// TestAPlantedIntentOwnsNothing plants an intent on the branch that names existing objects: one
// that Git declares, and one that it does not.
func TestAPlantedIntentOwnsNothing(t *testing.T) {
	for _, started := range []time.Duration{0, -24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		t.Run(fmt.Sprintf("dated %v", started), func(t *testing.T) {
			w := newEnv(t)
			declared, other := w.makeUser("name3", "u3"), w.makeUser("zoe", "zoe")
			w.Now = w.Now.Add(time.Hour)
			w.Commit("enabled: true", people(2))
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", people(3))
			w.Audit.Trust = trusts[1]
			w.Audit.OpenIntent = &reconcile.Intent{Run: "planted", Commit: w.Ref(), Started: w.Now.Add(started),
				CreatedUsers: []string{"u3", "zoe"}}
			before := w.Sim.State()
			for range 3 {
				r := w.applyOnce()
				if r.Outcome != reconcile.RunHeld || r.Counts.Done > 0 {
					t.Errorf("the planted intent had an effect\n%s", reportText(r))
				}
				if !slices.ContainsFunc(r.Changes, func(d reconcile.Done) bool {
					return d.Key == "zoe" && len(d.Held()) > 0 && strings.Contains(d.Held()[0].Reason, "run planted")
				}) {
					t.Errorf("the run does not name the object\n%s", reportText(r))
				}
			}
			if ledger := w.past("aws").Ledger; ledger.Users["u3"].ID == declared || ledger.Users["zoe"].ID == other {
				t.Errorf("an object of others is in the ledger: %+v", ledger.Users)
			}
			if facts := factsOf(before, w.Sim.State()); len(facts) > 0 {
				t.Errorf("objects of others were changed: %v", facts)
			}
		})
	}
	t.Run("for a user whom another tool creates later", func(t *testing.T) {
		w := newEnv(t)
		w.Commit("enabled: true", people(2))
		w.Apply(reconcile.RunApplied)
		w.Audit.Trust = trusts[1]
		w.Audit.OpenIntent = &reconcile.Intent{Run: "planted", Commit: w.Ref(), Started: w.Now,
			CreatedUsers: []string{"zoe"}}
		w.makeUser("zoe", "zoe", func(u *awssim.User) { u.Active = true })
		r := w.applyOnce()
		if _, owned := w.past("aws").Ledger.Users["zoe"]; owned || !w.active("zoe") || r.Counts.Held != 1 {
			t.Errorf("a user whom no commit declares is owned\n%s", reportText(r))
		}
	})
}

// TestFoundObjectsAreOwnedOnAnotherMachine has a machine without a record of the branch: the chain
// of reports has the evidence for what was created without an answer, before and after a run found
// it.
func TestFoundObjectsAreOwnedOnAnotherMachine(t *testing.T) {
	const p = "enabled: true"
	anotherMachine := func(w *env) {
		w.Audit.ForgetProofs("aws")
		w.Audit.Trust = trusts[1]
	}
	lose := map[string]func(w *env){
		"a lost answer":  func(w *env) { w.loseAnswer(loses(reconcile.CreateUser, "u3")) },
		"a lost machine": func(w *env) { w.loseMachine(killAt(reconcile.CreateUser, "u3")) },
	}
	for name, lose := range lose {
		for _, found := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, found before: %v", name, found), func(t *testing.T) {
				w := newEnv(t)
				w.Commit(p, people(2))
				w.Apply(reconcile.RunApplied)
				w.Commit(p, people(3))
				lose(w)
				w.Now = w.Now.Add(time.Hour)
				if found {
					w.Apply(reconcile.RunApplied)
				}
				w.Now = w.Now.Add(time.Hour)
				anotherMachine(w)
				w.Commit(p, people(2))
				r := w.Apply(reconcile.RunApplied)
				if w.active("name3") || r.Counts.Held > 0 {
					t.Errorf("the user who left is active\n%s", reportText(r))
				}
			})
		}
	}
	t.Run("an entry that others added", func(t *testing.T) {
		w := newEnv(t)
		zoe := w.makeUser("zoe", "u3")
		w.Now = w.Now.Add(time.Hour)
		w.Commit(p, people(2))
		w.Apply(reconcile.RunApplied)
		w.Audit.Forge("aws", func(s *reconcile.AuditState) {
			s.Ledger.Unconfirmed = map[string]reconcile.Unconfirmed{
				"user/u3": {Attempt: reconcile.Attempt{Run: "run-1", Commit: "commit-1",
					Started: w.Now.AddDate(-1, 0, 0)}},
			}
		})
		w.Audit.Trust = trusts[1]
		r := w.applyOnce()
		if _, owned := w.past("aws").Ledger.Users["u3"]; owned || !w.active("zoe") || r.Outcome != reconcile.RunHeld {
			t.Errorf("user %s of others is owned\n%s", zoe, reportText(r))
		}
	})
}

// TestAnotherMachineWithARecordForgetsNoUnconfirmedObject has a machine that completed the report
// of its killed run, and is lost before a lookup finds the user. Another machine has a record of an
// older branch, so it does not take over the interrupted runs of others, and reads lag.
func TestAnotherMachineWithARecordForgetsNoUnconfirmedObject(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprintf("the user leaves: %v", leaves), func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", people(1))
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", people(2))
			w.stale(90 * time.Second)
			w.kill(killAt(reconcile.CreateUser, "u2"))
			if r := w.applyOnce(); r.Counts.Unknown != 1 {
				t.Fatalf("the user is found before the machine is lost\n%s", reportText(r))
			}
			w.Audit.Trust = trusts[1]
			w.Audit.Forge("aws", func(s *reconcile.AuditState) { s.Status.Interrupted = nil })
			w.Audit.Unproved.Unconfirmed = map[string]bool{reconcile.UserRef("u2"): true}
			if leaves {
				w.Commit("enabled: true", people(1))
			}
			var r *reconcile.Report
			for range 8 { // the last runs read what they wrote
				r = w.applyOnce()
			}
			_, owned := w.past("aws").Ledger.Users["u2"]
			if !owned || w.active("name2") == leaves || r.Counts.Held > 0 {
				t.Errorf("the ledger has the user: %v; the user is active: %v\n%s", owned, w.active("name2"),
					reportText(r))
			}
		})
	}
}
