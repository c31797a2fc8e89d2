package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/metrics"
	"github.com/seed-d64a251c/roster/internal/reportindex"
	"github.com/seed-d64a251c/roster/reconcile"
)

// fakeHistory is a history in memory.
type fakeHistory struct {
	reports map[string][]*reconcile.Report // by provisioner, the newest first
	since   time.Time
	members map[string]int
	loading bool
	err     error
	read    int
}

func (h *fakeHistory) Reports(provisioner string) reportindex.Reports {
	out := reportindex.Reports{Ready: !h.loading, Since: h.since}
	for _, r := range h.reports[provisioner] {
		line := reportindex.Line{ReportLink: reconcile.ReportLink{Path: "reports/" + r.Run + ".json"}, Run: r.Run,
			Outcome: r.Outcome, Finished: r.Finished, Counts: r.Counts, Counted: true,
			Effects: map[reconcile.EffectKind]int{}}
		for _, d := range r.Changes {
			if d.Result == reconcile.ResultDone {
				line.Effects[reconcile.EffectOf(d.Change, r.Facts)]++
			}
			if d.Origin == reconcile.Drift {
				line.Drift++
			}
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}

func (h *fakeHistory) Report(_ context.Context, line *reportindex.Line) (*reconcile.Report, error) {
	for _, list := range h.reports {
		for _, r := range list {
			if r.Run == line.Run {
				return r, h.err
			}
		}
	}
	return nil, errors.New("no such report")
}

func (h *fakeHistory) ChangesOf(ctx context.Context, line *reportindex.Line, ref string) (
	*reconcile.Report, []reconcile.Done, error,
) {
	h.read++
	r, err := h.Report(ctx, line)
	if err != nil {
		return nil, nil, err
	}
	var out []reconcile.Done
	for _, d := range r.Changes {
		if d.ObjectRef() == ref || d.Kind.OfMembership() && reconcile.UserRef(d.Member) == ref {
			out = append(out, d)
		}
	}
	return r, out, nil
}

func (h *fakeHistory) Members(_, group string) (n int, known bool) {
	n, known = h.members[group]
	return n, known
}

// exampleHistory has the reports of a group that a person joins, leaves and joins again.
func exampleHistory() *fakeHistory {
	member := func(kind reconcile.Kind, member string, origin reconcile.Origin) reconcile.Done {
		return reconcile.Done{Result: reconcile.ResultDone, RequestID: "req-1",
			Change: &reconcile.Change{Kind: kind, Key: "sre", Name: "SRE", Member: member, MemberName: member +
				"@example.com", Origin: origin,
				Decision: &reconcile.Decision{Approval: "sha256:approved"},
				Reason: reconcile.Reason{Text: "declared member",
					Position: "groups/sre.cue:3:1"}}}
	}
	report := func(run string, daysAgo int, outcome reconcile.Outcome, changes ...reconcile.Done) *reconcile.Report {
		return &reconcile.Report{Run: run, Provisioner: "aws", Outcome: outcome, Started: noon.AddDate(0, 0, -daysAgo),
			Finished: noon.AddDate(0, 0, -daysAgo), Commit: reconcile.CommitRef{ID: "0123456789", Subject: "Move <ann>",
				Author: "Eve"}, Changes: changes, Counts: reconcile.Counts{Done: len(changes)},
			Approvals: []reconcile.Approved{{Digest: "sha256:approved", Reason: "intended", Author: "Bob",
				Approvers: []string{"cleo"}}}}
	}
	create := reconcile.Done{Result: reconcile.ResultDone, Change: &reconcile.Change{Kind: reconcile.CreateGroup,
		Key: "sre", Name: "SRE"}}
	return &fakeHistory{members: map[string]int{"sre": 2}, reports: map[string][]*reconcile.Report{"aws": {
		report("run-5", 1, reconcile.RunHeld),
		report("run-4", 2, reconcile.RunApplied, member(reconcile.AddMember, "u-1", "intended")),
		report("run-3", 5, reconcile.RunApplied, member(reconcile.RemoveMember, "u-9", reconcile.Drift)),
		report("run-2", 8, reconcile.RunApplied, member(reconcile.RemoveMember, "u-1", "intended")),
		report("run-1", 10, reconcile.RunApplied, create, member(reconcile.AddMember, "u-1", "intended"),
			member(reconcile.AddMember, "u-2", "intended")),
	}}}
}

// exampleCalls returns calls of two hours.
func exampleCalls(string) ([]metrics.Hour, time.Time) {
	return []metrics.Hour{{At: noon.Add(-time.Hour), Calls: 9, Throttled: 2, Failed: 1}, {At: noon, Calls: 3}}, noon
}

func TestTheHistoryOfAPersonSaysWhatWasGainedAndLost(t *testing.T) {
	s := richServer(t)
	code, text := getPage(t, s, "/users/u-1/history")
	for _, want := range []string{"u-1 gained access 2 times and lost it once", "<caption>3 changes, the newest first",
		`href="/provisioners/aws/runs/run-4"`, `href="/groups/sre">SRE</a>`, "Move &lt;ann&gt;", "by Eve", "req-1",
		"sha256:approved", "groups/sre.cue:3:1", "Searched all 5 reports of aws"} {
		if code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("status %d, and the page has no %q", code, want)
		}
	}
	if strings.Index(text, "run-4") > strings.Index(text, "run-2") {
		t.Error("the newest change is not first")
	}
	if _, text := getPage(t, s, "/users/nobody/history"); !strings.Contains(text, "Nothing changed for nobody") {
		t.Errorf("the history of nobody is\n%s", text)
	}
	if code, _ := getPage(t, s, "/users/u-1/history?cursor=run-x~100"); code != http.StatusGone {
		t.Errorf("a cursor of an earlier state has the status %d", code)
	}
	history := s.History.(*fakeHistory)
	history.loading = true
	if _, text := getPage(t, s, "/users/u-1/history"); !strings.Contains(text, "are being read") {
		t.Error("a history that is not read yet does not say so")
	}
	history.loading, history.err = false, errors.New("no part")
	if code, _ := getPage(t, s, "/users/u-1/history"); code != http.StatusServiceUnavailable {
		t.Errorf("a report that cannot be read has the status %d", code)
	}
}

func TestTheHistoryReadsABoundedNumberOfReports(t *testing.T) {
	s := richServer(t)
	history := s.History.(*fakeHistory)
	first := history.reports["aws"][1]
	for i := range 3 * maxHistoryReports {
		r := *first
		r.Run = fmt.Sprint("more-", i)
		history.reports["aws"] = append(history.reports["aws"], &r)
	}
	history.read = 0
	_, text := getPage(t, s, "/users/u-1/history")
	if history.read > maxHistoryReports || !strings.Contains(text, "Searched the last 301 reports") {
		t.Errorf("%d reports are read, and the page is\n%s", history.read, text)
	}
}

func TestMembersOverTimeFollowFromTheReports(t *testing.T) {
	s := richServer(t)
	found, err := s.past(t.Context(), "aws", reconcile.GroupRef("sre"))
	if err != nil {
		t.Fatal(err)
	}
	levels, from := memberLevels(2, &found, noon)
	if want := []int{2, 2, 2, 1, 1, 1, 1, 1, 1, 2, 2, 0, 0}; !slices.Equal(levels[:len(want)], want) || !from.IsZero() {
		t.Errorf("the members by day are %v from %v, want %v", levels[:13], from, want)
	}
	adopted := found
	adopted.changes = slices.Clone(found.changes)
	last := &adopted.changes[slices.IndexFunc(adopted.changes, func(c pastChange) bool {
		return c.done.Kind == reconcile.CreateGroup
	})].done
	change := *last.Change
	change.Kind = reconcile.AdoptGroup
	last.Change = &change
	if levels, from := memberLevels(2, &adopted, noon); from.IsZero() || len(levels) != 11 {
		t.Errorf("before the adoption there are %v from %v", levels, from)
	}
	_, text := getPage(t, s, "/groups/sre/history")
	for _, want := range []string{"Members at aws, by day", "at most 2 members",
		"SRE: 4 changes gave access, 2 changes took it"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page of the group has no %q", want)
		}
	}
}

func TestThePageOfAnEarlierRunHasItsChanges(t *testing.T) {
	s := richServer(t)
	code, text := getPage(t, s, "/provisioners/aws/runs/run-4")
	for _, want := range []string{"Run of aws", "reports/run-4.json", "1 change matches", "u-1@example.com", "req-1",
		"sha256:approved: intended, by Bob, approved by cleo"} {
		if code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("status %d, and the page has no %q", code, want)
		}
	}
	if _, text := getPage(t, s, "/provisioners/aws/runs/run-4?q=nothing"); !strings.Contains(text, "0 changes match") {
		t.Error("the filter selects something")
	}
	if code, _ := getPage(t, s, "/provisioners/aws/runs/run-99"); code != http.StatusNotFound {
		t.Errorf("a run without a report has the status %d", code)
	}
}

func TestTheChartsOfAProvisionerComeFromItsReports(t *testing.T) {
	s := richServer(t)
	charts := map[string]string{}
	for _, c := range s.provisionerCharts("aws", noon) {
		charts[c.ID] = c.Description()
	}
	for id, want := range map[string]string{
		"effects": "In total 2 loses access. In total 4 gains access. In total 0 name changes.",
		"sync":    "at most 12 hours in a day. In total 24 hours.",
		"drift":   "In total 1 changes by hand.",
		"calls":   "In total 11 answered. In total 2 slowed down by AWS (429). In total 1 not successful.",
	} {
		if !strings.Contains(charts[id], want) {
			t.Errorf("the chart %s is %q, want %q", id, charts[id], want)
		}
	}
	reports := s.History.Reports("aws")
	if since, _ := syncedSince(reports); !since.IsZero() {
		t.Errorf("a provisioner with held changes is in sync since %v", since)
	}
	if last := lastInSync(reports.Lines); !last.Equal(noon.AddDate(0, 0, -1)) {
		t.Errorf("it was last in sync until %v", last)
	}
	reports.Lines = reports.Lines[1:]
	if since, atLeast := syncedSince(reports); !since.Equal(noon.AddDate(0, 0, -10)) || atLeast {
		t.Errorf("it is in sync since %v, %t", since, atLeast)
	}
	if len(s.provisionerCharts("nothing", noon)) != 1 { // the calls of the example are those of all
		t.Error("a provisioner without reports has charts of them")
	}
}
