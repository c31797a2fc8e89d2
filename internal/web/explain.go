package web

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// Explainer explains why a user or a group is, or is not, in AWS. kind is "user" or "group"; key is
// a key or a name. provisioner "" means all provisioners. The error is fs.ErrNotExist if nothing
// has this name, and explain.ErrAmbiguous if several users or groups have it.
type Explainer func(ctx context.Context, kind, key, provisioner string) ([]*explain.Explanation, error)

// addExplanations adds the routes of explanations.
func (s *Server) addExplanations(mux *router) {
	if s.Explain == nil {
		return
	}
	s.explaining = make(chan struct{}, maxExplanations)
	for _, kind := range []string{"user", "group"} {
		mux.HandleFunc("GET /api/v1/explain/"+kind+"/{key}", func(w http.ResponseWriter, r *http.Request) {
			s.explainJSON(w, r, kind)
		})
	}
}

func (s *Server) explainJSON(w http.ResponseWriter, r *http.Request, kind string) {
	out, code := s.explanationsFor(r, kind, r.PathValue("key"), jsonBudget)
	respond(w, code, out)
}

// explanationsFor returns a page of the explanations that a request asks for.
func (s *Server) explanationsFor(r *http.Request, kind, key string, budget int) (out explanations, code int) {
	q := r.URL.Query()
	out = explanations{Version: 1, Notices: s.State().Notices}
	limit, err := limitOf(q)
	if err != nil {
		out.Error = err.Error()
		return out, http.StatusBadRequest
	}
	all, err := s.explain(r.Context(), kind, key, q.Get("provisioner"))
	if err != nil {
		out.Error = cutText(err.Error(), 4000)
		return out, httpStatus(err)
	}
	offset, err := offsetOf(q.Get("cursor"), baseOf(all))
	if err != nil {
		out.Error = err.Error()
		return out, http.StatusGone
	}
	var next int
	out.Explanations, out.FactsTotal, next = pageOfFacts(all, offset, limit, budget)
	out.Next = cursorOf(next, baseOf(all))
	return out, http.StatusOK
}

// An explanation may compute the desired state of all users, so only few of them are made at a
// time. The others wait, but not longer than a response may take.
const (
	maxExplanations = 2
	explanationWait = 20 * time.Second
)

// errBusy is the error for an explanation that had to wait too long.
var errBusy = errors.New("too many explanations are being made: try again in a minute")

// explain calls Explain, for at most maxExplanations requests at a time.
func (s *Server) explain(ctx context.Context, kind, key, provisioner string) ([]*explain.Explanation, error) {
	wait, cancel := context.WithTimeout(ctx, explanationWait)
	defer cancel()
	select {
	case s.explaining <- struct{}{}:
	case <-wait.Done():
		return nil, errBusy
	}
	defer func() { <-s.explaining }()
	return s.Explain(ctx, kind, key, provisioner)
}

// baseOf is what the facts of explanations belong to: the commit.
func baseOf(all []*explain.Explanation) string {
	if len(all) == 0 {
		return ""
	}
	return all[0].Commit.ID
}

// factAt is a fact, with the position of its explanation.
type factAt struct {
	Explanation int
	Fact        explain.Fact
}

// pageOfFacts returns the explanations of a page of facts, each with its facts on that page. An
// explanation without facts is one row.
func pageOfFacts(all []*explain.Explanation, offset, limit, budget int) (
	out []*explain.Explanation, total, next int,
) {
	type position struct{ explanation, fact int }
	var positions []position
	for i, e := range all {
		for j := range max(1, len(e.Facts)) {
			positions = append(positions, position{i, j})
		}
	}
	rows, next := paged(len(positions), offset, limit, budget, func(i int) factAt {
		p := positions[i]
		if e := all[p.explanation]; p.fact < len(e.Facts) {
			return factAt{p.explanation, e.Facts[p.fact]}
		}
		return factAt{Explanation: p.explanation}
	})
	last := -1
	for _, r := range rows {
		whole := all[r.Explanation]
		if r.Explanation != last {
			head := *whole
			head.Facts = []explain.Fact{}
			head, _ = row(head)
			out, last = append(out, &head), r.Explanation
		}
		if len(whole.Facts) > 0 {
			e := out[len(out)-1]
			e.Facts = append(e.Facts, r.Fact)
		}
	}
	return out, len(positions), next
}

func httpStatus(err error) int {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, explain.ErrAmbiguous):
		return http.StatusConflict
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// explanations is the response of /api/v1/explain/.
type explanations struct {
	Version int `json:"version"`
	// Notices name the flags that weaken a rule while they are set.
	Notices      []string               `json:"notices,omitempty"`
	Error        string                 `json:"error,omitempty"`
	Explanations []*explain.Explanation `json:"explanations,omitempty"`
	// FactsTotal is the number of facts on all pages.
	FactsTotal int `json:"factsTotal,omitempty"`
	// Next is the cursor of the next page of facts; empty on the last page. It ends with the
	// commit.
	Next string `json:"next,omitempty"`
}
