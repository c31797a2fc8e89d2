package reconcile_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// world is a simulated AWS over real HTTP, a history of declarations and an audit in memory, with a clock that the test moves.
type world struct {
	t       testing.TB
	sim     *awssim.Server
	server  *httptest.Server
	runner  *reconcile.Runner
	audit   *reconciletest.Audit
	now     time.Time
	commits []*schema.Declarations
	cache   schema.Cache
	runs    int
	trigger string
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, trigger: "test", sim: &awssim.Server{Tenant: "t0000000-0000-4000-8000-000000000001"}, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	w.sim.Options.Throttle.Unlimited = true
	w.sim.Options.RemoveAllMembers = true
	w.server = httptest.NewServer(w.sim)
	t.Cleanup(w.server.Close)
	w.audit = &reconciletest.Audit{}
	limiter := &scim.Limiter{Concurrency: 5}
	w.runner = &reconcile.Runner{Audit: w.audit, Archive: w.audit, Source: w, Version: "test", Now: func() time.Time { return w.now },
		RunID: func() string { w.runs++; return fmt.Sprintf("run-%d", w.runs) },
		Open: func(_ context.Context, _ *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
			client := &scim.Client{Endpoint: w.server.URL + w.sim.Path(), Token: scim.StaticToken(w.sim.Token()), Limiter: limiter,
				Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
			if readOnly {
				http := *w.server.Client()
				http.Transport = scim.ReadOnly(http.Transport)
				client.HTTP = &http
			}
			return &directory.Directory{Client: client}, nil
		}}
	return w
}

func (w *world) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	var n int
	if _, err := fmt.Sscanf(commit, "commit-%d", &n); err != nil || n < 1 || n > len(w.commits) {
		return nil, fs.ErrNotExist
	}
	return w.commits[n-1], nil
}

func (w *world) IsAncestor(_ context.Context, a, b string) (bool, error) {
	var x, y int
	_, errA := fmt.Sscanf(a, "commit-%d", &x)
	_, errB := fmt.Sscanf(b, "commit-%d", &y)
	if errA != nil || errB != nil {
		return false, fs.ErrNotExist
	}
	return x <= y, nil
}

// commit adds a commit whose provisioner "aws" has the extra fields given, with further CUE.
func (w *world) commit(provisioner, cue string, files ...string) {
	w.t.Helper()
	w.declare(base, cue, append([]string{provisioner}, files...)...)
}

// declare adds a commit with another base. The first of more is the provisioner's fields, then come names and contents of files.
func (w *world) declare(base, cue string, more ...string) {
	w.t.Helper()
	provisioner := ""
	if len(more) > 0 {
		provisioner, more = more[0], more[1:]
	}
	tree := schematest.NewTree()
	tree.Write("base.cue", strings.NewReplacer("ENDPOINT", w.server.URL+w.sim.Path(), "PROVISIONER", provisioner).Replace(base))
	tree.Write("more.cue", "package roster\n"+cue)
	for i := 0; i+1 < len(more); i += 2 {
		tree.Write(more[i], more[i+1])
	}
	decls, err := w.cache.Load(tree)
	if err != nil {
		w.t.Fatalf("load commit-%d:\n%v", len(w.commits)+1, err)
	}
	w.commits = append(w.commits, decls)
}

const base = `package roster
mappings: m: {
	user: #User
	scim: {
		userName: user.email
		displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		emails: [{value: user.email, type: "work", primary: true}]
	}
}
apps: app: displayName: "AWS"
provisioners: aws: {
	app: "app", mapping: "m", endpoint: "ENDPOINT", auth: token: {env: "ROSTER_AWS_TOKEN"}
	PROVISIONER
}
`

func user(key, name string) string {
	return fmt.Sprintf("users: %q: {userId: %q, firstName: %q, lastName: \"Test\", email: \"%s@example.com\"}\n", key, name, name, name)
}

// people declares users u1..un.
func people(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(user(fmt.Sprintf("u%d", i), fmt.Sprintf("name%d", i)))
	}
	return b.String()
}

// group declares a group of the users numbered from..to.
func group(key, name string, from, to int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "groups: %q: {displayName: %q, members: {", key, name)
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "u%d: {}, ", i)
	}
	b.WriteString("}}\n")
	return b.String()
}

// run does one round with the newest commit.
func (w *world) run(apply bool) (*reconcile.RunResult, error) {
	w.t.Helper()
	n := len(w.commits)
	w.now = w.now.Add(time.Minute)
	return w.runner.Run(w.t.Context(), reconcile.Request{Provisioner: "aws", Declarations: w.commits[n-1], Trigger: w.trigger, Apply: apply,
		Commit: reconcile.CommitRef{ID: fmt.Sprintf("commit-%d", n)}})
}

// apply runs and insists on the outcome.
func (w *world) apply(want reconcile.Outcome) *reconcile.Report {
	w.t.Helper()
	result, err := w.run(true)
	if err != nil {
		w.t.Fatalf("apply: %v", err)
	}
	if result.Report.Outcome != want {
		var text strings.Builder
		_ = result.Report.WriteText(&text, nil)
		w.t.Fatalf("outcome %q, want %q\n%s", result.Report.Outcome, want, text.String())
	}
	return result.Report
}

// calls returns the calls of one run by operation, and resets the counters.
func (w *world) calls() map[string]int {
	c := w.sim.Calls()
	w.sim.ResetCalls()
	return c.ByOperation
}
