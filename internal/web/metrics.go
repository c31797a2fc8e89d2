package web

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
)

// collector converts the daemon's state to metrics at each scrape.
type collector struct {
	state func() daemon.State
	forge func() string // the problem of the forge; nil without a forge
}

var (
	lastRun = prometheus.NewDesc("roster_last_run_timestamp_seconds",
		"Time at which the last run of the provisioner ended.", []string{"provisioner"}, nil)
	outcome = prometheus.NewDesc("roster_last_run_outcome",
		"1 for the outcome of the last run, 0 for all other outcomes.", []string{"provisioner", "outcome"}, nil)
	changes = prometheus.NewDesc("roster_last_run_changes",
		"Number of changes in the last run, by result.", []string{"provisioner", "result"}, nil)
	directoryRead = prometheus.NewDesc("roster_directory_read_timestamp_seconds",
		"Changes made in AWS by others before this time were visible to the last run.", []string{"provisioner"}, nil)
	fullReadCalls = prometheus.NewDesc("roster_full_read_calls",
		"Calls of a full read that the last run made because the cached directory does not count, otherwise 0.",
		[]string{"provisioner"}, nil)
	planMismatches = prometheus.NewDesc("roster_plan_mismatches_total",
		"How often a plan from what changed since the last run was not the plan from everything.",
		[]string{"provisioner"}, nil)
	polled = prometheus.NewDesc("roster_last_poll_timestamp_seconds",
		"Time of the last poll of the repository.", nil, nil)
	pollError = prometheus.NewDesc("roster_poll_failing",
		"1 if the last poll of the repository failed, otherwise 0.", nil, nil)
	deadlineEnds = prometheus.NewDesc("roster_deadline_timestamp_seconds",
		"Time at which a token, certificate, metadata, pause or approval ends.", []string{"kind", "path"}, nil)
	auditTrust = prometheus.NewDesc("roster_audit_trust",
		"1 for the level of trust in the audit branch that the last run found, 0 for all other levels.",
		[]string{"provisioner", "level"}, nil)
	quarantine = prometheus.NewDesc("roster_quarantine",
		"1 if AWS refuses all calls or all writes of the provisioner, so that none is sent; otherwise 0.",
		[]string{"provisioner"}, nil)
	quarantineSince = prometheus.NewDesc("roster_quarantine_since_timestamp_seconds",
		"Time at which the quarantine of the provisioner began.", []string{"provisioner"}, nil)
	quarantineTries = prometheus.NewDesc("roster_quarantine_failed_tries",
		"Number of tries that failed during the quarantine of the provisioner.", []string{"provisioner"}, nil)
	quarantineNext = prometheus.NewDesc("roster_quarantine_next_try_timestamp_seconds",
		"Time of the next try during the quarantine of the provisioner.", []string{"provisioner"}, nil)
	provisionerRole = prometheus.NewDesc("roster_provisioner_role",
		"1 for the role of this process for the provisioner, 0 for the other one: a standby sends nothing.",
		[]string{"provisioner", "role"}, nil)
	forgeFailing = prometheus.NewDesc("roster_forge_failing",
		"1 if the last round of previews failed, for example because the forge refuses the token, or if the forge "+
			"refused the last comment or status; otherwise 0.",
		nil, nil)
	refused = prometheus.NewDesc("roster_commit_refused",
		"1 if the newest commit is refused because its declarations are invalid, otherwise 0.", nil, nil)
)

// outcomes are the values of the label "outcome".
var outcomes = []reconcile.Outcome{
	reconcile.RunInSync, reconcile.RunApplied, reconcile.RunWaiting, reconcile.RunHeld, reconcile.RunPartial,
	reconcile.RunFailed, reconcile.RunInterrupted, reconcile.RunNeedsAuthorization,
}

func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lastRun, outcome, changes, directoryRead, fullReadCalls, polled, pollError, refused, deadlineEnds, auditTrust,
		provisionerRole, quarantine, quarantineSince, quarantineTries, quarantineNext, forgeFailing,
		planMismatches,
	} {
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
	gauge(pollError, boolValue(st.PollError != ""))
	gauge(refused, boolValue(st.InvalidReason != ""))
	if c.forge != nil {
		gauge(forgeFailing, boolValue(c.forge() != ""))
	}
	for _, e := range st.AllDeadlines {
		if e.Personal() {
			continue
		}
		gauge(deadlineEnds, float64(e.EndsAt.Unix()), string(e.Kind), e.Path)
	}
	for key, last := range st.Provisioners {
		for _, role := range daemon.Roles {
			gauge(provisionerRole, boolValue(last.Role == role), key, string(role))
		}
		if last.Quarantine != nil || !last.Time.IsZero() {
			gauge(quarantine, boolValue(last.Quarantine != nil), key)
		}
		if q := last.Quarantine; q != nil {
			gauge(quarantineSince, float64(q.Since.Unix()), key)
			gauge(quarantineTries, float64(q.Tries), key)
			gauge(quarantineNext, float64(q.NextTry.Unix()), key)
		}
		if last.Time.IsZero() {
			continue
		}
		gauge(lastRun, float64(last.Time.Unix()), key)
		ch <- prometheus.MustNewConstMetric(planMismatches, prometheus.CounterValue, float64(last.PlanMismatches), key)
		if last.Report == nil {
			continue
		}
		for _, o := range outcomes {
			gauge(outcome, boolValue(last.Report.Outcome == o), key, string(o))
		}
		if at := last.Report.ObservedSince(); !at.IsZero() {
			gauge(directoryRead, float64(at.Unix()), key)
		}
		calls := 0
		if full := last.Report.FullRead; full != nil {
			calls = full.Calls
		}
		gauge(fullReadCalls, float64(calls), key)
		if a := last.Report.Audit; a != nil {
			for _, level := range reconcile.TrustLevels {
				gauge(auditTrust, boolValue(a.Level == level), key, string(level))
			}
		}
		n := last.Report.Counts
		for result, count := range map[reconcile.Result]int{
			reconcile.ResultDone: n.Done, reconcile.ResultHeld: n.Held, reconcile.ResultFailed: n.Failed,
			reconcile.ResultSkipped: n.Skipped, reconcile.ResultWaiting: n.Waiting, reconcile.ResultUnknown: n.Unknown,
		} {
			gauge(changes, float64(count), key, string(result))
		}
	}
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
