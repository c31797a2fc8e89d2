// Package metrics counts what the daemon does: calls to AWS, runs, changes, polls and webhooks.
// What the daemon knows at a moment, such as held changes, are metrics of package web.
//
// Names follow the conventions of Prometheus: https://prometheus.io/docs/practices/naming/.
package metrics

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim"
)

// Metrics are the counters of a daemon. The methods may be called concurrently. A nil *Metrics
// counts nothing.
type Metrics struct {
	calls, retries, throttled, runs, changes, polls, webhooks *prometheus.CounterVec
	callSeconds, runSeconds                                   *prometheus.HistogramVec
	lastSuccess                                               *prometheus.GaugeVec
	build                                                     *prometheus.GaugeVec
}

// New returns metrics with the value 0.
func New(version, goVersion string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		calls: counter("roster_scim_calls_total",
			"Calls to AWS, by the status of the last response; none if there was no response.",
			"provisioner", "operation", "status"),
		retries:   counter("roster_scim_retries_total", "Requests to AWS that repeated an earlier one.", "provisioner"),
		throttled: counter("roster_scim_throttled_total", "Responses of AWS with status 429.", "provisioner"),
		runs:      counter("roster_runs_total", "Runs that ended, by their outcome.", "provisioner", "outcome"),
		changes: counter("roster_changes_total", "Changes of runs, by their kind, origin and result.",
			"provisioner", "kind", "origin", "result"),
		polls: counter("roster_polls_total", "Polls of the repository, by their result: ok or error.", "result"),
		webhooks: counter("roster_webhook_deliveries_total", "Deliveries of webhooks, by the status of the response.",
			"code"),
		callSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "roster_scim_call_duration_seconds",
			Help:    "Duration of calls to AWS, with their retries and pauses.",
			Buckets: []float64{.02, .05, .1, .2, .5, 1, 2, 5, 15, 60}}, []string{"provisioner"}),
		runSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "roster_run_duration_seconds",
			Help: "Duration of runs.", Buckets: []float64{.1, 1, 10, 60, 300, 900, 3600, 14400}},
			[]string{"provisioner"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "roster_last_success_timestamp_seconds",
			Help: "Time at which the provisioner was last as declared, except for changes that wait."},
			[]string{"provisioner"}),
		build: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "roster_build_info",
			Help: "1, with the version of roster."}, []string{"version", "goversion"}),
	}
	m.build.WithLabelValues(version, goVersion).Set(1)
	return m
}

// Collectors returns all metrics, with those of the process and of the Go runtime.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.calls, m.retries, m.throttled, m.runs, m.changes, m.polls, m.webhooks, m.callSeconds, m.runSeconds,
		m.lastSuccess, m.build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}

// AuditBacklog returns the metric of provisioners with reports that are not on the audit branch
// yet.
func AuditBacklog(provisioners func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "roster_audit_unpublished_provisioners",
		Help: "Provisioners with reports on the disk that are not on the audit branch yet."},
		func() float64 { return float64(provisioners()) })
}

// NotificationsWaiting returns the metric of notifications that were not delivered yet.
func NotificationsWaiting(waiting func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "roster_notifications_waiting",
		Help: "Notifications that their receivers did not take yet."}, func() float64 { return float64(waiting()) })
}

// Call counts a finished call to AWS.
func (m *Metrics) Call(provisioner string, c scim.Call) {
	if m == nil {
		return
	}
	status := "none"
	if c.Status != 0 {
		status = fmt.Sprint(c.Status)
	}
	m.calls.WithLabelValues(provisioner, c.Op, status).Inc()
	m.retries.WithLabelValues(provisioner).Add(float64(max(c.Attempts-1, 0)))
	m.throttled.WithLabelValues(provisioner).Add(float64(c.Throttled))
	m.callSeconds.WithLabelValues(provisioner).Observe(c.Duration.Seconds())
}

// Run counts a run that ended. A run without a report has failed.
func (m *Metrics) Run(provisioner string, r *reconcile.Report) {
	if m == nil {
		return
	}
	if r == nil {
		m.runs.WithLabelValues(provisioner, string(reconcile.RunFailed)).Inc()
		return
	}
	m.runs.WithLabelValues(provisioner, string(r.Outcome)).Inc()
	m.runSeconds.WithLabelValues(provisioner).Observe(r.Finished.Sub(r.Started).Seconds())
	for i := range r.Changes {
		c := &r.Changes[i]
		m.changes.WithLabelValues(provisioner, string(c.Kind), string(c.Origin), string(c.Result)).Inc()
	}
	switch r.Outcome {
	case reconcile.RunInSync, reconcile.RunApplied, reconcile.RunWaiting:
		m.lastSuccess.WithLabelValues(provisioner).Set(seconds(r.Finished))
	}
}

// Poll counts a poll of the repository.
func (m *Metrics) Poll(err error) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.polls.WithLabelValues(result).Inc()
}

// CountWebhooks returns a handler that counts the deliveries of webhooks to next.
func (m *Metrics) CountWebhooks(next http.Handler) http.Handler {
	return promhttp.InstrumentHandlerCounter(m.webhooks, next)
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
