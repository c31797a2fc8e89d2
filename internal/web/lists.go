package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// HeldPage is a page of the groups of held changes of a provisioner's last run.
type HeldPage struct {
	Version     int    `json:"version"`
	Provisioner string `json:"provisioner"`
	Run         string `json:"run"`
	// Held are the groups that an approval can release. If there are several, the last one of the
	// last page has all held changes.
	Held  []render.HeldSet `json:"held"`
	Total int              `json:"total"`
	// Next is the cursor of the next page; empty on the last page. It ends with the run.
	Next string `json:"next,omitempty"`
}

// held serves /api/v1/provisioners/{key}/held.
func (s *Server) held(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	last, q := s.State().Provisioners[key], r.URL.Query()
	if last.Report == nil {
		fail(w, http.StatusNotFound, errNoRun)
		return
	}
	rows, next, ok := listPage(w, q, last.Held, last.Report.Run)
	if ok {
		respond(w, http.StatusOK, HeldPage{Version: 1, Provisioner: key, Run: last.Report.Run, Held: rows,
			Total: len(last.Held), Next: next})
	}
}

// ProblemsPage is a page of what keeps roster from doing all of its work, the gravest kind first.
type ProblemsPage struct {
	Version  int       `json:"version"`
	Problems []Problem `json:"problems"`
	Total    int       `json:"total"`
	// Next is the cursor of the next page; empty on the last page. It ends when the number of
	// problems changes.
	Next string `json:"next,omitempty"`
}

// problems serves /api/v1/problems.
func (s *Server) problems(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	all := s.allProblems(&st)
	rows, next, ok := listPage(w, r.URL.Query(), all, fmt.Sprint("problems ", len(all)))
	if ok {
		respond(w, http.StatusOK, ProblemsPage{Version: 1, Problems: rows, Total: len(all), Next: next})
	}
}

// listPage returns the page of a list that a request asks for, and the cursor of the next page.
// base is what the list belongs to. If the request is invalid, ok is false and w has the response.
func listPage[T any](w http.ResponseWriter, q url.Values, list []T, base string) (rows []T, next string, ok bool) {
	limit, err := limitOf(q)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return nil, "", false
	}
	offset, err := offsetOf(q.Get("cursor"), base)
	if err != nil {
		fail(w, http.StatusGone, err)
		return nil, "", false
	}
	rows, following := paged(len(list), offset, limit, jsonBudget, func(i int) T { return list[i] })
	return rows, cursorOf(following, base), true
}

// filterValues are the values of the filters of changes.
var filterValues = map[string][]string{
	"result": slices.Sorted(func(yield func(string) bool) {
		for result := range resultStates {
			if !yield(string(result)) {
				return
			}
		}
	}),
	"effect": slices.Sorted(maps.Keys(styles)),
	"cause": {string(reconcile.CauseBefore), string(reconcile.CauseCommit), string(reconcile.CauseDate),
		string(reconcile.CauseDrift)},
}

// checkFilters returns an error for a filter of changes that never matches.
func checkFilters(q url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(filterValues)) {
		if value := q.Get(name); value != "" && !slices.Contains(filterValues[name], value) {
			return fmt.Errorf("%s is %q; want one of: %s", name, cutText(value, 100),
				strings.Join(filterValues[name], ", "))
		}
	}
	return nil
}

// smallReport returns a report without what other responses have: the changes, and what describes
// them. It has at most half of the bytes of a row.
func smallReport(r *reconcile.Report) *reconcile.Report {
	if r == nil {
		return nil
	}
	report := *r
	report.Changes, report.Parts, report.Index, report.Facts = []reconcile.Done{}, nil, nil, nil
	report, _ = cutTo(maxRow/2, report)
	return &report
}

// smallRun returns a run with a small report, and at most maxGroups groups of held changes.
func smallRun(last daemon.LastRun) daemon.LastRun {
	last.Held, last.Report = listed(last.Held), smallReport(last.Report)
	return last
}
