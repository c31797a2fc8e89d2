package web

import (
	"context"
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
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/reconcile/render"
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
	(&Server{State: func() daemon.State { return state }, Now: func() time.Time { return noon }}).Handler().ServeHTTP(w,
		newRequest(method, path))
	return w.Result()
}

// newRequest returns a request to this machine.
func newRequest(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost"
	return r
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
		{"ready while an audit branch is broken", "GET", "/readyz", brokenState(false), 200},
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
		"/readyz":        `"kind": "audit branch"`,
		"/metrics":       `roster_audit_trust{level="broken",provisioner="aws"} 1`,
		"/":              "<p>the branch is &lt;gone&gt;.</p>",
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

// quarantinedState is a state with a provisioner in quarantine.
func quarantinedState() daemon.State {
	state := exampleState()
	state.Provisioners["aws"] = daemon.LastRun{Time: noon, Quarantine: &reconcile.Quarantine{Version: 1,
		Provisioner: "aws", Refused: reconcile.RefusedAll, Reason: "AWS refuses <this> address", Since: noon, Tries: 2,
		NextTry: noon.Add(4 * time.Minute), NotSent: 497}}
	return state
}

func TestAQuarantineIsShown(t *testing.T) {
	for path, texts := range map[string][]string{
		"/readyz": {`"ready": true`, `"role": "active"`, `"kind": "quarantine"`, `"provisioner": "aws"`,
			"in quarantine since 2026-11-23T12:00:00Z: AWS refuses \\u003cthis\\u003e address; 497 changes not sent; " +
				"2 later tries failed; roster sends nothing until it tries again at 2026-11-23T12:04:00Z"},
		"/metrics": {`roster_quarantine{provisioner="aws"} 1`, `roster_quarantine{provisioner="fails"} 0`,
			`roster_quarantine_failed_tries{provisioner="aws"} 2`,
			`roster_quarantine_since_timestamp_seconds{provisioner="aws"} 1.7954352e+09`,
			`roster_quarantine_next_try_timestamp_seconds{provisioner="aws"} 1.79543544e+09`},
		"/": {">quarantine</span>", "AWS refuses &lt;this&gt; address.", "2 later tries failed",
			"<code>roster test aws</code>"},
		"/provisioners/aws": {"aws is in quarantine: nothing is sent", "Next try"},
		"/api/v1/status":    {`"refused": "all calls"`, `"nextTry": "2026-11-23T12:04:00Z"`, `"notSent": 497`},
	} {
		out := body(t, get(t, quarantinedState(), "GET", path))
		for _, text := range texts {
			if !strings.Contains(out, text) || !strings.HasPrefix(out, "HTTP/1.1 200 ") {
				t.Errorf("%s does not contain %q:\n%s", path, text, out)
			}
		}
	}
	for _, path := range []string{"/readyz", "/metrics"} {
		out := body(t, get(t, exampleState(), "GET", path))
		if strings.Contains(out, "in quarantine") || strings.Contains(out, "quarantine_since") {
			t.Errorf("without a quarantine, %s contains\n%s", path, out)
		}
	}
}

// standbyState is a state of a process that runs no provisioner.
func standbyState() daemon.State {
	state := exampleState()
	for key, last := range state.Provisioners {
		last.Role, last.Holder = daemon.Standby, &daemon.LeaseHolder{Host: "<pod>-b"}
		state.Provisioners[key] = last
	}
	return state
}

func TestAStandbySaysThatItIsOne(t *testing.T) {
	state := standbyState()
	state.Provisioners["aws"].Holder.Run, state.Provisioners["aws"].Holder.Until = "r1", noon
	for path, texts := range map[string][]string{
		"/readyz": {`"ready": true`, `"role": "standby"`, `"provisioner": "new"`, `"\u003cpod\u003e-b runs it"`,
			`run r1 on \u003cpod\u003e-b has the lease until 2026-11-23T12:00:00Z, unless`},
		"/metrics": {`roster_provisioner_role{provisioner="aws",role="standby"} 1`,
			`roster_provisioner_role{provisioner="aws",role="active"} 0`},
		"/":                   {">standby</span> &lt;pod&gt;-b runs it"},
		"/provisioners/fails": {"fails is run by another process", "&lt;pod&gt;-b runs it"},
		"/api/v1/status":      {`"role": "standby"`, `"leaseHolder": {`, `"run": "r1"`},
	} {
		out := body(t, get(t, state, "GET", path))
		for _, text := range texts {
			if !strings.Contains(out, text) || !strings.HasPrefix(out, "HTTP/1.1 200 ") {
				t.Errorf("%s does not contain %q:\n%s", path, text, out)
			}
		}
	}
	last := state.Provisioners["aws"]
	last.Role = daemon.Active
	state.Provisioners["aws"] = last
	if out := body(t, get(t, state, "GET", "/readyz")); !strings.Contains(out, `"role": "active"`) {
		t.Errorf("with one provisioner of its own, the process says\n%s", out)
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
	for _, text := range []string{`timestamp_seconds{provisioner="new"`, `outcome="partial",provisioner="fails"`} {
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
		">partial</span> 1 change held", "2 changes failed", "401 &lt;i&gt;", ">not run yet</span>",
		`<time datetime="2026-11-23T12:00:00Z">23 Nov 2026 12:00 UTC</time>`} {
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
		s.Handler().ServeHTTP(w, newRequest("POST", "/webhooks/gitea"))
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

// heldState is a state in which a report holds changes of two commits, and flags are set.
func heldState() daemon.State {
	state := exampleState()
	report := *state.Provisioners["aws"].Report
	report.HeldDigest, report.Counts.Waiting = "sha256:all", 4
	report.Audit = &reconcile.AuditSummary{Level: reconcile.TrustUnproved, Reason: "others wrote to the <branch>"}
	report.Loosened = []reconcile.Loosening{{Field: "limits.updates", Text: "safety gate updates <loosened>"}}
	for i, subject := range []string{"<b>Remove</b> Finance", "Remove Sales"} {
		cause := reconcile.Cause{Kind: reconcile.CauseCommit, Commit: strings.Repeat(fmt.Sprint(i), 40)}
		report.HeldGroups = append(report.HeldGroups, reconcile.HeldGroup{Cause: cause, Subject: subject,
			Author: "Eve <eve@example.com>", Digest: fmt.Sprint("sha256:", i), Changes: 3, Users: 2,
			Gates: []string{"maxRemovals"}})
		report.Changes = append(report.Changes, reconcile.Done{Result: reconcile.ResultHeld, Change: &reconcile.Change{
			Kind: reconcile.DeactivateUser, Key: "u-1",
			Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxRemovals", Reason: "too many"}}}}})
	}
	state.Provisioners["aws"] = daemon.LastRun{Report: &report, Held: render.HeldSets(&report), Time: noon}
	state.Notices = []string{"--allow-self-approval is set", "--trust-commit-authors is set"}
	return state
}

func TestHeldChangesHaveTheCommandThatApprovesThem(t *testing.T) {
	page := body(t, get(t, heldState(), "GET", "/"))
	for _, text := range []string{
		"commit 0000000 &lt;b&gt;Remove&lt;/b&gt; Finance<small>by Eve &lt;eve@example.com&gt;</small>",
		`result=held">3</a><small>of 2 users</small>`, `<span class="gate">maxRemovals</span>`,
		"<code>roster approve sha256:0 --reason &#34;...&#34;</code>",
		"<code>roster approve sha256:1 --reason &#34;...&#34;</code>",
		"all of these changes", `result=held">6</a>`, "<code>roster approve sha256:all --reason &#34;...&#34;</code>",
		"safety gate updates &lt;loosened&gt;", "others wrote to the &lt;branch&gt;",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %q:\n%s", text, page)
		}
	}
	var have daemon.State
	if err := json.NewDecoder(get(t, heldState(), "GET", "/api/v1/status").Body).Decode(&have); err != nil {
		t.Fatal(err)
	}
	held := have.Provisioners["aws"].Held
	if len(held) != 3 || held[0].Approve != `roster approve sha256:0 --reason "..."` || held[2].Changes != 6 {
		t.Errorf("the status has %+v", held)
	}
}

func TestNothingThatNoApprovalReleasesHasACommand(t *testing.T) {
	state := heldState()
	report := *state.Provisioners["aws"].Report
	for i := range report.Changes {
		report.Changes[i].Decision = &reconcile.Decision{
			Held: []reconcile.Hold{{Gate: "contradicted", Reason: "no", NotApprovable: true}}}
	}
	if sets := render.HeldSets(&report); len(sets) > 0 {
		t.Errorf("there are %+v", sets)
	}
}

func TestManyHeldGroupsAreCounted(t *testing.T) {
	state := heldState()
	last := state.Provisioners["aws"]
	for i := range 60 {
		last.Held = append(last.Held, render.HeldSet{Title: fmt.Sprint("group ", i)})
	}
	state.Provisioners["aws"] = last
	page := body(t, get(t, state, "GET", "/"))
	if n := strings.Count(page, `data-label="To release them"`); n != 40 ||
		!strings.Contains(page, "23 more groups of held changes are not listed") ||
		!strings.Contains(page, "group 59") {
		t.Errorf("the page has %d groups:\n%s", n, page)
	}
}

func TestEveryPageNamesTheFlagsThatWeakenARule(t *testing.T) {
	s := &Server{State: heldState, Explain: func(context.Context, string, string, string) ([]*explain.Explanation,
		error) {
		return nil, nil
	}}
	for _, path := range []string{"/", "/provisioners", "/provisioners/aws", "/provisioners/aws/changes", "/operations",
		"/deadlines",
		"/users/ann", "/find?q=ann", "/api/v1/status", "/api/v1/explain/user/ann"} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, newRequest("GET", path))
		for _, flag := range []string{"--allow-self-approval is set", "--trust-commit-authors is set"} {
			if !strings.Contains(w.Body.String(), flag) {
				t.Errorf("GET %s does not name the flag %q:\n%s", path, flag, w.Body)
			}
		}
	}
}

func TestEachLevelOfTrustIsShown(t *testing.T) {
	for _, level := range reconcile.TrustLevels {
		state := exampleState()
		report := *state.Provisioners["aws"].Report
		report.Audit = &reconcile.AuditSummary{Level: level, Reason: "of the test"}
		state.Provisioners["aws"] = daemon.LastRun{Report: &report, Time: noon}
		for path, text := range map[string]string{"/provisioners/aws": "<strong>" + capital(string(level)) +
			"</strong>of the test",
			"/api/v1/status": fmt.Sprintf("%q: %q", "level", level)} {
			if out := body(t, get(t, state, "GET", path)); !strings.Contains(out, text) {
				t.Errorf("GET %s has no %q:\n%s", path, text, out)
			}
		}
	}
}

// The pages say what changes mean for people in the words of plans and reports.
func TestPagesHaveTheSentencesOfReports(t *testing.T) {
	state := exampleState()
	held := []reconcile.Hold{{Gate: "protected", Reason: "protected"}}
	grant := func(group, name, member string) reconcile.Done {
		return reconcile.Done{Result: reconcile.ResultHeld, Change: &reconcile.Change{Kind: reconcile.AddMember,
			Key: group, Name: name, Member: member, MemberName: member + "@example.com",
			Decision: &reconcile.Decision{Held: held}}}
	}
	report := &reconcile.Report{Outcome: reconcile.RunHeld, Provisioner: "aws", Changes: []reconcile.Done{
		grant("break-glass", "Break Glass", "finn"), grant("platform", "Platform", "ann"),
		{Result: reconcile.ResultDone, Change: &reconcile.Change{Kind: reconcile.DeleteUser, Key: "bob",
			Name: "bob@example.com"}}},
		Facts: &reconcile.EffectFacts{People: map[string]string{"finn": "Finn Cox"},
			NamedGroups: map[string]reconcile.GroupReason{"break-glass": reconcile.GroupProtected}}}
	report.Count()
	report.Summarize()
	set := render.HeldSet{Title: "commit 0123456", Changes: 1, Users: 1, Gates: []string{"protected"}}
	state.Provisioners["aws"] = daemon.LastRun{Report: report, Time: noon, Held: []render.HeldSet{set}}
	for path, wants := range map[string][]string{
		"/": {"Finn Cox gains Break Glass (held)", "bob@example.com loses all access", "<small>of 1 user</small>"},
		"/provisioners/aws/changes": {"Finn Cox gains Break Glass (held)", "ann@example.com joins Platform (held)",
			"3 changes match<", "bob@example.com loses all access, and the AWS user is deleted"},
		"/provisioners/aws/changes?result=done": {"1 change matches<"},
	} {
		page := body(t, get(t, state, "GET", path))
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %q:\n%s", path, want, page)
			}
		}
	}
}

// What takes the most access is first, in whatever order the changes are made.
func TestThePageOfChangesHasTheGravestFirst(t *testing.T) {
	state := exampleState()
	change := func(kind reconcile.Kind, key, name string) reconcile.Done {
		return reconcile.Done{Result: reconcile.ResultDone, Change: &reconcile.Change{Kind: kind, Key: key, Name: name}}
	}
	report := &reconcile.Report{Outcome: reconcile.RunApplied, Run: "r", Changes: []reconcile.Done{
		change(reconcile.CreateUser, "new", "new@example.com"), change(reconcile.CreateGroup, "g", "G"),
		change(reconcile.DeactivateUser, "leaver", "leaver@example.com")}}
	state.Provisioners["aws"] = daemon.LastRun{Report: report, Time: noon}
	page := body(t, get(t, state, "GET", "/provisioners/aws/changes"))
	leaver, created := strings.Index(page, "<small>leaver</small>"), strings.Index(page, "<small>new</small>")
	if leaver < 0 || created < leaver {
		t.Errorf("the leaver is at %d and the new user at %d of\n%s", leaver, created, page)
	}
	api := body(t, get(t, state, "GET", "/api/v1/provisioners/aws/changes"))
	if strings.Index(api, `"leaver"`) < strings.Index(api, `"new"`) {
		t.Errorf("the API does not have the order of the report:\n%s", api)
	}
}
