// Package web is the daemon's HTTP surface: health, metrics, a JSON status and a page. It renders what the daemon knows and decides
// nothing.
package web

import (
	"encoding/json"
	"html/template"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-d64a251c/roster/internal/daemon"
)

// Surface serves what a daemon knows.
type Surface struct {
	State func() daemon.State
	// Explain answers why; nil means that nothing is explained.
	Explain Explainer
	// Webhooks, if set, hears forges below /webhooks/. It checks what it is told itself.
	Webhooks http.Handler
	// Metadata, if set, serves the SAML metadata of apps.
	Metadata MetadataOf
}

// Handler returns the surface's routes.
func (s *Surface) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s.State})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/status", s.status)
	if s.Metadata != nil {
		mux.Handle("GET /saml/{app}/{domain}/metadata.xml", s.Metadata)
	}
	mux.HandleFunc("GET /{$}", s.page)
	s.explains(mux)
	if s.Webhooks != nil {
		mux.Handle("/webhooks/", s.Webhooks)
	}
	return mux
}

// ready answers 200 once a valid commit is known.
func (s *Surface) ready(w http.ResponseWriter, _ *http.Request) {
	st := s.State()
	if st.ValidCommit.ID == "" {
		http.Error(w, "no valid commit yet", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

func (s *Surface) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(s.State()) // a client that has gone away is no concern of ours
}

func (s *Surface) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = overview.Execute(w, s.State())
}

var overview = template.Must(template.New("overview").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>roster</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2430; background: #fff }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .4rem .8rem; border-bottom: 1px solid #d8dde6 }
code { font-size: .9em } .bad { color: #a11; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #e6e9ef; background: #14181f } th, td { border-color: #333c4a } .bad { color: #f88 } }
</style></head><body>
<h1>roster</h1>
<p>Applying <code>{{printf "%.7s" .ValidCommit.ID}}</code> {{.ValidCommit.Subject}}, by {{.ValidCommit.Author}}.</p>
{{with .InvalidReason}}<p class="bad">The newest commit is refused:</p><pre class="bad">{{.}}</pre>{{end}}
{{$now := .PolledAt}}{{range .DueDeadlines}}<p{{if not ($now.Before .EndsAt)}} class="bad"{{end}}>Deadline: {{.Text $now}}.</p>
{{end}}{{with .PollError}}<p class="bad">The repository cannot be read: {{.}}</p>{{end}}
<table><thead><tr><th>Provisioner</th><th>Last run</th><th>Done</th><th>Held</th><th>Failed</th><th>At</th></tr></thead><tbody>
{{range $key, $last := .Provisioners}}<tr><td>{{$key}}</td>
{{with $last.Report}}<td>{{.Outcome}}</td><td>{{.Counts.Done}}</td><td>{{.Counts.Held}}</td><td>{{.Counts.Failed}}</td>{{else}}<td colspan="4">none yet</td>{{end}}
<td>{{if not $last.Time.IsZero}}{{$last.Time.Format "2006-01-02 15:04:05Z07:00"}}{{end}}</td></tr>
{{with $last.Error}}<tr><td colspan="6" class="bad">{{.}}</td></tr>{{end}}{{end}}
</tbody></table></body></html>
`))
