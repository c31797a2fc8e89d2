package reconcile

import (
	"slices"
	"testing"
)

// TestOutcomes has a row for each combination of results that decides about an outcome.
func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		results []Result
		want    Outcome
	}{
		{"no change", nil, RunInSync},
		{"every change is done", []Result{ResultDone, ResultDone}, RunApplied},
		{"a change waits", []Result{ResultWaiting}, RunWaiting},
		{"a change waits, another one is done", []Result{ResultDone, ResultWaiting}, RunWaiting},
		{"a change is held", []Result{ResultHeld, ResultDone}, RunHeld},
		{"a change is held, another one waits", []Result{ResultWaiting, ResultHeld}, RunHeld},
		{"a change failed, others are held and wait", []Result{ResultWaiting, ResultHeld, ResultFailed}, RunPartial},
		{"a change was skipped, another one waits", []Result{ResultWaiting, ResultSkipped}, RunPartial},
		{"the result of a change is not known", []Result{ResultUnknown}, RunPartial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Report{}
			var results []Done
			for _, result := range tt.results {
				results = append(results, Done{Change: &Change{}, Result: result})
			}
			r.Record(&Plan{}, results, NewLedger())
			if r.Outcome != tt.want {
				t.Errorf("the outcome is %q, want %q", r.Outcome, tt.want)
			}
		})
	}
}

// A removal whose response was lost has probably taken effect, so the limits of the next 24 hours
// count it.
func TestRemovalsOfUnknownOutcomeCount(t *testing.T) {
	r := &Report{}
	for _, result := range []Result{ResultDone, ResultUnknown, ResultFailed, ResultSkipped, ResultHeld} {
		r.Changes = append(r.Changes,
			Done{Change: &Change{Kind: DeactivateUser, Key: "u"}, Result: result},
			Done{Change: &Change{Kind: RemoveMember, Key: "g", Member: "u"}, Result: result})
	}
	want := []Removal{{Count: 2}, {Group: "g", Count: 2}}
	if have := r.removals(); !slices.Equal(have, want) {
		t.Errorf("the removals are %+v, want %+v", have, want)
	}
}
