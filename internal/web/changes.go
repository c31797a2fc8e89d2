package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
)

// Changes is a page of the changes of a provisioner's last run.
type Changes struct {
	Version     int               `json:"version"`
	Provisioner string            `json:"provisioner"`
	Run         string            `json:"run"`
	Outcome     reconcile.Outcome `json:"outcome"`
	Counts      reconcile.Counts  `json:"counts"`
	Changes     []reconcile.Done  `json:"changes"`
	Total       int               `json:"total"` // that match the search
	// Next is the cursor of the next page; empty on the last page. It ends with the run.
	Next string `json:"next,omitempty"`
}

// errNoRun is the error for a provisioner without a report.
var errNoRun = errors.New("the provisioner does not exist, or has not run since the daemon started")

// errPart is the error for a report whose changes cannot be read.
var errPart = errors.New("the changes of the report cannot be read from the audit branch")

// maxReadings is the number of pages of changes that are read from the parts of reports at the same
// time. A search reads all parts.
const maxReadings = 2

// changesOf returns the page of a provisioner's changes that a request asks for.
func (s *Server) changesOf(
	ctx context.Context, st daemon.State, key string, q url.Values, budget int,
) (out Changes, code int, err error) {
	report := st.Provisioners[key].Report
	if report == nil {
		return Changes{}, http.StatusNotFound, errNoRun
	}
	limit, err := limitOf(q)
	if err != nil {
		return Changes{}, http.StatusBadRequest, err
	}
	offset, err := offsetOf(q.Get("cursor"), report.Run)
	if err != nil {
		return Changes{}, http.StatusGone, err
	}
	out = Changes{Version: 1, Provisioner: key, Run: report.Run, Outcome: report.Outcome, Counts: report.Counts}
	var next int
	if len(report.Parts) > 0 && s.Changes != nil {
		p := partsPage{text: strings.ToLower(q.Get("q")), result: q.Get("result"), offset: offset, limit: limit,
			budget: budget, rows: []reconcile.Done{}}
		if code, err := s.readPage(ctx, report, &p); err != nil {
			return Changes{}, code, err
		}
		out.Changes, out.Total, next = p.rows, p.total, p.next
	} else {
		found := search(report.Changes, q.Get("q"), q.Get("result"))
		out.Total = len(found)
		out.Changes, next = page(len(found), offset, limit, budget, func(i int) reconcile.Done { return *found[i] })
	}
	out.Next = cursorOf(next, report.Run)
	return out, http.StatusOK, nil
}

// partsPage is a page of the changes of a report with parts.
type partsPage struct {
	text, result          string // of the search; "" means any
	offset, limit, budget int

	rows        []reconcile.Done
	total, next int
	used        int // of the budget
}

// readPage reads a page from the parts of a report. A page of all changes reads the parts that it
// lists, a search all of them.
func (s *Server) readPage(ctx context.Context, report *reconcile.Report, p *partsPage) (code int, err error) {
	select {
	case s.reading <- struct{}{}:
	case <-ctx.Done():
		return http.StatusServiceUnavailable, errBusy
	}
	defer func() { <-s.reading }()
	whole, skip := p.text == "" && p.result == "", 0
	if whole {
		p.total, skip = report.ChangeCount(), min(p.offset, report.ChangeCount())
	}
	n := skip // of the next change that matches
	for d, err := range s.Changes(ctx, report, skip) {
		switch {
		case err != nil:
			return http.StatusServiceUnavailable, fmt.Errorf("%w: %w", errPart, err)
		case ctx.Err() != nil:
			return http.StatusServiceUnavailable, errBusy
		case !matchesSearch(d, p.text, p.result):
			continue
		}
		if full := p.add(d, n); full && whole {
			return 0, nil
		}
		n++
	}
	if !whole {
		p.total = n
	}
	return 0, nil
}

// add adds the change with a number, unless it is on another page. full is true if it is on a later
// one.
func (p *partsPage) add(d *reconcile.Done, n int) (full bool) {
	switch {
	case n < p.offset:
		return false
	case p.next > 0:
		return true
	case len(p.rows) == p.limit || p.used >= p.budget:
		p.next = n
		return true
	}
	cut, size := row(*d)
	p.rows, p.used = append(p.rows, cut), p.used+size
	return false
}

// search returns the changes with a text and a result; "" means any.
func search(changes []reconcile.Done, text, result string) []*reconcile.Done {
	var found []*reconcile.Done
	text = strings.ToLower(text)
	for i := range changes {
		if c := &changes[i]; matchesSearch(c, text, result) {
			found = append(found, c)
		}
	}
	return found
}

// matchesSearch reports whether a change has a text in lower case and a result; "" means any.
func matchesSearch(c *reconcile.Done, text, result string) bool {
	return (result == "" || string(c.Result) == result) &&
		(text == "" || matches(text, c.Name, c.Key, c.MemberName, c.Member, string(c.Kind), c.Reason.Text, c.Error))
}

// changes serves /api/v1/provisioners/{key}/changes.
func (s *Server) changes(w http.ResponseWriter, r *http.Request) {
	out, code, err := s.changesOf(r.Context(), s.State(), r.PathValue("key"), r.URL.Query(), jsonBudget)
	if err != nil {
		fail(w, code, err)
		return
	}
	respond(w, code, out)
}

// changesData is the input of changesTemplate.
type changesData struct {
	frame
	Changes
	Error, Search, Result string
	Results               []reconcile.Result
	Effects               string // of all changes of the run
	facts                 *reconcile.EffectFacts
}

// Sentence returns what a change means for people.
func (d changesData) Sentence(change reconcile.Done) string { return change.Sentence(d.facts) }

// NextPage is the address of the next page.
func (d changesData) NextPage() string {
	return "?" + url.Values{"q": {d.Search}, "result": {d.Result}, "cursor": {d.Next}}.Encode()
}

var results = []reconcile.Result{reconcile.ResultDone, reconcile.ResultHeld, reconcile.ResultFailed,
	reconcile.ResultSkipped, reconcile.ResultWaiting, reconcile.ResultUnknown}

// changesPage serves /provisioners/{key}.
func (s *Server) changesPage(w http.ResponseWriter, r *http.Request) {
	st, q := s.State(), r.URL.Query()
	data := changesData{frame: frameOf(r, "Changes", &st), Search: cutText(q.Get("q"), 200),
		Result: cutText(q.Get("result"), 200), Results: results}
	code := http.StatusOK
	var err error
	if data.Changes, code, err = s.changesOf(r.Context(), st, r.PathValue("key"), q, htmlBudget); err != nil {
		data.Error = err.Error()
	}
	if report := st.Provisioners[r.PathValue("key")].Report; report != nil {
		data.Effects, data.facts = report.Summary, report.Facts
	}
	data.Provisioner = cutText(r.PathValue("key"), 200)
	show(w, code, changesTemplate, data)
}
