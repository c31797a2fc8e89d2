package run_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestAnInterruptedRunIsReportedAndCompleted(t *testing.T) {
	for n := 1; n < 14; n++ {
		t.Run(fmt.Sprintf("cut at journal entry %d", n), func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", people(5)+group("g", "Group", 1, 5))
			w.Audit.FailAfterEntries, w.Audit.LoseReport = n, true
			if _, err := w.Run(true); err == nil {
				t.Fatal("the run did not notice")
			}
			w.Audit.FailAfterEntries = 0
			result, err := w.Run(true)
			if err != nil {
				t.Fatal(err)
			}
			if result.Recovered == nil || result.Recovered.Outcome != reconcile.RunInterrupted {
				t.Fatalf("no report of the interrupted run: %+v", result.Recovered)
			}
			st := w.Sim.State()
			if len(st.Users) != 5 || len(st.MemberNames("Group")) != 5 {
				t.Errorf("%d users and %d members, want 5 of each", len(st.Users), len(st.MemberNames("Group")))
			}
			w.Apply(reconcile.RunInSync)
		})
	}
}

// TestRecoveredChangesEnterTheLedger kills a run after its last write. The journal has each kind of
// change that the ledger records as done.
func TestRecoveredChangesEnterTheLedger(t *testing.T) {
	w := newEnv(t)
	const p = "enabled: true, adopt: \"match\", deprovision: {mode: \"deactivate\", deleteAfterDays: 1}"
	w.Commit(p, people(12))
	w.Apply(reconcile.RunApplied)
	w.Commit(p, people(11))
	w.Apply(reconcile.RunApplied) // u12 waits for deletion
	w.Now = w.Now.AddDate(0, 0, 2)
	w.makeUser("name13", "")
	w.Commit(p, people(10)+user("u13", "name13")+user("u14", "name14"))
	w.kill(killAt(reconcile.DeleteUser, "u12"))
	result, err := w.Run(false) // the plan of a run that publishes nothing
	if err != nil || len(result.Plan.Changes) != 0 {
		t.Errorf("%v; the plan after the kill is %+v", err, result.Plan.Changes)
	}
	result, err = w.Run(true)
	if err != nil {
		t.Fatal(err)
	}
	wantSummary(t, result.Recovered, "adopt-user u13: done", "create-user u14: done", "deactivate-user u11: done",
		"delete-user u12: unknown")
	wantSummary(t, result.Report)
	ledger := w.past("aws").Ledger
	for _, key := range []string{"u13", "u14"} {
		if u, _ := w.Sim.State().User("name" + key[1:] + "@example.com"); u.ID == "" || ledger.Users[key].ID != u.ID {
			t.Errorf("the ledger has %+v for user %s, who has the id %q", ledger.Users[key], key, u.ID)
		}
	}
	if at := ledger.Users["u11"].LeftScopeAt; at == nil || at.Before(w.Now.Add(-time.Hour)) {
		t.Errorf("the ledger does not know when u11 left: %v", at)
	}
	w.Now = w.Now.Add(reconcile.ConfirmAfter)
	w.Apply(reconcile.RunInSync)
	if _, found := w.past("aws").Ledger.Users["u12"]; found {
		t.Error("the ledger has a user who was deleted")
	}
}

// TestALateJournalDoesNotReplaceWhatOthersRecorded has ledgers that are newer than a journal.
func TestALateJournalDoesNotReplaceWhatOthersRecorded(t *testing.T) {
	left := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	change := func(kind reconcile.Kind) *reconcile.Change {
		return &reconcile.Change{Kind: kind, Key: "u1", ID: "old"}
	}
	for _, row := range []struct {
		name        string
		kind        reconcile.Kind
		now, want   string // the id in the ledger
		unconfirmed bool
	}{
		{"a creation that nobody recorded", reconcile.CreateUser, "", "old", false},
		{"a creation that others found", reconcile.CreateUser, "old", "old", false},
		{"a creation of an object that others replaced", reconcile.CreateUser, "new", "new", true},
		{"an adoption of an object that others replaced", reconcile.AdoptUser, "new", "new", true},
		{"a deletion", reconcile.DeleteUser, "old", "", false},
		{"a deletion of an object that others replaced", reconcile.DeleteUser, "new", "new", false},
		{"a release of an object that others replaced", reconcile.ReleaseUser, "new", "new", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := reconcile.NewLedger()
			if row.now != "" {
				l.Users["u1"] = reconcile.Owned{ID: row.now, LeftScopeAt: &left}
			}
			l.RecordLate(change(row.kind), "old", "", reconcile.Attempt{Run: "late"}, left)
			if got := l.Users["u1"]; got.ID != row.want || row.now == row.want && got.LeftScopeAt == nil {
				t.Errorf("the ledger has %+v", got)
			}
			if refs := l.UnconfirmedRefs(); slices.Contains(refs, "user/u1") != row.unconfirmed {
				t.Errorf("unconfirmed are %v", refs)
			}
		})
	}
}
