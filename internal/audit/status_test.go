package audit

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestStatusesOfConcurrentRunsAreMerged(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 9, minute, 0, 0, time.UTC) }
	earlier := &reconcile.Status{Run: "a", Finished: at(1), EverEnabled: true,
		LastApplied:   &reconcile.AppliedAt{Commit: "c1", Time: at(1)},
		Removals:      []reconcile.Removal{{Time: at(0), Count: 2}, {Time: at(1), Group: "g", Count: 3}},
		UsedApprovals: []reconcile.ApprovalUse{{Digest: "x", Commit: "c", Time: at(1)}}}
	later := &reconcile.Status{Run: "b", Finished: at(2),
		Removals:      []reconcile.Removal{{Time: at(0), Count: 2}, {Time: at(2), Count: 1}},
		UsedApprovals: []reconcile.ApprovalUse{{Digest: "x", Commit: "d", Time: at(2)}}}
	for _, pair := range [2][2]*reconcile.Status{{earlier, later}, {later, earlier}} {
		got := mergeStatus(pair[0], pair[1])
		if got.Run != "b" || !got.EverEnabled || got.LastApplied == nil || got.LastApplied.Commit != "c1" ||
			len(got.UsedApprovals) != 2 {
			t.Errorf("merged they are %+v", got)
		}
		counts := 0
		for _, r := range got.Removals {
			counts += r.Count
		}
		if len(got.Removals) != 3 || counts != 6 {
			t.Errorf("the removals are %+v", got.Removals)
		}
	}
	if len(later.Removals) != 2 || len(later.UsedApprovals) != 1 || later.LastApplied != nil {
		t.Errorf("merging changed its input: %+v", later)
	}
}

func TestARunWithNewsIsReportedNotCounted(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	base := func() (*reconcile.Status, *reconcile.RunRecord) {
		r := testReport("run-2", reconcile.RunHeld, nil)
		r.HeldDigest = "h"
		last := statusOf(r, nil)
		return last, &reconcile.RunRecord{Report: r, Status: statusOf(r, nil)}
	}
	for _, row := range []struct {
		name   string
		change func(last *reconcile.Status, c *reconcile.RunRecord)
		same   bool
	}{
		{"the same", func(*reconcile.Status, *reconcile.RunRecord) {}, true},
		{"applied later, the same commit", func(last *reconcile.Status, c *reconcile.RunRecord) {
			last.LastApplied, c.Status.LastApplied = &reconcile.AppliedAt{Commit: "c", Time: now},
				&reconcile.AppliedAt{Commit: "c", Time: now.Add(1)}
		}, true},
		{"old removals dropped", func(last *reconcile.Status, _ *reconcile.RunRecord) {
			last.Removals = []reconcile.Removal{{Count: 1}}
		}, true},
		{"another outcome", func(_ *reconcile.Status, c *reconcile.RunRecord) {
			c.Report.Outcome = reconcile.RunFailed
		}, false},
		{"another digest", func(_ *reconcile.Status, c *reconcile.RunRecord) { c.Report.Digest = "x" }, false},
		{"another held digest", func(_ *reconcile.Status, c *reconcile.RunRecord) { c.Report.HeldDigest = "x" }, false},
		{"another commit", func(_ *reconcile.Status, c *reconcile.RunRecord) { c.Report.Commit.ID = "x" }, false},
		{"a change done", func(_ *reconcile.Status, c *reconcile.RunRecord) { c.Report.Counts.Done = 1 }, false},
		{"a change with an unknown result", func(_ *reconcile.Status, c *reconcile.RunRecord) {
			c.Report.Counts.Unknown = 1
		}, false},
		{"a newly applied commit", func(_ *reconcile.Status, c *reconcile.RunRecord) {
			c.Status.LastApplied = &reconcile.AppliedAt{Commit: "c"}
		}, false},
		{"enabled for the first time", func(_ *reconcile.Status, c *reconcile.RunRecord) {
			c.Status.EverEnabled = true
		}, false},
		{"a used approval", func(_ *reconcile.Status, c *reconcile.RunRecord) {
			c.Status.UsedApprovals = []reconcile.ApprovalUse{{Digest: "a", Commit: "c", Time: now}}
		}, false},
		{"another identity", func(_ *reconcile.Status, c *reconcile.RunRecord) { c.Status.Identity = "x" }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			last, c := base()
			row.change(last, c)
			if got := repeats(last, c); got != row.same {
				t.Errorf("repeats: %v, want %v", got, row.same)
			}
		})
	}
	if _, c := base(); repeats(nil, c) {
		t.Error("the first run repeats nothing")
	}
}

func TestShortenedEndsOfConcurrentRunsAreMerged(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 24, hour, 0, 0, 0, time.UTC) }
	end := func(user string, ends, seen int) reconcile.ShortenedEnd {
		return reconcile.ShortenedEnd{User: user, Group: "g", EndsAt: at(ends), FirstSeen: at(seen)}
	}
	earlier := []reconcile.ShortenedEnd{end("only-earlier", 20, 1), end("same", 20, 1), end("moved", 20, 1)}
	later := []reconcile.ShortenedEnd{end("same", 20, 3), end("moved", 22, 3), end("only-later", 20, 3)}
	got := mergeStatus(&reconcile.Status{Finished: at(2), ShortenedEnds: earlier},
		&reconcile.Status{Finished: at(4), ShortenedEnds: later}).ShortenedEnds
	want := []reconcile.ShortenedEnd{end("same", 20, 1), end("moved", 22, 3), end("only-later", 20, 3),
		end("only-earlier", 20, 1)}
	if !slices.Equal(got, want) {
		t.Errorf("the merged ends are %v, want %v", got, want)
	}
}
