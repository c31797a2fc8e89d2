package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// maxItems is the number of things that need attention on a page.
const maxItems = 50

// soon is how long before its end a deadline needs attention.
const soon = 7 * 24 * time.Hour

// attentionPage serves the page of what needs a decision.
func (s *Server) attentionPage(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	stops, notes := s.stops(&st), s.notes(&st)
	p := &page.Attention{Frame: s.frameWith(r, &st, len(stops)), Band: s.band(&st)}
	p.Stops, _ = paged(len(stops), 0, maxItems, htmlBudget, func(i int) page.Item { return stops[i] })
	p.Notes, _ = paged(len(notes), 0, maxItems, htmlBudget/2, func(i int) page.Item { return notes[i] })
	p.Omitted = len(stops) - len(p.Stops) + len(notes) - len(p.Notes)
	switch n := len(stops); {
	case st.ValidCommit.ID == "" && st.InvalidReason == "" && st.PollError == "":
		p.Heading = "roster reads the repository for the first time"
	case n == 0 && len(notes) == 0:
		p.Heading = "Nothing needs attention"
	case n == 0:
		p.Heading = "Nothing stops work; " + schema.Count(len(notes), "thing") + " to know"
	case n == 1:
		p.Heading = "1 thing needs attention"
	default:
		p.Heading = schema.Count(n, "thing") + " need attention"
	}
	if len(stops)+len(notes) == 0 {
		p.Checked = "Checked: the last runs, held changes, the audit branches, the newest commit, quarantines, " +
			"loosened rules, changes made in AWS by hand, assertions, and what ends in the next 7 days."
	}
	show(w, http.StatusOK, p)
}

// countStops returns the number of things that stops returns, without making them: every page has
// it in its menu.
func countStops(st *daemon.State) int {
	n := 0
	if st.PollError != "" {
		n++
	}
	if st.InvalidReason != "" {
		n++
	}
	for _, last := range st.Provisioners {
		n += countStopsOf(&last)
	}
	return n
}

// countStopsOf returns the number of things that stopsOf returns.
func countStopsOf(last *daemon.LastRun) int {
	if last.Role == daemon.Standby {
		return 0
	}
	n, report := 0, last.Report
	if last.Quarantine != nil || last.Error != "" {
		n++
	}
	if report == nil {
		return n
	}
	if report.Audit.Holds() {
		n++
	}
	if last.Quarantine == nil && report.Counts.Failed+report.Counts.Unknown > 0 {
		n++
	}
	if len(last.Held) > 0 {
		n++
	}
	return n + min(maxItems, len(report.Violations))
}

// stops returns the things that keep work from being done, the gravest first.
func (s *Server) stops(st *daemon.State) []page.Item {
	var out []page.Item
	if st.PollError != "" {
		out = append(out, page.Item{ID: "repository", State: page.State{Class: "bad", Word: "Git"}, Since: st.PolledAt,
			Title:   "The repository cannot be read, so new commits are not applied",
			Problem: []string{cutText(st.PollError, 2000)},
			Steps: []page.Step{{Text: "What is declared already stays in force. Check the repository's server, the " +
				"network and the credentials."}}})
	}
	if st.InvalidReason != "" {
		out = append(out, refusedItem(st))
	}
	for _, key := range slices.Sorted(maps.Keys(st.Provisioners)) {
		out = append(out, s.stopsOf(key, st.Provisioners[key])...)
	}
	slices.SortStableFunc(out, func(a, b page.Item) int { return gravity(a) - gravity(b) })
	return out
}

// notes returns what only has to be known.
func (s *Server) notes(st *daemon.State) []page.Item {
	var out []page.Item
	for _, key := range slices.Sorted(maps.Keys(st.Provisioners)) {
		out = append(out, notesOf(key, st.Provisioners[key])...)
	}
	for n, p := range s.allProblems(st) {
		if p.Kind == ProblemForge || p.Kind == ProblemNotifications {
			out = append(out, page.Item{ID: fmt.Sprint("delivery-", n), State: page.State{Class: "soon",
				Word: string(p.Kind)}, Title: p.Text})
		}
	}
	return append(out, s.endingSoon(st)...)
}

// gravity orders the things that stop work: those that stop everything come first.
func gravity(i page.Item) int {
	if i.State.Class == "bad" {
		return 0
	}
	return 1
}

// refusedItem is about a commit whose declarations are invalid.
func refusedItem(st *daemon.State) page.Item {
	item := page.Item{ID: "refused", State: page.State{Class: "bad", Word: "refused commit"},
		Title: fmt.Sprintf("Commit %.7s is not valid, so the last valid commit stays in force", st.NewestCommit.ID),
		Steps: []page.Step{{Text: "Correct it with a new commit, or revert it. No approval releases it."},
			{Text: "To see all problems:", Command: "roster check"}}}
	if author := st.NewestCommit.Author; author != "" {
		item.Text = []string{fmt.Sprintf("%s, by %s.", cutText(st.NewestCommit.Subject, 200), cutText(author, 200))}
	}
	lines := strings.Split(cutText(st.InvalidReason, 8000), "\n")
	item.Problem = lines[:min(40, len(lines))]
	return item
}

// itemOf returns a thing that concerns a provisioner, without its content.
func itemOf(id, key, class, word, title string) page.Item {
	return page.Item{ID: id + "-" + key, State: page.State{Class: class, Word: word}, Provisioner: key,
		Title: cutText(title, 500)}
}

// stopsOf returns what keeps the work of a provisioner from being done.
func (s *Server) stopsOf(key string, last daemon.LastRun) []page.Item {
	if last.Role == daemon.Standby {
		return nil // the process that runs it shows them
	}
	var out []page.Item
	report := last.Report
	if report != nil && report.Audit.Holds() {
		i := itemOf("audit", key, "bad", "broken", "The audit branch is broken, so nothing is sent")
		i.Since, i.Text = report.Started, []string{cutText(report.Audit.Reason, 2000) + "."}
		i.Steps = []page.Step{{Text: "Find out who wrote to the branch:", Command: "roster audit verify"},
			{Text: "If the branch is right as it is, add to approvals.cue:", Command: report.Audit.Approval}}
		out = append(out, i)
	}
	if q := last.Quarantine; q != nil {
		i := itemOf("quarantine", key, "bad", "quarantine", "AWS refuses roster, so nothing is sent")
		i.Since, i.Text = q.Since, []string{cutText(q.Reason, 2000) + ".", q.Next() + "."}
		i.Steps = []page.Step{{Text: "Correct the cause, then test the connection:", Command: "roster test " + key}}
		out = append(out, i)
	} else if last.Error != "" {
		i := itemOf("error", key, "bad", "failed", "The last run ended with an error")
		i.Since, i.Problem = last.Time, []string{cutText(last.Error, 2000)}
		out = append(out, i)
	}
	if report == nil {
		return out
	}
	if n := report.Counts.Failed + report.Counts.Unknown; n > 0 && last.Quarantine == nil {
		i := itemOf("failed", key, "bad", "failed", schema.Count(n, "change")+" failed")
		i.Since = report.Finished
		i.Links = []page.Link{{Text: "The failed changes", Path: page.ChangesPath(key) + "?result=failed"}}
		out = append(out, i)
	}
	for n, v := range report.Violations[:min(maxItems, len(report.Violations))] {
		i := itemOf(fmt.Sprint("assertion-", n), key, "bad", "assertion", v.Text)
		i.Text = []string{fmt.Sprintf("Assertion %q, on the %s state. %s", v.Assertion, v.State, v.Reason)}
		out = append(out, i)
	}
	if len(last.Held) > 0 {
		out = append(out, s.heldItem(key, last))
	}
	return out
}

// notesOf returns what only has to be known of a provisioner.
func notesOf(key string, last daemon.LastRun) []page.Item {
	report := last.Report
	if report == nil || last.Role == daemon.Standby {
		return nil
	}
	var out []page.Item
	for n, l := range report.Loosened[:min(maxItems, len(report.Loosened))] {
		out = append(out, itemOf(fmt.Sprint("loosened-", n), key, "soon", "loosened", l.String()))
	}
	if report.Audit != nil && report.Audit.Level == reconcile.TrustUnproved {
		i := itemOf("audit", key, "soon", "unproved", "The audit branch is not proved")
		i.Text = []string{cutText(report.Audit.Reason, 2000) + "."}
		out = append(out, i)
	}
	if n := undone(report); n > 0 {
		i := itemOf("manual", key, "soon", "by hand", schema.Count(n,
			"change")+" made in AWS by hand and undone by roster")
		i.Since = report.Finished
		i.Links = []page.Link{{Text: "These changes", Path: page.ChangesPath(key) + "?cause=" +
			string(reconcile.CauseDrift)}}
		out = append(out, i)
	}
	return out
}

// heldItem is about the held changes of a provisioner.
func (s *Server) heldItem(key string, last daemon.LastRun) page.Item {
	i := itemOf("held", key, "held", "held", schema.Count(last.Report.Counts.Held, "change")+" held")
	i.Since = s.heldSince(key, last)
	if last.Report.Summary != "" {
		i.Title = cutText(last.Report.Summary, 400)
		i.Text = []string{schema.Count(last.Report.Counts.Held, "change") + " held until an approval is merged."}
	}
	var more int
	if i.Held, more = s.heldOf(key, last.Held); more > 0 {
		i.Text = append(i.Text, fmt.Sprintf("%d more groups of held changes are not listed.", more))
	}
	i.Steps = []page.Step{{Text: "If one of them is a mistake, revert its commit: the rest then has " +
		"another digest. If they are intended, approve them with the commands above."}}
	i.Links = []page.Link{{Text: "All held changes", Path: page.ChangesPath(key) + "?result=held"}}
	return i
}

// heldSince returns since when the provisioner has held changes, as far back as its operations say.
func (s *Server) heldSince(key string, last daemon.LastRun) time.Time {
	since := last.Report.Started
	if s.Operations == nil {
		return since
	}
	for _, o := range s.Operations.All(key) {
		switch {
		case o.Counts == nil:
		case o.Counts.Held == 0:
			return since
		default:
			since = o.StartedAt
		}
	}
	return since
}

// undone counts the changes of a report that undid what was done in AWS by hand. They are not known
// for a report with parts.
func undone(r *reconcile.Report) int {
	n := 0
	for i := range r.Changes {
		if d := &r.Changes[i]; d.Origin == reconcile.Drift && d.Result == reconcile.ResultDone {
			n++
		}
	}
	return n
}

// endingSoon returns the deadlines of the next days, and those that have passed.
func (s *Server) endingSoon(st *daemon.State) []page.Item {
	var out []page.Item
	now := s.now()
	for n, d := range st.DueDeadlines {
		if d.EndsAt.Sub(now) > soon || len(out) > maxItems {
			break // they are sorted
		}
		out = append(out, page.Item{ID: fmt.Sprint("deadline-", n), State: page.State{Class: "soon", Word: "deadline"},
			Title: cutText(d.Text(now), 500), Links: []page.Link{{Text: "All deadlines", Path: "/deadlines"}}})
	}
	return out
}

// band returns the four facts at the top of the first page.
func (s *Server) band(st *daemon.State) []page.Brief {
	did := page.Brief{Name: "What roster did", Head: "Nothing yet"}
	doing := page.Brief{Name: "What it is doing", Head: "Waiting", Text: "for the next commit or scheduled run."}
	held := page.Brief{Name: "What it will not do", Head: "Nothing is held"}
	next := page.Brief{Name: "What comes next", Head: "No run is planned"}
	var newest time.Time
	total := 0
	for _, key := range slices.Sorted(maps.Keys(st.Provisioners)) {
		last := st.Provisioners[key]
		if r := last.Report; r != nil {
			total += r.Counts.Held
			if r.Finished.After(newest) {
				newest = r.Finished
				did.Head = schema.Count(r.Counts.Done, "change") + " applied"
				did.Text = fmt.Sprintf("by the last run of %s.", key)
				did.Link = &page.Link{Text: "See them", Path: page.ChangesPath(key)}
			}
		}
		if n := last.Next; n != nil && (next.Time.IsZero() || n.At.Before(next.Time)) {
			next.Time, next.Text = n.At, fmt.Sprintf("%s (%s)", key, n.Trigger)
		}
	}
	if total > 0 {
		held.Head, held.Text = schema.Count(total, "change")+" held", "until an approval is merged."
	}
	if s.Operations != nil {
		for _, o := range s.Operations.All("") {
			if o.State == operation.Running {
				doing.Head, doing.Text = "Running "+o.Provisioner, progressText(o)
				doing.Link = &page.Link{Text: "Follow it", Path: page.OperationPath(o.ID)}
			}
		}
	}
	return []page.Brief{did, doing, held, next}
}
