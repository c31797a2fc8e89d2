package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// exampleState is the state of a daemon with runs, a refused commit and a repository that cannot be
// read.
func exampleState() daemon.State {
	valid := reconcile.CommitRef{ID: "0123456789abcdef", Subject: "<script>alert(1)</script>",
		Author: "Eve <eve@example.com>"}
	return daemon.State{NewestCommit: reconcile.CommitRef{ID: "ffff"}, ValidCommit: valid,
		InvalidReason: "groups/a.cue:1:1: R2001: <b>no such user</b>", PolledAt: noon,
		PollError: "fetch: no route", Provisioners: map[string]daemon.LastRun{
			"aws": {Report: &reconcile.Report{Outcome: reconcile.RunPartial, Digest: "sha256:x", Started: noon,
				CachedRead: &reconcile.CachedRead{OldestRead: noon.Add(-time.Hour)},
				Counts:     reconcile.Counts{Done: 3, Failed: 2, Held: 1}}, Time: noon},
			"fails": {Error: "list users: 401 <i>", Time: noon},
			"new":   {},
		}}
}

func get(t *testing.T, state daemon.State, method, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	(&Server{State: func() daemon.State { return state }}).Handler().ServeHTTP(w,
		httptest.NewRequest(method, path, nil))
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStatuses(t *testing.T) {
	for _, test := range []struct {
		name, method, path string
		state              daemon.State
		want               int
	}{
		{"healthy before the first poll", "GET", "/healthz", daemon.State{}, 200},
		{"not ready before a valid commit", "GET", "/readyz",
			daemon.State{NewestCommit: reconcile.CommitRef{ID: "ff"}, InvalidReason: "bad"}, 503},
		{"ready while a newer commit is refused", "GET", "/readyz", exampleState(), 200},
		{"not ready while an audit branch is broken", "GET", "/readyz", brokenState(false), 503},
		{"ready once an approval released the audit branch", "GET", "/readyz", brokenState(true), 200},
		{"other paths do not exist", "GET", "/etc/passwd", exampleState(), 404},
		{"pages reject POST", "POST", "/", exampleState(), 405},
		{"the status rejects POST", "POST", "/api/v1/status", exampleState(), 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := get(t, test.state, test.method, test.path); r.StatusCode != test.want {
				t.Errorf("%s %s: %s; want %d", test.method, test.path, r.Status, test.want)
			}
		})
	}
}

// brokenState is a state in which the audit branch of a provisioner is broken.
func brokenState(released bool) daemon.State {
	state := exampleState()
	report := *state.Provisioners["aws"].Report
	report.Audit = &reconcile.AuditSummary{Level: reconcile.TrustBroken, Reason: "the branch is <gone>",
		Break: reconcile.GoneBranch, Released: released}
	state.Provisioners["aws"] = daemon.LastRun{Report: &report, Time: noon}
	return state
}

func TestABrokenAuditBranchIsShown(t *testing.T) {
	for path, text := range map[string]string{
		"/readyz":        "audit branch broken: aws",
		"/metrics":       `roster_audit_trust{level="broken",provisioner="aws"} 1`,
		"/":              "audit branch: broken: the branch is &lt;gone&gt;",
		"/api/v1/status": `"level": "broken"`,
	} {
		if out := body(t, get(t, brokenState(false), "GET", path)); !strings.Contains(out, text) {
			t.Errorf("%s does not contain %q:\n%s", path, text, out)
		}
	}
	if out := body(t, get(t, brokenState(false), "GET", "/metrics")); !strings.Contains(out,
		`roster_audit_trust{level="proved",provisioner="aws"} 0`) {
		t.Errorf("the metrics are\n%s", out)
	}
}

func TestMetrics(t *testing.T) {
	out := body(t, get(t, exampleState(), "GET", "/metrics"))
	for _, line := range []string{
		`roster_last_run_outcome{outcome="partial",provisioner="aws"} 1`,
		`roster_last_run_outcome{outcome="in sync",provisioner="aws"} 0`,
		`roster_last_run_outcome{outcome="waiting",provisioner="aws"} 0`,
		`roster_last_run_changes{provisioner="aws",result="done"} 3`,
		`roster_last_run_changes{provisioner="aws",result="failed"} 2`,
		`roster_last_run_changes{provisioner="aws",result="unknown"} 0`,
		`roster_last_run_timestamp_seconds{provisioner="fails"} 1.7954352e+09`,
		`roster_directory_read_timestamp_seconds{provisioner="aws"} 1.7954316e+09`,
		`roster_last_poll_timestamp_seconds 1.7954352e+09`,
		"roster_poll_failing 1",
		"roster_commit_refused 1",
	} {
		if !strings.Contains(out, "\n"+line+"\n") && !strings.Contains(out, "\n"+line+"\r\n") {
			t.Errorf("missing metric %s", line)
		}
	}
	for _, text := range []string{`provisioner="new"`, `outcome="partial",provisioner="fails"`} {
		if strings.Contains(out, text) {
			t.Errorf("unexpected metric with %s", text)
		}
	}
	if out := body(t, get(t, daemon.State{}, "GET", "/metrics")); strings.Contains(out, "roster_last_poll") ||
		!strings.Contains(out, "roster_poll_failing 0") {
		t.Errorf("before the first poll the metrics are\n%s", out)
	}
}

func TestPageEscapesText(t *testing.T) {
	r := get(t, exampleState(), "GET", "/")
	if policy := r.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("the page's content security policy is %q", policy)
	}
	out := body(t, r)
	for _, text := range []string{"0123456", "&lt;script&gt;", "&lt;b&gt;no such user", "fetch: no route",
		"<td>partial</td><td>3</td><td>1</td><td>2</td>", "401 &lt;i&gt;",
		"none yet", "2026-11-23 12:00:00Z"} {
		if !strings.Contains(out, text) {
			t.Errorf("the page does not contain %q", text)
		}
	}
	for _, text := range []string{"<script", "<b>", "<i>"} {
		if strings.Contains(out, text) {
			t.Errorf("the page contains %q", text)
		}
	}
}

func TestStatusReturnsTheState(t *testing.T) {
	var have daemon.State
	r := get(t, exampleState(), "GET", "/api/v1/status")
	if err := json.NewDecoder(r.Body).Decode(&have); err != nil {
		t.Fatal(err)
	}
	want := exampleState()
	if have.ValidCommit != want.ValidCommit || have.InvalidReason != want.InvalidReason ||
		have.Provisioners["aws"].Report.Outcome != reconcile.RunPartial || have.Provisioners["fails"].Error == "" {
		t.Errorf("the status is %+v; want %+v", have, want)
	}
}

func TestWebhooksAreServedOnlyIfConfigured(t *testing.T) {
	request := func(s *Server) int {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/webhooks/gitea", nil))
		return w.Code
	}
	state := func() daemon.State { return daemon.State{} }
	webhooks := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	if without, with := request(&Server{State: state}),
		request(&Server{State: state, Webhooks: webhooks}); without != 404 && without != 405 || with != 202 {
		t.Errorf("without webhooks %d, with them %d", without, with)
	}
}

func TestDeadlinesAreInPageMetricsAndStatus(t *testing.T) {
	st := exampleState()
	token := deadline.Deadline{Kind: deadline.Token, Subject: `provisioner "aws"`,
		Path: `provisioners."aws".tokenExpires`, EndsAt: noon.AddDate(0, 0, 5), Consequence: "no user is added"}
	st.DueDeadlines, st.AllDeadlines = []deadline.Deadline{token}, []deadline.Deadline{token}
	if out := body(t, get(t, st, "GET", "/")); !strings.Contains(out,
		"the SCIM token of provisioner &#34;aws&#34; ends in 5 days") {
		t.Errorf("the page is\n%s", out)
	}
	labels := `{kind="SCIM token",path="provisioners.\"aws\".tokenExpires"}`
	want := fmt.Sprintf("roster_deadline_timestamp_seconds%s %g", labels, float64(token.EndsAt.Unix()))
	if out := body(t, get(t, st, "GET", "/metrics")); !strings.Contains(out, want) {
		t.Errorf("the metrics are\n%s\nwant %s", out, want)
	}
	if out := body(t, get(t, st, "GET", "/api/v1/status")); !strings.Contains(out,
		`"consequence": "no user is added"`) {
		t.Errorf("the status is\n%s", out)
	}
}
