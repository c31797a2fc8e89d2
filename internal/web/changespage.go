package web

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/reportindex"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// The classes of effects, as filters and style sheets name them.
const (
	losesAccess = "loses access"
	gainsAccess = "gains access"
	nameChanges = "name changes"
	details     = "details change"
)

// effectClasses are the classes of the effects that change access or a name.
var effectClasses = map[reconcile.EffectKind]string{
	reconcile.EffectGroupDeleted: losesAccess, reconcile.EffectUserDeleted: losesAccess,
	reconcile.EffectLeaves: losesAccess, reconcile.EffectMayNotSignIn: losesAccess,
	reconcile.EffectLosesGuarded: losesAccess, reconcile.EffectLoses: losesAccess,
	reconcile.EffectEndsEarlier: losesAccess, reconcile.EffectEndsLater: gainsAccess,
	reconcile.EffectLeavesGroups: losesAccess, reconcile.EffectGainsGuarded: gainsAccess,
	reconcile.EffectMaySignIn: gainsAccess, reconcile.EffectGains: gainsAccess, reconcile.EffectJoins: gainsAccess,
	reconcile.EffectJoinsGroups: gainsAccess, reconcile.EffectGroupCreated: gainsAccess,
	reconcile.EffectSignInName: nameChanges, reconcile.EffectGroupRenamed: nameChanges,
	reconcile.EffectTempUser: nameChanges, reconcile.EffectTempGroup: nameChanges,
}

// effectClass returns what an effect means for access.
func effectClass(kind reconcile.EffectKind) string {
	if class := effectClasses[kind]; class != "" {
		return class
	}
	return details
}

// styles are the classes of the style sheet by the class of the effect.
var styles = map[string]string{losesAccess: "lose", gainsAccess: "gain", nameChanges: "name", details: "details"}

// changesPage serves the page with the changes of a provisioner's last run.
func (s *Server) changesPage(w http.ResponseWriter, r *http.Request) {
	st, key := s.State(), r.PathValue("key")
	last := st.Provisioners[key]
	p := &page.Changes{Frame: s.frame(r, &st), Key: cutText(key, 200), Last: true}
	p.Crumb, p.Heading = "Changes of "+p.Key, "There are no changes"
	if last.Report == nil {
		p.Error, p.Heading = errNoRun.Error(), "The changes cannot be shown"
		show(w, http.StatusNotFound, p)
		return
	}
	s.showChanges(w, r, p, last.Report, last.Held)
}

// runPage serves the page with the changes of an earlier run.
func (s *Server) runPage(w http.ResponseWriter, r *http.Request) {
	st, key, run := s.State(), r.PathValue("key"), r.PathValue("run")
	lines := s.History.Reports(key).Lines
	i := slices.IndexFunc(lines, func(l reportindex.Line) bool { return l.Run == run })
	if i < 0 {
		s.message(w, r, &st, http.StatusNotFound, "This run is not among the last reports of the provisioner",
			page.Step{Text: "A run that did nothing has no report. The audit branch has the earlier ones:",
				Command: "roster audit show " + key})
		return
	}
	report, err := s.History.Report(r.Context(), &lines[i])
	if err != nil {
		s.message(w, r, &st, http.StatusServiceUnavailable, cutText("The report cannot be read: "+err.Error(), 1000))
		return
	}
	p := &page.Changes{Frame: s.frame(r, &st), Key: cutText(key, 200), Facts: reportFacts(report, lines[i].Path)}
	p.Crumb, p.Heading = "Run of "+p.Key, "The run found nothing to do"
	s.showChanges(w, r, p, report, render.HeldSets(report))
}

// reportFacts say which run a report is of.
func reportFacts(report *reconcile.Report, path string) []page.Fact {
	state := outcomeStates[report.Outcome]
	facts := []page.Fact{{Name: "Outcome", State: &state}, {Name: "Started", Time: report.Started},
		{Name: "Finished", Time: report.Finished}, {Name: "Why it ran", Text: report.Trigger},
		{Name: "Declarations", Text: strings.TrimSpace(fmt.Sprintf("%.7s %s", report.Commit.ID,
			cutText(report.Commit.Subject, 200)))}, {Name: "By", Text: cutText(report.Commit.Author, 200)},
		{Name: "Report", Text: path, Code: true}}
	for _, a := range report.Approvals[:min(10, len(report.Approvals))] {
		text := fmt.Sprintf("%.19s: %s", a.Digest, a.Reason)
		if a.Author != "" {
			text += ", by " + a.Author
		}
		if len(a.Approvers) > 0 {
			text += ", approved by " + strings.Join(a.Approvers, ", ")
		}
		facts = append(facts, page.Fact{Name: "Approval", Text: cutText(text, 500)})
	}
	return slices.DeleteFunc(facts, func(f page.Fact) bool {
		return f.Text == "" && f.Time.IsZero() && f.State == nil
	})
}

// showChanges shows a page with the changes of a report.
func (s *Server) showChanges(
	w http.ResponseWriter, r *http.Request, p *page.Changes, report *reconcile.Report, held []render.HeldSet,
) {
	q := r.URL.Query()
	p.Filter = pageFilter(q, held)
	out, code, err := s.changesIn(r.Context(), report, q, gravestFirst, htmlBudget)
	if errors.Is(err, errCursor) {
		q.Del("cursor")
		p.Notice = "A newer run has come, or the address is wrong. This is the first page of the changes."
		out, _, err = s.changesIn(r.Context(), report, q, gravestFirst, htmlBudget)
		code = http.StatusGone
	}
	if err != nil {
		p.Error, p.Heading = cutText(err.Error(), 1000), "The changes cannot be shown"
		show(w, code, p)
		return
	}
	if report.Summary != "" {
		p.Heading = cutText(report.Summary, 300)
	}
	c := report.Counts
	p.Lead = fmt.Sprintf("Run %s: %s. %s.", report.Run, report.Outcome, countsText(&c))
	if c.NotSent > 0 {
		p.Lead += fmt.Sprintf(" %s not sent.", schema.Count(c.NotSent, "change"))
	}
	if p.Last && p.Filter.Text == "" && q.Get("cursor") == "" {
		p.Held, _ = s.heldOf(p.Key, held)
		p.Held, _ = paged(len(p.Held), 0, maxGroups, htmlBudget/2, func(i int) page.Held { return p.Held[i] })
	}
	for i := range out.Changes {
		p.Rows = append(p.Rows, changeRow(&out.Changes[i], report.Facts))
	}
	p.Total, p.Next, p.Cursor = out.Total, out.Next, cutText(q.Get("cursor"), 300)
	showList(w, r, code, p, nextOf(p.Next, p.NextPage))
}

// pageFilter is the filter of a request, with the choices of its lists.
func pageFilter(q url.Values, held []render.HeldSet) page.Filter {
	f := page.Filter{Text: cutText(q.Get("q"), 200), Result: cutText(q.Get("result"), 50),
		Effect: cutText(q.Get("effect"), 50), Gate: cutText(q.Get("gate"), 100), Cause: cutText(q.Get("cause"), 50)}
	f.Options = page.Options{
		Effects: []string{losesAccess, gainsAccess, nameChanges, details},
		Causes:  []string{string(reconcile.CauseCommit), string(reconcile.CauseDrift), string(reconcile.CauseDate)},
	}
	for _, result := range results {
		f.Options.Results = append(f.Options.Results, string(result))
	}
	gates := map[string]bool{}
	for _, set := range listed(held) {
		for _, gate := range set.Gates {
			gates[cutText(gate, 100)] = true
		}
	}
	f.Options.Gates = slices.Sorted(maps.Keys(gates))
	f.Options.Gates = f.Options.Gates[:min(maxGroups, len(f.Options.Gates))]
	return f
}

var results = []reconcile.Result{reconcile.ResultDone, reconcile.ResultHeld, reconcile.ResultFailed,
	reconcile.ResultSkipped, reconcile.ResultWaiting, reconcile.ResultUnknown}

// changeRow returns a change as a row.
func changeRow(d *reconcile.Done, facts *reconcile.EffectFacts) page.ChangeRow {
	kind := "group"
	if d.Kind.OfUser() {
		kind = "user"
	}
	row := page.ChangeRow{Key: d.Key, Reason: d.Reason.Text, Position: d.Reason.Position, Waiting: d.Waiting(),
		Error: d.Error, RequestID: d.RequestID, Approval: d.Approval(), Result: resultStates[d.Result],
		Object: page.Link{Text: cmp.Or(d.Name, d.Key), Path: page.ObjectPath(kind, d.Key)}}
	if d.Kind.OfMembership() {
		row.Object, row.Key = page.Link{Text: cmp.Or(d.MemberName, d.Member)}, d.Member
		if !strings.HasPrefix(d.Member, "#") { // a user whom roster does not manage has no page
			row.Object.Path = page.ObjectPath("user", d.Member)
		}
	}
	class := effectClass(reconcile.EffectOf(d.Change, facts))
	row.Effect = page.Effect{Class: styles[class], Text: d.Sentence(facts)}
	if d.Kind.Action() != reconcile.ActionCreate {
		for _, a := range d.Attributes {
			row.Attributes = append(row.Attributes, page.AttributeRow{Path: a.Path, Old: a.Old, New: a.New})
		}
	}
	for _, h := range d.Held() {
		row.Gates = append(row.Gates, page.GateRow{Gate: h.Gate, Reason: h.Reason})
	}
	return row
}
