package reconciletest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// Env is a simulated environment: AWS over HTTP, a history of commits, an audit in memory, and a
// clock that the test sets.
type Env struct {
	T       testing.TB
	Sim     *awssim.Server
	Runner  *run.Runner
	Audit   *Audit
	Now     time.Time  // a run advances it; set it with SetNow
	clock   sync.Mutex // guards Now while the simulator may still answer a request of an earlier run
	Commits []*schema.Declarations
	Authors map[int]string    // of commits, by number from 1
	Dates   map[int]time.Time // of commits
	Loads   int               // how often declarations of a commit were loaded
	// Uncommitted, if set, are declarations that differ from the newest commit.
	Uncommitted *schema.Declarations
	loadCache   schema.Cache
	runs        int
	Trigger     string
	// Kept is what the last run left for the next one. Comparisons counts the plans that were made
	// from it and compared with plans from everything.
	Kept        *run.Kept
	Comparisons int
}

func NewEnv(t testing.TB) *Env {
	w := &Env{
		T:       t,
		Trigger: "test",
		Sim:     &awssim.Server{Tenant: "t0000000-0000-4000-8000-000000000001"},
		Now:     time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
	}
	w.Sim.Options.Throttle.Unlimited = true
	w.Sim.Options.RemoveAllMembers = true
	w.Sim.Now = func() time.Time {
		w.clock.Lock()
		defer w.clock.Unlock()
		return w.Now
	}
	client := w.serve()
	w.Audit = &Audit{}
	limiter := &scim.Limiter{Concurrency: 5}
	w.Runner = &run.Runner{
		Audit:   w.Audit,
		Archive: w.Audit,
		Source:  w,
		Version: "test", VerifyKept: true,
		Now:   func() time.Time { return w.Now },
		RunID: func() string { w.runs++; return fmt.Sprintf("run-%d", w.runs) },
		Open: func(_ context.Context, _ *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
			c := &scim.Client{
				Endpoint: endpoint + w.Sim.Path(),
				Token:    scim.StaticToken(w.Sim.Token()),
				Limiter:  limiter,
				Sleep:    func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
				HTTP:     client,
			}
			if readOnly {
				reader := *client
				reader.Transport = scim.ReadOnly(reader.Transport)
				c.HTTP = &reader
			}
			return &directory.Directory{Client: c}, nil
		},
	}
	return w
}

// SetNow sets the clock of the runs and of the simulator.
func (w *Env) SetNow(now time.Time) {
	w.clock.Lock()
	defer w.clock.Unlock()
	w.Now = now
}

// endpoint is the declared address of the simulator. It is the same in each environment, because
// digests depend on it. Nothing listens there.
const endpoint = "http://127.0.0.1:8740"

// serve starts the simulator and returns an HTTP client for it.
func (w *Env) serve() *http.Client {
	listener := newPipeListener()
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: w.Sim}}
	server.Start()
	transport := &http.Transport{
		MaxIdleConnsPerHost: 10,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return listener.dial(ctx)
		},
	}
	w.T.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return &http.Client{Transport: transport}
}

// Commit adds a commit. The provisioner "aws" gets the additional fields. cue and files (names and
// contents) are added to BaseCUE.
func (w *Env) Commit(provisioner, cue string, files ...string) {
	w.T.Helper()
	w.Declare(BaseCUE, cue, append([]string{provisioner}, files...)...)
}

// Declare adds a commit with another base than BaseCUE. more is the provisioner's fields, then
// names and contents of files.
func (w *Env) Declare(base, cue string, more ...string) {
	w.T.Helper()
	provisioner := ""
	if len(more) > 0 {
		provisioner, more = more[0], more[1:]
	}
	tree := schematest.NewTree()
	tree.Write("base.cue",
		strings.NewReplacer("ENDPOINT", endpoint+w.Sim.Path(), "PROVISIONER", provisioner).Replace(base))
	tree.Write("more.cue", "package roster\n"+cue)
	for i := 0; i+1 < len(more); i += 2 {
		tree.Write(more[i], more[i+1])
	}
	decls, err := w.loadCache.Load(tree)
	if err != nil {
		w.T.Fatalf("load commit-%d:\n%v", len(w.Commits)+1, err)
	}
	w.Commits = append(w.Commits, decls)
}

const BaseCUE = `package roster
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
	app: "app", mapping: "m", endpoint: "ENDPOINT", auth: token: {env: "ROSTER_SECRET_AWS"}
	PROVISIONER
}
`

func User(key, name string) string {
	return fmt.Sprintf("users: %q: {userId: %q, firstName: %q, lastName: \"Test\", email: \"%s@example.com\"}\n", key,
		name, name, name)
}

// People declares users u1 to un.
func People(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(User(fmt.Sprintf("u%d", i), fmt.Sprintf("name%d", i)))
	}
	return b.String()
}

// Group declares a group with the users of the numbers from..to.
func Group(key, name string, from, to int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "groups: %q: {displayName: %q, members: {", key, name)
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "u%d: {}, ", i)
	}
	b.WriteString("}}\n")
	return b.String()
}

// Run makes one run with the newest commit.
func (w *Env) Run(apply bool) (*run.Result, error) {
	w.T.Helper()
	w.SetNow(w.Now.Add(time.Minute))
	request := run.Request{Provisioner: "aws", Declarations: w.Commits[len(w.Commits)-1], Trigger: w.Trigger,
		Apply: apply, Commit: w.Ref()}
	if w.Uncommitted != nil {
		request.Declarations, request.Dirty = w.Uncommitted, true
	}
	request.Kept = w.Kept
	result, err := w.Runner.Once(w.T.Context(), request)
	if result == nil {
		return result, err
	}
	if result.Kept != nil {
		w.Kept = result.Kept
	}
	if result.Compared {
		w.Comparisons++
	}
	if result.Mismatch != "" {
		w.T.Errorf("the plan from what changed is not the plan from everything: %s", result.Mismatch)
	}
	return result, err
}

// Apply makes one run that applies, and checks its outcome.
func (w *Env) Apply(want reconcile.Outcome) *reconcile.Report {
	w.T.Helper()
	result, err := w.Run(true)
	if err != nil {
		w.T.Fatalf("apply: %v", err)
	}
	if result.Report.Outcome != want {
		var text strings.Builder
		_ = render.ReportText(&text, result.Report, nil)
		w.T.Fatalf("outcome %q, want %q\n%s", result.Report.Outcome, want, text.String())
	}
	return result.Report
}

// Calls returns the number of calls since the last Calls, by operation.
func (w *Env) Calls() map[string]int {
	c := w.Sim.Calls()
	w.Sim.ResetCalls()
	return c.ByOperation
}

// Load loads BaseCUE with further CUE.
func Load(t testing.TB, cue string) *schema.Declarations {
	t.Helper()
	text := strings.NewReplacer("ENDPOINT", endpoint+"/t0000000-0000-4000-8000-000000000001/scim/v2",
		"PROVISIONER", "enabled: true").
		Replace(BaseCUE)
	decls, err := schema.Load(
		fstest.MapFS{"base.cue": {Data: []byte(text)}, "more.cue": {Data: []byte("package roster\n" + cue)}})
	if err != nil {
		t.Fatal(err)
	}
	return decls
}

// Preview compares two commits, by their numbers from 1. Unless assumed is set, it reads the
// directory.
func (w *Env) Preview(base, head int, assumed bool) *reconcile.Preview {
	w.T.Helper()
	applied := func(commit string) *schema.Declarations {
		d, _ := w.Declarations(w.T.Context(), commit)
		return d
	}
	in := reconcile.PreviewInput{Provisioner: "aws", Base: w.Commits[base-1], Merged: w.Commits[head-1], Now: w.Now,
		Applied: applied,
		BaseCommit: reconcile.CommitRef{
			ID: fmt.Sprintf("commit-%d", base),
		}, HeadCommit: reconcile.CommitRef{ID: fmt.Sprintf("commit-%d", head)}}
	if !assumed {
		var err error
		if in.Snapshot, err = w.Runner.Snapshot(w.T.Context(), in.Base.Provisioners["aws"]); err != nil {
			w.T.Fatal(err)
		}
		written, err := json.Marshal(in.Snapshot) // a snapshot may come from a file
		if err != nil {
			w.T.Fatal(err)
		}
		in.Snapshot = &reconcile.Snapshot{}
		if err := json.Unmarshal(written, in.Snapshot); err != nil {
			w.T.Fatal(err)
		}
		if err := in.Snapshot.Check(); err != nil {
			w.T.Fatal(err)
		}
	}
	p, err := reconcile.NewPreview(in)
	if err != nil {
		w.T.Fatal(err)
	}
	return p
}
