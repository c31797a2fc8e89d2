package web

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
)

// Status is the daemon's state with at most 100 provisioners, and at most 100 deadlines. Reports
// are without their changes, and long lists and texts are cut: the other paths have all of them.
type Status struct {
	daemon.State
	// ProvisionersTotal is the number of provisioners on all pages.
	ProvisionersTotal int `json:"provisionersTotal"`
	// DeadlinesTotal is the number of due deadlines. /api/v1/deadlines has all of them.
	DeadlinesTotal int `json:"deadlinesTotal"`
	// Next is the cursor of the next page of provisioners; empty on the last page.
	Next string `json:"next,omitempty"`
}

// statusOf returns a page of a state. after is the key of the provisioner before the page.
func statusOf(st daemon.State, after string, limit, budget int) Status {
	keys := slices.Sorted(maps.Keys(st.Provisioners))
	first := indexAfter(keys, after)
	out := Status{State: st, ProvisionersTotal: len(keys), DeadlinesTotal: len(st.DueDeadlines)}
	rows, next := paged(len(keys), first, limit, budget, func(i int) daemon.LastRun {
		return smallRun(st.Provisioners[keys[i]])
	})
	out.Provisioners = map[string]daemon.LastRun{}
	for i, r := range rows {
		out.Provisioners[keys[first+i]] = r
	}
	if next > 0 {
		out.Next = keys[next-1]
	}
	out.AllDeadlines = nil
	out.DueDeadlines, _ = paged(len(st.DueDeadlines), 0, maxRows, budget/4, func(i int) deadline.Deadline {
		return st.DueDeadlines[i]
	})
	out.Notices, _ = paged(len(st.Notices), 0, maxRows, budget/4, func(i int) string { return st.Notices[i] })
	out.InvalidReason = cutText(st.InvalidReason, budget/16)
	out.PollError = cutText(st.PollError, 2000)
	out.NewestCommit, _ = row(st.NewestCommit)
	out.ValidCommit, _ = row(st.ValidCommit)
	return out
}

// indexAfter returns the index of the first of the sorted keys after one; 0 for "".
func indexAfter(keys []string, after string) int {
	if after == "" {
		return 0
	}
	i, _ := slices.BinarySearch(keys, after+"\x00")
	return i
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	limit, err := limitOf(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	respond(w, http.StatusOK, statusOf(s.State(), r.URL.Query().Get("cursor"), limit, jsonBudget))
}

// Deadlines is a page of the due deadlines, or of all deadlines.
type Deadlines struct {
	Version   int                 `json:"version"`
	Deadlines []deadline.Deadline `json:"deadlines"`
	Total     int                 `json:"total"`
	Next      string              `json:"next,omitempty"`
}

// deadlines serves the due deadlines, or with all=true every deadline.
func (s *Server) deadlines(w http.ResponseWriter, r *http.Request) {
	out, err := deadlinesOf(s.State(), r.URL.Query(), jsonBudget)
	switch {
	case errors.Is(err, errCursor):
		fail(w, http.StatusGone, err)
	case err != nil:
		fail(w, http.StatusBadRequest, err)
	default:
		respond(w, http.StatusOK, out)
	}
}

func deadlinesOf(st daemon.State, q url.Values, budget int) (Deadlines, error) {
	limit, err := limitOf(q)
	if err != nil {
		return Deadlines{}, err
	}
	all, err := allOf(q)
	if err != nil {
		return Deadlines{}, err
	}
	list, base := st.DueDeadlines, st.ValidCommit.ID
	if all {
		list, base = st.AllDeadlines, base+" all"
	}
	offset, err := offsetOf(q.Get("cursor"), base)
	if err != nil {
		return Deadlines{}, err
	}
	out := Deadlines{Version: 1, Total: len(list)}
	var next int
	out.Deadlines, next = paged(len(list), offset, limit, budget, func(i int) deadline.Deadline { return list[i] })
	out.Next = cursorOf(next, base)
	return out, nil
}

// allOf returns whether a request asks for all deadlines.
func allOf(query url.Values) (bool, error) {
	switch value := query.Get("all"); value {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, fmt.Errorf("all is %q; want true or false", value)
	}
}

// matches reports whether one of the texts contains the searched one, in any case.
func matches(search string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(strings.ToLower(text), search)
	})
}
