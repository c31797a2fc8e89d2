package web

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
)

// collector turns the daemon's state into metrics when it is asked.
type collector struct{ state func() daemon.State }

var (
	lastRun   = prometheus.NewDesc("roster_last_run_timestamp_seconds", "When the last run of a provisioner ended.", []string{"provisioner"}, nil)
	outcome   = prometheus.NewDesc("roster_last_run_outcome", "1 for the outcome of the last run, 0 for the others.", []string{"provisioner", "outcome"}, nil)
	changes   = prometheus.NewDesc("roster_last_run_changes", "Changes of the last run by result.", []string{"provisioner", "result"}, nil)
	seen      = prometheus.NewDesc("roster_directory_seen_timestamp_seconds", "Since when changes made outside would have been seen by the last run.", []string{"provisioner"}, nil)
	polled    = prometheus.NewDesc("roster_last_poll_timestamp_seconds", "When the repository was last asked for its newest commit.", nil, nil)
	pollError = prometheus.NewDesc("roster_poll_failing", "1 while the repository cannot be read.", nil, nil)
	ends      = prometheus.NewDesc("roster_deadline_timestamp_seconds", "When a token, certificate, metadata, pause or approval ends.", []string{"kind", "path"}, nil)
	refused   = prometheus.NewDesc("roster_commit_refused", "1 while the newest commit's declarations are invalid.", nil, nil)
)

func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lastRun, outcome, changes, seen, polled, pollError, refused, ends} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	st := c.state()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if !st.PolledAt.IsZero() {
		gauge(polled, float64(st.PolledAt.Unix()))
	}
	gauge(pollError, one(st.PollError != ""))
	gauge(refused, one(st.InvalidReason != ""))
	for _, e := range st.AllDeadlines {
		gauge(ends, float64(e.EndsAt.Unix()), string(e.Kind), e.Path)
	}
	for key, last := range st.Provisioners {
		if last.Time.IsZero() {
			continue
		}
		gauge(lastRun, float64(last.Time.Unix()), key)
		if last.Report == nil {
			continue
		}
		for _, o := range []reconcile.Outcome{reconcile.RunInSync, reconcile.RunApplied, reconcile.RunHeld, reconcile.RunPartial, reconcile.RunFailed, reconcile.RunInterrupted,
			reconcile.RunNeedsAuthorization} {
			gauge(outcome, one(last.Report.Outcome == o), key, string(o))
		}
		if at := last.Report.ObservedSince(); !at.IsZero() {
			gauge(seen, float64(at.Unix()), key)
		}
		n := last.Report.Counts
		for result, count := range map[reconcile.Result]int{reconcile.ResultDone: n.Done, reconcile.ResultHeld: n.Held, reconcile.ResultFailed: n.Failed,
			reconcile.ResultSkipped: n.Skipped, reconcile.ResultWaiting: n.Waiting, reconcile.ResultUnknown: n.Unknown} {
			gauge(changes, float64(count), key, string(result))
		}
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
