package web

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/reportindex"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// addPages adds the routes of the pages.
func (s *Server) addPages(mux *router) {
	mux.HandleFunc("GET /{$}", s.attentionPage)
	mux.HandleFunc("GET /provisioners", s.provisionersPage)
	mux.HandleFunc("GET /provisioners/{key}", s.provisionerPage)
	mux.HandleFunc("GET /provisioners/{key}/changes", s.changesPage)
	mux.HandleFunc("GET /deadlines", s.deadlinesPage)
	mux.HandleFunc("GET /operations", s.operationsPage)
	mux.HandleFunc("GET /operations/{id}", s.operationPage)
	if s.Pulls != nil {
		mux.HandleFunc("GET /pulls", s.pullsPage)
		mux.HandleFunc("GET /pulls/{number}", s.pullPage)
	}
	mux.HandleFunc("GET "+page.StylePath, asset("text/css; charset=utf-8", page.Style))
	mux.HandleFunc("GET "+page.IconPath, asset("image/svg+xml", page.Icon))
	if s.History != nil {
		mux.HandleFunc("GET /provisioners/{key}/runs/{run}", s.runPage)
		for _, kind := range []string{"user", "group"} {
			path := page.ObjectPath(kind, "") + "{key}/history"
			mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { s.historyPage(w, r, kind) })
		}
	}
	if s.Apps != nil {
		mux.HandleFunc("GET /apps", s.appsPage)
		mux.HandleFunc("GET /apps/{key}", s.appPage)
	}
	if s.Explain != nil {
		for _, kind := range []string{"user", "group"} {
			mux.HandleFunc("GET "+page.ObjectPath(kind, "")+"{key}", func(w http.ResponseWriter, r *http.Request) {
				s.objectPage(w, r, kind)
			})
		}
		mux.HandleFunc("GET /find", s.findPage)
	}
}

// asset serves a file that each page loads. It needs no authentication, so that it is cached.
func asset(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(content)
	}
}

// show writes a page.
func show(w http.ResponseWriter, code int, p page.Page) {
	var b bytes.Buffer
	if err := p.Write(&b); err != nil { // not possible: tests write every page
		http.Error(w, "the page cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // an error means that the client has disconnected
}

// maxStates is the number of provisioners in the line below the menu.
const maxStates = 6

// frame returns what every page has around its content.
func (s *Server) frame(r *http.Request, st *daemon.State) page.Frame {
	return s.frameWith(r, st, countStops(st))
}

// frameWith returns the frame if a number of things need attention.
func (s *Server) frameWith(r *http.Request, st *daemon.State, attention int) page.Frame {
	notices, _ := paged(len(st.Notices), 0, maxRows, htmlBudget/8, func(i int) string { return st.Notices[i] })
	f := page.Frame{Path: r.URL.Path, Notices: notices, Now: s.now(), Commit: commitOf(st.ValidCommit),
		Attention: attention, Pulls: s.Pulls != nil, Apps: s.Apps != nil}
	if caller := callerOf(r.Context()); caller.Session {
		f.Caller = cutText(caller.Name, 100)
	}
	keys := slices.Sorted(maps.Keys(st.Provisioners))
	for _, key := range keys[:min(maxStates, len(keys))] {
		f.Provisioners = append(f.Provisioners, stateOf(key, st.Provisioners[key]))
	}
	f.More = len(keys) - len(f.Provisioners)
	return f
}

// now returns the time of a page.
func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func commitOf(c reconcile.CommitRef) page.Commit {
	return page.Commit{ID: cutText(c.ID, 100), Subject: cutText(c.Subject, 200), Author: cutText(c.Author, 200)}
}

// outcomeStates are the states of provisioners by the outcome of their last run.
var outcomeStates = map[reconcile.Outcome]page.State{
	reconcile.RunInSync: {Class: "good", Word: "in sync"}, reconcile.RunApplied: {Class: "good", Word: "applied"},
	reconcile.RunWaiting: {Class: "wait", Word: "waiting"}, reconcile.RunHeld: {Class: "held", Word: "held"},
	reconcile.RunPartial: {Class: "bad", Word: "partial"}, reconcile.RunFailed: {Class: "bad", Word: "failed"},
	reconcile.RunInterrupted:        {Class: "bad", Word: "interrupted"},
	reconcile.RunNeedsAuthorization: {Class: "bad", Word: "not authorized"},
}

// operationStates are the states of operations.
var operationStates = map[operation.State]page.State{
	operation.Queued: {Class: "wait", Word: "queued"}, operation.Running: {Class: "wait", Word: "running"},
	operation.Completed: {Class: "good", Word: "completed"}, operation.Waiting: {Class: "wait", Word: "waiting"},
	operation.Held: {Class: "held", Word: "held"}, operation.Partial: {Class: "bad", Word: "partial"},
	operation.Failed: {Class: "bad", Word: "failed"}, operation.Interrupted: {Class: "bad", Word: "interrupted"},
	operation.Superseded: {Word: "superseded"},
}

// resultStates are the states of changes by their result.
var resultStates = map[reconcile.Result]page.State{
	reconcile.ResultDone: {Class: "good", Word: "applied"}, reconcile.ResultHeld: {Class: "held", Word: "held"},
	reconcile.ResultFailed: {Class: "bad", Word: "failed"}, reconcile.ResultSkipped: {Word: "skipped"},
	reconcile.ResultWaiting: {Class: "wait", Word: "waiting"}, reconcile.ResultUnknown: {Class: "bad", Word: "unknown"},
}

// stateOf returns the state of a provisioner as a word, with a few words more.
func stateOf(key string, last daemon.LastRun) page.ProvisionerState {
	out := page.ProvisionerState{Key: cutText(key, 200)}
	report := last.Report
	switch {
	case last.Role == daemon.Standby:
		out.State, out.Text = page.State{Class: "wait", Word: "standby"}, cutText(last.Holder.String(), 200)
	case last.Quarantine != nil:
		out.State = page.State{Class: "bad", Word: "quarantine"}
	case report != nil && report.Audit.Holds():
		out.State, out.Text = page.State{Class: "bad", Word: "broken"}, "the audit branch holds everything"
	case last.Error != "" && (report == nil || report.Outcome == reconcile.RunInSync):
		out.State = page.State{Class: "bad", Word: "failed"}
	case report == nil:
		out.State = page.State{Word: "not run yet"}
	default:
		out.State = outcomeStates[report.Outcome]
		if n := report.Counts.Held; n > 0 {
			out.Text = schema.Count(n, "change") + " held"
		}
	}
	return out
}

// heldOf returns the groups of held changes of a provisioner that a page lists, and the number of
// others.
func (s *Server) heldOf(key string, held []render.HeldSet) (sets []page.Held, more int) {
	var lines []reportindex.Line
	if s.History != nil {
		lines = s.History.Reports(key).Lines
	}
	for _, set := range listed(held) {
		one := page.Held{Title: set.Title, Author: set.Author, Changes: set.Changes, Users: set.Users,
			Gates: set.Gates, Command: set.Approve, Since: reportindex.HeldSince(lines, set.Title),
			Link: page.Link{Text: "the changes", Path: page.ChangesPath(key) + "?result=held"}}
		if s.NewFile != nil && set.Digest != "" {
			one.Forge, one.Approval = s.NewFile(set.Digest)
		}
		sets = append(sets, one)
	}
	return sets, len(held) - len(sets)
}

// maxGroups is the number of groups of held changes that a page and a response have at most for a
// provisioner. The last group has all changes, so it is always there.
const maxGroups = 40

// listed returns the groups that a page lists.
func listed(groups []render.HeldSet) []render.HeldSet {
	if len(groups) <= maxGroups {
		return groups
	}
	return append(slices.Clone(groups[:maxGroups-1]), groups[len(groups)-1])
}

// message shows a page that has only a heading, and what to do.
func (s *Server) message(
	w http.ResponseWriter, r *http.Request, st *daemon.State, code int, heading string, steps ...page.Step,
) {
	f := s.frame(r, st)
	f.Heading = heading
	show(w, code, &page.Message{Frame: f, Steps: steps})
}

// countsText counts the changes of a run by their results.
func countsText(c *reconcile.Counts) string {
	return fmt.Sprintf("%d applied, %d held, %d waiting, %d failed, %d skipped, %d unknown", c.Done, c.Held, c.Waiting,
		c.Failed, c.Skipped, c.Unknown)
}

// elapsed returns a duration for people.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", max(0, d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
