package reconcile

import (
	"testing"
	"time"
)

// TestLostRunsClaimNothing has intents that other writers may have planted.
func TestLostRunsClaimNothing(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	status := &Status{Finished: now.Add(-time.Hour), UsedApprovals: []ApprovalUse{{Digest: "old", Commit: "c"}}}
	for _, row := range []struct {
		name    string
		started time.Duration // from now
		status  *Status
		want    bool
	}{
		{"a run after the newest report", -30 * time.Minute, status, true},
		{"a first run", -30 * time.Minute, nil, true},
		{"a run before the newest report", -2 * time.Hour, status, false},
		{"a run in the future", 2 * time.Minute, status, false},
		{"a first run in the future", 2 * time.Minute, nil, false},
		{"clocks that differ", 30 * time.Second, status, true},
	} {
		in := &Intent{Run: "lost", Started: now.Add(row.started), UsedApprovals: []ApprovalUse{
			{Digest: "old", Commit: "c"}, {Digest: "new", Commit: "c"}}}
		run, ok := in.LostRun(row.status, now)
		if ok != row.want {
			t.Errorf("%s counts: %v", row.name, ok)
		}
		if old := FindUse(run.UsedApprovals, "old", "c"); (old != nil) != (row.status == nil) {
			t.Errorf("%s returns an approval that was used before: %v", row.name, old)
		}
		if FindUse(run.UsedApprovals, "new", "c") == nil {
			t.Errorf("%s has lost its own approval", row.name)
		}
	}
}
