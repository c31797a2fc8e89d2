// Package web is the HTTP server of the daemon: health, metrics, a JSON API and pages. It renders
// the daemon's state and makes no decisions.
package web

import (
	"context"
	_ "embed" // the description of the API
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/webauth"
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
	// NotificationProblems, if set, returns which receivers take no notifications.
	NotificationProblems func() []string
	// Metrics are further metrics to serve.
	Metrics []prometheus.Collector
	// Poll, if set, makes the daemon poll the repository and the forge. It must not block.
	Poll func()
	// Operations, if set, lists the runs of the daemon.
	Operations Operations
	// Sync, if set, asks for a run of a provisioner. by is the caller. The error is fs.ErrNotExist,
	// or daemon.ErrStandby.
	Sync func(provisioner, by string) (operation.Operation, error)
	// Access limits who may use the server.
	Access Access
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	streams    chan struct{} // has an element for each caller who follows the operations
	reading    chan struct{} // has an element for each page of changes that is read from parts
	explaining chan struct{} // has an element for each explanation that is being made
}

// Handler returns the routes of the server. Whatever they write, responses are text.
func (s *Server) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s.State, s.ForgeProblem})
	for _, c := range s.Metrics {
		registry.MustRegister(c)
	}
	s.reading = make(chan struct{}, maxReadings)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/status", s.status)
	mux.HandleFunc("GET /api/v1/deadlines", s.deadlines)
	mux.HandleFunc("GET /api/v1/provisioners/{key}/changes", s.changes)
	mux.HandleFunc("GET /api/v1/openapi.json", openAPI)
	if s.Metadata != nil {
		mux.Handle("GET /saml/{app}/{domain}/metadata.xml", s.Metadata)
	}
	s.addPages(mux)
	s.addExplanations(mux)
	s.streams = make(chan struct{}, maxStreams)
	s.addOperations(mux)
	if s.Webhooks != nil {
		mux.Handle("/webhooks/", s.Webhooks)
	}
	if s.Poll != nil {
		mux.HandleFunc("POST /api/v1/poll", s.poll)
	}
	if s.Access.Authenticator != nil {
		s.Access.Authenticator.Routes(mux)
	}
	return output.Handler(s.Access.limit(mux))
}

func (s *Server) poll(w http.ResponseWriter, _ *http.Request) {
	s.Poll()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte("{\"version\": 1}\n"))
}

// ready responds with 200 as soon as there is a valid commit, unless an audit branch is broken. It
// says that a newer commit is refused, and which provisioners are in quarantine. All of this, and
// the reasons, are only for callers who may read.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	broken, mayRead := notReady(st), callerOf(r.Context()).Role >= webauth.RoleRead
	switch {
	case len(broken) > 0 && mayRead:
		http.Error(w, strings.Join(broken, "\n"), http.StatusServiceUnavailable)
		return
	case len(broken) > 0:
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
	if !mayRead {
		return
	}
	if st.InvalidReason != "" {
		_, _ = w.Write([]byte("the newest commit is refused; the last valid commit stays in force\n"))
	}
	if s.ForgeProblem != nil {
		if problem := s.ForgeProblem(); problem != "" {
			_, _ = fmt.Fprintf(w, "previews and outcomes are not posted: %s\n", cutText(problem, 500))
		}
	}
	if s.NotificationProblems != nil {
		for _, problem := range s.NotificationProblems() {
			_, _ = fmt.Fprintln(w, cutText(problem, 500))
		}
	}
	_, _ = w.Write([]byte(roles(st) + quarantines(st)))
}

// roles returns a line with the role of the process, and one for each provisioner that another
// process runs, at most a page of them. The process is a standby if it runs no provisioner.
func roles(st daemon.State) string {
	var b strings.Builder
	standbys := 0
	for _, key := range slices.Sorted(maps.Keys(st.Provisioners)) {
		last := st.Provisioners[key]
		if last.Role != daemon.Standby {
			continue
		}
		if standbys++; standbys <= maxRows {
			fmt.Fprintf(&b, "standby for provisioner %s: %s\n", key, cutText(last.Holder.String(), 500))
		}
	}
	role := daemon.Active
	if standbys > 0 && standbys == len(st.Provisioners) {
		role = daemon.Standby
	}
	return "role: " + string(role) + "\n" + b.String()
}

// quarantines returns a line for each provisioner in quarantine, at most a page of them.
func quarantines(st daemon.State) string {
	var b strings.Builder
	n := 0
	for _, key := range slices.Sorted(maps.Keys(st.Provisioners)) {
		if q := st.Provisioners[key].Quarantine; q != nil && n < maxRows {
			fmt.Fprintf(&b, "provisioner %s is %s\n", key, cutText(q.String(), 2000))
			n++
		}
	}
	return b.String()
}

// notReady returns the reasons why a daemon is not ready.
func notReady(st daemon.State) []string {
	if st.ValidCommit.ID == "" {
		return []string{"no valid commit yet"}
	}
	var broken []string
	for _, key := range slices.Sorted(maps.Keys(st.Provisioners)) {
		if last := st.Provisioners[key]; last.Report != nil && last.Report.Audit.Holds() {
			broken = append(broken, "audit branch broken: "+key)
		}
	}
	return broken
}

//go:embed openapi.json
var openAPIDocument []byte

// openAPI serves the description of the API.
func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument)
}
