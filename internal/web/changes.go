package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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

// changesOf returns the page of the changes of a provisioner's last run that a request asks for.
func (s *Server) changesOf(
	ctx context.Context, st daemon.State, key string, q url.Values, order changeOrder, budget int,
) (out Changes, code int, err error) {
	report := st.Provisioners[key].Report
	if report == nil {
		return Changes{}, http.StatusNotFound, errNoRun
	}
	return s.changesIn(ctx, report, q, order, budget)
}

// changesIn returns the page of the changes of a report that a request asks for.
func (s *Server) changesIn(
	ctx context.Context, report *reconcile.Report, q url.Values, order changeOrder, budget int,
) (out Changes, code int, err error) {
	limit, err := limitOf(q)
	if err != nil {
		return Changes{}, http.StatusBadRequest, err
	}
	offset, err := offsetOf(q.Get("cursor"), report.Run)
	if err != nil {
		return Changes{}, http.StatusGone, err
	}
	out = Changes{Version: 1, Provisioner: report.Provisioner, Run: report.Run, Outcome: report.Outcome,
		Counts: report.Counts}
	var next int
	if len(report.Parts) > 0 && s.Changes != nil {
		p := partsPage{filter: filterOf(q, report.Facts), offset: offset, limit: limit, budget: budget,
			rows: []reconcile.Done{}}
		if code, err := s.readPage(ctx, report, &p); err != nil {
			return Changes{}, code, err
		}
		out.Changes, out.Total, next = p.rows, p.total, p.next
	} else {
		found := filterOf(q, report.Facts).search(report.Changes)
		if order == gravestFirst {
			sortByEffect(found, report.Facts)
		}
		out.Total = len(found)
		out.Changes, next = paged(len(found), offset, limit, budget, func(i int) reconcile.Done { return *found[i] })
	}
	out.Next = cursorOf(next, report.Run)
	return out, http.StatusOK, nil
}

// changeOrder is the order of changes.
type changeOrder int

const (
	asPlanned changeOrder = iota
	// gravestFirst is by what the changes mean for people. Changes in parts are as planned.
	gravestFirst
)

// sortByEffect sorts changes by the severity of their effect.
func sortByEffect(changes []*reconcile.Done, facts *reconcile.EffectFacts) {
	severity := make(map[*reconcile.Done]int, len(changes))
	for _, c := range changes {
		severity[c] = reconcile.EffectOf(c.Change, facts).Severity()
	}
	slices.SortStableFunc(changes, func(a, b *reconcile.Done) int { return severity[a] - severity[b] })
}

// partsPage is a page of the changes of a report with parts.
type partsPage struct {
	filter                changeFilter
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
	whole, skip := p.filter.all(), 0
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
		case !p.filter.matches(d):
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

// changeFilter selects changes. Each field is "" for any.
type changeFilter struct {
	text                        string // in lower case
	result, effect, gate, cause string
	facts                       *reconcile.EffectFacts // of the report
}

func filterOf(q url.Values, facts *reconcile.EffectFacts) changeFilter {
	return changeFilter{strings.ToLower(q.Get("q")), q.Get("result"), q.Get("effect"), q.Get("gate"), q.Get("cause"),
		facts}
}

// all reports whether the filter selects all changes.
func (f *changeFilter) all() bool {
	return f.text == "" && f.result == "" && f.effect == "" && f.gate == "" && f.cause == ""
}

// search returns the changes that the filter selects, in their order.
func (f changeFilter) search(changes []reconcile.Done) []*reconcile.Done {
	var found []*reconcile.Done
	for i := range changes {
		if c := &changes[i]; f.matches(c) {
			found = append(found, c)
		}
	}
	return found
}

// matches reports whether the filter selects a change.
func (f *changeFilter) matches(c *reconcile.Done) bool {
	return (f.result == "" || string(c.Result) == f.result) &&
		(f.cause == "" || f.cause == causeOf(c)) &&
		(f.gate == "" || slices.ContainsFunc(c.Held(), func(h reconcile.Hold) bool { return h.Gate == f.gate })) &&
		(f.effect == "" || effectClass(reconcile.EffectOf(c.Change, f.facts)) == f.effect) &&
		(f.text == "" || matches(f.text, c.Name, c.Key, c.MemberName, c.Member, string(c.Kind), c.Reason.Text, c.Error,
			c.Reason.Position))
}

// causeOf is what brought a change: commit, before, drift or date.
func causeOf(c *reconcile.Done) string {
	if c.Cause.Kind == "" && c.Origin == reconcile.Drift {
		return string(reconcile.CauseDrift)
	}
	return string(c.Cause.Kind)
}

// changes serves /api/v1/provisioners/{key}/changes.
func (s *Server) changes(w http.ResponseWriter, r *http.Request) {
	if err := checkFilters(r.URL.Query()); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	out, code, err := s.changesOf(r.Context(), s.State(), r.PathValue("key"), r.URL.Query(), asPlanned, jsonBudget)
	if err != nil {
		fail(w, code, err)
		return
	}
	respond(w, code, out)
}
