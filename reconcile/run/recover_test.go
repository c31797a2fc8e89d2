package run_test

import (
	"fmt"
	"testing"

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
