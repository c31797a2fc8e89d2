package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/schema"
)

// operationsPage serves the history.
func (s *Server) operationsPage(w http.ResponseWriter, r *http.Request) {
	st, q := s.State(), r.URL.Query()
	p := &page.Operations{Frame: s.frame(r, &st), Provisioner: cutText(q.Get("provisioner"), 200),
		State: cutText(q.Get("state"), 50)}
	keys := slices.Sorted(maps.Keys(st.Provisioners))
	p.Keys, _ = paged(len(keys), 0, maxRows, htmlBudget/8, func(i int) string { return keys[i] })
	for state := range operationStates {
		p.States = append(p.States, string(state))
	}
	slices.Sort(p.States)
	p.Heading = "roster has done nothing yet"
	if s.Operations == nil {
		show(w, http.StatusOK, p)
		return
	}
	list := s.Operations.All(q.Get("provisioner"))
	if state := q.Get("state"); state != "" {
		list = slices.DeleteFunc(list, func(o operation.Operation) bool { return string(o.State) != state })
	}
	if len(list) > 0 {
		p.Heading = fmt.Sprintf("%s since %s", schema.Count(len(list), "operation"),
			list[len(list)-1].QueuedAt.UTC().Format("2 Jan 2006"))
		p.Lead = "Runs that found nothing to do are not listed one by one."
	}
	p.Chart = operationsChart(list, s.now())
	first := 0
	code := http.StatusOK
	if after := q.Get("cursor"); after != "" {
		if first = 1 + slices.IndexFunc(list, func(o operation.Operation) bool { return o.ID == after }); first == 0 {
			p.Error = "The operation after which this page began is forgotten. This is the first page."
			code = http.StatusGone
		}
	}
	rows, next := paged(len(list), first, maxRows, htmlBudget,
		func(i int) page.OperationRow { return operationRow(list[i]) })
	p.Rows = rows
	if next > 0 {
		p.Next = list[next-1].ID
	}
	p.Cursor = cutText(q.Get("cursor"), 300)
	showList(w, r, code, p, nextOf(p.Next, p.NextPage))
}

// chartDays is the number of days of a chart.
const (
	chartDays = 90
	day       = 24 * time.Hour
)

// operationsChart shows what operations applied, held and failed by day; nil if there is nothing.
func operationsChart(list []operation.Operation, now time.Time) *page.Chart {
	series := []page.Series{{Class: "c-done", Name: "applied"}, {Class: "c-held", Name: "held"},
		{Class: "c-failed", Name: "failed or unknown"}}
	spec := page.ChartSpec{ID: "changes", Title: "Changes by day", Last: now, N: chartDays, Step: day, Series: series}
	return page.NewChart(spec, func(add func(time.Time, int, int)) {
		for _, o := range list {
			if o.Counts != nil {
				add(o.EndedAt, 0, o.Counts.Done)
				add(o.EndedAt, 1, o.Counts.Held)
				add(o.EndedAt, 2, o.Counts.Failed+o.Counts.Unknown)
			}
		}
	})
}

func operationRow(o operation.Operation) page.OperationRow {
	row := page.OperationRow{ID: o.ID, Provisioner: o.Provisioner, State: operationStates[o.State], Trigger: o.Trigger,
		By: o.RequestedBy, Time: o.QueuedAt, Summary: o.Summary, Commit: fmt.Sprintf("%.7s", o.Commit)}
	if !o.StartedAt.IsZero() {
		row.Time = o.StartedAt
	}
	if c := o.Counts; c != nil {
		row.Done, row.Held, row.Bad = c.Done, c.Held, c.Failed+c.Unknown+c.Skipped+c.NotSent
	}
	if row.Summary == "" {
		row.Summary = o.Error
	}
	if row.Summary == "" && o.State == operation.Completed {
		row.Summary = "nothing to do"
	}
	row.Progress = progressText(o)
	return row
}

// progressText is how far a running operation is; "" for any other.
func progressText(o operation.Operation) string {
	p := o.Progress
	if p == nil {
		return ""
	}
	text := p.Phase
	if p.Total > 0 {
		text += fmt.Sprintf(", %d of %d", p.Done, p.Total)
	}
	if p.SecondsLeft > 0 {
		text += ", about " + elapsed(time.Duration(p.SecondsLeft)*time.Second) + " left"
	}
	return text
}

// operationPage serves the page of one operation.
func (s *Server) operationPage(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	o, err := operation.Operation{}, operation.ErrNotFound
	if s.Operations != nil {
		o, err = s.Operations.Get(r.PathValue("id"))
	}
	if err != nil {
		s.message(w, r, &st, http.StatusNotFound, "There is no operation of this id",
			page.Step{Text: "Only the newest operations are kept; the audit branch has all reports:",
				Command: "roster audit log"})
		return
	}
	o, _ = row(o)
	p := &page.Operation{Frame: s.frame(r, &st), Steps: runSteps(o)}
	p.Crumb = "Operation of " + o.Provisioner
	p.Heading = operationStates[o.State].Word
	if o.Summary != "" {
		p.Heading = cutText(o.Summary, 300)
	} else if o.State == operation.Completed {
		p.Heading = "Nothing was to do"
	}
	p.Lead = progressText(o)
	if o.Progress != nil {
		p.Done, p.Total = o.Progress.Done, o.Progress.Total
		if o.Progress.SecondsLeft > 0 {
			p.Left = elapsed(time.Duration(o.Progress.SecondsLeft) * time.Second)
		}
	}
	if o.Error != "" {
		p.Problem = []string{o.Error}
	}
	p.Facts = operationFacts(o)
	p.Links = []page.Link{{Text: "The provisioner", Path: page.ProvisionerPath(o.Provisioner)}}
	if s.History != nil && o.Report != "" {
		p.Links = append(p.Links, page.Link{Text: "Its changes", Path: page.RunPath(o.Provisioner, o.Run)})
	} else if last := st.Provisioners[o.Provisioner]; o.Run != "" && last.Report != nil && last.Report.Run == o.Run {
		p.Links = append(p.Links, page.Link{Text: "Its changes", Path: page.ChangesPath(o.Provisioner)})
	}
	show(w, http.StatusOK, p)
}

// runSteps are the steps of an operation.
func runSteps(o operation.Operation) []page.RunStep {
	queued := page.RunStep{Class: "done", Name: "Queued", Text: "by " + o.Trigger, Time: o.QueuedAt}
	running := page.RunStep{Name: "Running", Time: o.StartedAt}
	ended := page.RunStep{Name: "Ended", Time: o.EndedAt}
	published := page.RunStep{Name: "Reported"}
	switch {
	case o.State == operation.Queued:
		queued.Class = "running"
	case o.State == operation.Running:
		running.Class, running.Text = "running", progressText(o)
	default:
		if !o.StartedAt.IsZero() {
			running.Class, running.Text = "done", "for "+elapsed(o.EndedAt.Sub(o.StartedAt))
		}
		ended.Class, ended.Text = "done", operationStates[o.State].Word
		if operationStates[o.State].Class == "bad" {
			ended.Class = "failed"
		}
	}
	if o.AuditCommit != "" {
		published.Class, published.Text = "done", fmt.Sprintf("in commit %.7s", o.AuditCommit)
	}
	return []page.RunStep{queued, running, ended, published}
}

func operationFacts(o operation.Operation) []page.Fact {
	state := operationStates[o.State]
	facts := []page.Fact{{Name: "State", State: &state}}
	for _, f := range []page.Fact{{Name: "Requested by", Text: o.RequestedBy},
		{Name: "Declarations", Text: o.Commit, Code: true}, {Name: "Run", Text: o.Run, Code: true},
		{Name: "Report", Text: o.Report, Code: true}, {Name: "Audit commit", Text: o.AuditCommit, Code: true}} {
		if f.Text != "" {
			facts = append(facts, f)
		}
	}
	if c := o.Counts; c != nil {
		facts = append(facts, page.Fact{Name: "Changes", Text: countsText(c)})
	}
	return facts
}
