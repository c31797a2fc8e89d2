package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// provisionersPage serves the list of provisioners.
func (s *Server) provisionersPage(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	p := &page.Provisioners{Frame: s.frame(r, &st)}
	keys := slices.Sorted(maps.Keys(st.Provisioners))
	first := indexAfter(keys, r.URL.Query().Get("cursor"))
	rows, next := paged(len(keys), first, maxRows, htmlBudget, func(i int) page.ProvisionerRow {
		return provisionerRow(keys[i], st.Provisioners[keys[i]])
	})
	p.Rows = rows
	if next > 0 {
		p.Next = keys[next-1]
	}
	inSync := 0
	for _, last := range st.Provisioners {
		if last.Report != nil && stateOf("", last).State.Class == "good" {
			inSync++
		}
	}
	p.Heading = fmt.Sprintf("%d of %s in sync", inSync, schema.Count(len(keys), "provisioner"))
	show(w, http.StatusOK, p)
}

func provisionerRow(key string, last daemon.LastRun) page.ProvisionerRow {
	row := page.ProvisionerRow{ProvisionerState: stateOf(key, last), LastRun: last.Time, Mode: "not declared"}
	if last.Timing != nil {
		row.Mode = string(last.Timing.Mode)
	}
	if last.Next != nil {
		row.NextRun = last.Next.At
	}
	if r := last.Report; r != nil {
		row.Done, row.Held, row.Waiting, row.Failed = r.Counts.Done, r.Counts.Held, r.Counts.Waiting, r.Counts.Failed
	}
	return row
}

// provisionerPage serves the page of one provisioner.
func (s *Server) provisionerPage(w http.ResponseWriter, r *http.Request) {
	st, key := s.State(), r.PathValue("key")
	last, ok := st.Provisioners[key]
	if !ok {
		s.message(w, r, &st, http.StatusNotFound, fmt.Sprintf("There is no provisioner %q", cutText(key, 200)),
			page.Step{Text: "The list of provisioners has all that are declared."})
		return
	}
	state := stateOf(key, last)
	p := &page.Provisioner{Frame: s.frame(r, &st), Key: key, Facts: timingFacts(last)}
	p.Crumb, p.Heading = "Provisioner", headingOf(key, state, last)
	if last.Report != nil {
		p.Lead = cutText(last.Report.Summary, 1000)
		c := last.Report.Counts
		p.Counts = []page.CountRow{{Name: "Users", Declared: c.DesiredUsers, Observed: c.ObservedUsers},
			{Name: "Groups", Declared: c.DesiredGroups, Observed: c.ObservedGroups}}
	}
	p.Band = provisionerBand(key, last)
	p.Charts = s.provisionerCharts(key, s.now())
	if s.History != nil {
		reports := s.History.Reports(key)
		if since, atLeast := syncedSince(reports); state.State.Class == "good" && !since.IsZero() {
			p.Heading += " since " + shortTime(since)
			if atLeast {
				p.Heading += " or before"
			}
		} else if last := lastInSync(reports.Lines); !last.IsZero() {
			p.Lead = strings.TrimSpace(fmt.Sprintf("It was last in sync until %s. %s", shortTime(last), p.Lead))
		}
	}
	items := slices.Concat(s.stopsOf(key, last), notesOf(key, last))
	p.Items, _ = paged(len(items), 0, maxItems, htmlBudget, func(i int) page.Item { return items[i] })
	if s.Operations != nil {
		list := s.Operations.All(key)
		if len(p.Charts) == 0 {
			p.Charts = charted(operationsChart(list, s.now()))
		}
		p.Operations, _ = paged(len(list), 0, 10, htmlBudget/4,
			func(i int) page.OperationRow { return operationRow(list[i]) })
	}
	show(w, http.StatusOK, p)
}

// charted returns a list of a chart, empty for nil.
func charted(c *page.Chart) []*page.Chart {
	if c == nil {
		return nil
	}
	return []*page.Chart{c}
}

// shortTime returns a time for a heading.
func shortTime(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04") + " UTC" }

// headingOf says whether AWS is as declared at a provisioner.
func headingOf(key string, state page.ProvisionerState, last daemon.LastRun) string {
	report := last.Report
	switch {
	case last.Role == daemon.Standby:
		return key + " is run by another process"
	case last.Quarantine != nil:
		return key + " is in quarantine: nothing is sent"
	case report == nil:
		return key + " has not run yet"
	case state.State.Class == "good":
		return key + " is in sync"
	case report.Counts.Held > 0:
		return fmt.Sprintf("%s is not in sync: %s held", key, schema.Count(report.Counts.Held, "change"))
	}
	return fmt.Sprintf("%s is not in sync: %s", key, state.State.Word)
}

// capital returns a text with a first letter in upper case.
func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func provisionerBand(key string, last daemon.LastRun) []page.Brief {
	mode := page.Brief{Name: "Mode", Head: "Not declared", Text: "What is left of it is removed."}
	if t := last.Timing; t != nil {
		mode.Head, mode.Text = capital(string(t.Mode)), modeTexts[t.Mode]
	}
	run := page.Brief{Name: "Last run", Head: "None yet"}
	if !last.Time.IsZero() {
		run.Time = last.Time
	}
	trust := page.Brief{Name: "Audit branch", Head: "Not read yet"}
	if r := last.Report; r != nil {
		run.Text = fmt.Sprintf("%s applied, %d held, %d failed.", schema.Count(r.Counts.Done, "change"), r.Counts.Held,
			r.Counts.Failed)
		run.Link = &page.Link{Text: "See the changes", Path: page.ChangesPath(key)}
		if r.Audit != nil {
			trust.Head, trust.Text = capital(string(r.Audit.Level)), cutText(r.Audit.Reason, 500)
		}
	}
	next := page.Brief{Name: "Next run", Head: "None is planned"}
	if last.Next != nil {
		next.Time, next.Text = last.Next.At, "by "+last.Next.Trigger+"."
	}
	return []page.Brief{mode, run, next, trust}
}

// modeTexts say what modes mean.
var modeTexts = map[daemon.Mode]string{
	daemon.Enabled:  "Sends everything that no gate holds.",
	daemon.Disabled: "Plans changes and sends none.",
	daemon.Paused:   "Sends nothing until the pause ends.",
}

// timingFacts say when a provisioner runs, and what it last used.
func timingFacts(last daemon.LastRun) []page.Fact {
	var facts []page.Fact
	add := func(name, text string, code bool) {
		if text != "" {
			facts = append(facts, page.Fact{Name: name, Text: cutText(text, 500), Code: code})
		}
	}
	addTime := func(name string, t time.Time) {
		if !t.IsZero() {
			facts = append(facts, page.Fact{Name: name, Time: t})
		}
	}
	if t := last.Timing; t != nil {
		add("Schedule", t.Schedule, true)
		add("Jitter", t.Jitter, false)
		add("Timezone", t.Timezone, false)
		add("Windows", strings.Join(t.Windows, "; "), false)
		addTime("Window opens", t.WindowOpens)
		add("Pause", t.PauseReason, false)
		addTime("Pause ends", t.PauseEnds)
		add("Declared at", t.Position, true)
	}
	if q := last.Quarantine; q != nil {
		add("Quarantine", q.Reason, false)
		addTime("Next try", q.NextTry)
	}
	if h := last.Holder; h != nil {
		add("Run by", h.String(), false)
	}
	if r := last.Report; r != nil {
		add("Commit", fmt.Sprintf("%.7s", r.Commit.ID), true)
		facts = append(facts, readFacts(r)...)
		add("Not managed", fmt.Sprintf("%d objects of AWS; %d of them could be adopted", r.Counts.Unmanaged,
			r.Counts.Adoptable), false)
	}
	return facts
}

// readFacts say how the last run read AWS.
func readFacts(r *reconcile.Report) []page.Fact {
	if r.CachedRead != nil {
		return []page.Fact{{Name: "AWS read", Text: "(the oldest part)", Time: r.CachedRead.OldestRead}}
	}
	return []page.Fact{{Name: "AWS read", Text: "(everything)", Time: r.Started}}
}
