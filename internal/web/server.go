// Package web is the HTTP server of the daemon: health, metrics, a JSON API and pages. It renders
// the daemon's state and makes no decisions.
package web

import (
	"context"
	_ "embed" // the description of the API
	"iter"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/metrics"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
)

// Server serves the state of a daemon.
type Server struct {
	State func() daemon.State
	// Changes yields the changes of a report with parts, without the first skip.
	Changes func(ctx context.Context, r *reconcile.Report, skip int) iter.Seq2[*reconcile.Done, error]
	// Explain, if set, serves explanations.
	Explain Explainer
	// Webhooks, if set, serves /webhooks/. It must authenticate requests.
	Webhooks http.Handler
	// Metadata, if set, serves the SAML metadata of apps.
	Metadata MetadataFunc
	// ForgeProblem, if set, returns why previews and outcomes cannot be posted; "" if they can.
	ForgeProblem func() string
	// Pulls, if set, returns the open pull requests with their previews. known is false if this
	// process has not listed them.
	Pulls func() (list []preview.Pull, known bool)
	// NotificationProblems, if set, returns which receivers take no notifications.
	NotificationProblems func() []string
	// Metrics are further metrics to serve.
	Metrics []prometheus.Collector
	// Poll, if set, makes the daemon poll the repository and the forge. It must not block.
	Poll func()
	// NewFile, if set, returns the file that adds an approval of a digest, and the address of the
	// page of the forge that adds it to the branch.
	NewFile func(digest string) (address, content string)
	// History, if set, has what the last reports say.
	History History
	// Calls, if set, returns the calls to AWS of a provisioner by hour, and the time of the first
	// one that was counted.
	Calls func(provisioner string) (hours []metrics.Hour, since time.Time)
	// Apps, if set, lists the apps of the newest valid commit.
	Apps func(ctx context.Context) ([]App, error)
	// Operations, if set, lists the runs of the daemon.
	Operations Operations
	// Sync, if set, asks for a run of a provisioner. by is the caller. The error is fs.ErrNotExist,
	// or daemon.ErrStandby.
	Sync func(provisioner, by string) (operation.Operation, error)
	// Access limits who may use the server.
	Access Access
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	acted      *idempotencyKeys
	streams    chan struct{} // has an element for each caller who follows the operations
	reading    chan struct{} // has an element for each page of changes that is read from parts
	explaining chan struct{} // has an element for each explanation that is being made
}

// Handler returns the routes of the server. Whatever they write, responses are text.
func (s *Server) Handler() http.Handler {
	return output.Handler(s.Access.logAct(s.Access.limit(s.routes())))
}

// routes returns the routes of the server, without the checks of access.
func (s *Server) routes() *router {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s.State, s.ForgeProblem})
	for _, c := range s.Metrics {
		registry.MustRegister(c)
	}
	s.reading = make(chan struct{}, maxReadings)
	mux := newRouter()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/status", s.status)
	mux.HandleFunc("GET /api/v1/deadlines", s.deadlines)
	mux.HandleFunc("GET /api/v1/provisioners/{key}/changes", s.changes)
	mux.HandleFunc("GET /api/v1/provisioners/{key}/held", s.held)
	mux.HandleFunc("GET /api/v1/problems", s.problems)
	mux.HandleFunc("GET /api/v1/openapi.json", openAPI)
	if s.Metadata != nil {
		mux.Handle("GET /saml/{app}/{domain}/metadata.xml", s.Metadata)
	}
	s.addPages(mux)
	s.addExplanations(mux)
	s.streams = make(chan struct{}, maxStreams)
	s.acted = &idempotencyKeys{now: s.now}
	s.addOperations(mux)
	if s.Webhooks != nil {
		mux.Handle("/webhooks/", s.Webhooks)
	}
	if s.Poll != nil {
		mux.HandleFunc("POST /api/v1/poll", s.acted.once(s.poll))
	}
	if s.Access.Authenticator != nil {
		s.Access.Authenticator.Routes(mux)
	}
	return mux
}

func (s *Server) poll(w http.ResponseWriter, _ *http.Request) {
	s.Poll()
	respond(w, http.StatusAccepted, accepted{Version: 1})
}

// accepted is the response to an act that has no result.
type accepted struct {
	Version int `json:"version"`
}

//go:embed openapi.json
var openAPIDocument []byte

// openAPI serves the description of the API.
func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument)
}
