package web

import (
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// Explainer answers why a user or group ("user", "group") is in AWS as it is, for one provisioner or, with "", for all: fs.ErrNotExist when
// nobody is named so, explain.ErrAmbiguous when several are.
type Explainer func(ctx context.Context, kind, word, provisioner string) ([]*explain.Explanation, error)

// explains adds the routes of an explainer.
func (s *Surface) explains(mux *http.ServeMux) {
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

func (s *Surface) explainJSON(w http.ResponseWriter, r *http.Request, kind string) {
	answers, err := s.Explain(r.Context(), kind, r.PathValue("key"), r.URL.Query().Get("provisioner"))
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err != nil {
		w.WriteHeader(statusOf(err))
		_ = e.Encode(map[string]any{"version": 1, "error": err.Error()})
		return
	}
	_ = e.Encode(map[string]any{"version": 1, "explanations": answers})
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, explain.ErrAmbiguous):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// asked is what the page of explanations shows.
type asked struct {
	Kind, Key, Error string
	Answers          []*explain.Explanation
}

func (s *Surface) explainPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := asked{Kind: q.Get("kind"), Key: q.Get("key")}
	code := http.StatusOK
	if page.Kind != "group" {
		page.Kind = "user"
	}
	if page.Key != "" {
		var err error
		if page.Answers, err = s.Explain(r.Context(), page.Kind, page.Key, q.Get("provisioner")); err != nil {
			page.Error, code = err.Error(), statusOf(err)
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	w.WriteHeader(code)
	_ = explained.Execute(w, page)
}

var explained = template.Must(template.New("explain").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>roster: why?</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2430; background: #fff }
small { color: #5a6475 } .bad { color: #a11; font-weight: 600 } .answer { font-size: 1.15rem; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #e6e9ef; background: #14181f } small { color: #9aa5b5 } .bad { color: #f88 } }
</style></head><body>
<p><a href="/">roster</a></p><h1>Why?</h1>
<form action="/explain"><label>Kind <select name="kind"><option{{if eq .Kind "user"}} selected{{end}}>user</option><option{{if eq .Kind "group"}} selected{{end}}>group</option></select></label>
<label>Key or name <input name="key" value="{{.Key}}" required></label> <button>Explain</button></form>
{{with .Error}}<p class="bad">{{.}}</p>{{end}}
{{range .Answers}}<h2>{{.Provisioner}}</h2><p class="answer">{{.Answer}}</p>
<p><small>commit {{printf "%.7s" .Commit.ID}}; dates evaluated at {{.EvaluatedAt.Format "2006-01-02 15:04:05Z07:00"}}</small></p>
{{range .Notes}}<p>{{.}}</p>{{end}}
{{range .Sections}}<h3>{{.Title}}</h3><ul>{{range .Facts}}<li>{{.String}}{{with .Where}} <small>{{.}}</small>{{end}}</li>{{end}}</ul>{{end}}{{end}}
</body></html>
`))
