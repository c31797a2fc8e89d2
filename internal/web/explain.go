package web

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// Explainer explains why a user or a group is, or is not, in AWS. kind is "user" or "group"; key is
// a key or a name. provisioner "" means all provisioners. The error is fs.ErrNotExist if nothing
// has this name, and explain.ErrAmbiguous if several users or groups have it.
type Explainer func(ctx context.Context, kind, key, provisioner string) ([]*explain.Explanation, error)

// addExplanations adds the routes of explanations.
func (s *Server) addExplanations(mux *http.ServeMux) {
	if s.Explain == nil {
		return
	}
	for _, kind := range []string{"user", "group"} {
		mux.HandleFunc("GET /api/v1/explain/"+kind+"/{key}", func(w http.ResponseWriter, r *http.Request) {
			s.explainJSON(w, r, kind)
		})
	}
	mux.HandleFunc("GET /explain", s.explainPage)
}

func (s *Server) explainJSON(w http.ResponseWriter, r *http.Request, kind string) {
	out, code := explanations{Version: 1, Notices: s.State().Notices}, http.StatusOK
	var err error
	out.Explanations, err = s.Explain(r.Context(), kind, r.PathValue("key"), r.URL.Query().Get("provisioner"))
	if err != nil {
		out.Error, code = err.Error(), httpStatus(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(out)
}

func httpStatus(err error) int {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, explain.ErrAmbiguous):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// explainData is the input of explainTemplate.
type explainData struct {
	Kind, Key, Error string
	Notices          []string // see daemon.State
	Explanations     []*explain.Explanation
}

// explanations is the response of /api/v1/explain/.
type explanations struct {
	Version int `json:"version"`
	// Notices name the flags that weaken a rule while they are set.
	Notices      []string               `json:"notices,omitempty"`
	Error        string                 `json:"error,omitempty"`
	Explanations []*explain.Explanation `json:"explanations,omitempty"`
}

func (s *Server) explainPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := explainData{Kind: q.Get("kind"), Key: q.Get("key"), Notices: s.State().Notices}
	code := http.StatusOK
	if page.Kind != "group" {
		page.Kind = "user"
	}
	if page.Key != "" {
		var err error
		if page.Explanations, err = s.Explain(r.Context(), page.Kind, page.Key, q.Get("provisioner")); err != nil {
			page.Error, code = err.Error(), httpStatus(err)
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_ = explainTemplate.Execute(w, page)
}

//go:embed explain.html
var explainHTML string

var explainTemplate = template.Must(template.New("explain").Parse(explainHTML))
