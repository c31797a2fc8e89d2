//go:build unix

package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	scimdir "github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	reconcilerun "github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// processOrder is what a child process runs, and where it dies.
type processOrder struct {
	Remote, Mirror, State, Endpoint, Token string
	Commit                                 int // of commits, from 1
	At                                     int // the point to die at; 0: nowhere
}

// orderVariable is the environment variable of a child process with its order.
const orderVariable = "ROSTER_AUDIT_TEST_RUN"

// commits are two states of a small organization. From the first to the second, one user is added,
// one gets another title, and one changes groups.
var commits = []string{
	`users: {
	u1: {userId: "ann", firstName: "Ann", lastName: "A", email: "ann@example.com"}
	u2: {userId: "ben", firstName: "Ben", lastName: "B", email: "ben@example.com", attributes: title: "Clerk"}
	u3: {userId: "cat", firstName: "Cat", lastName: "C", email: "cat@example.com"}
}
groups: g: {displayName: "G", members: {u1: {}, u2: {}, u3: {}}}
groups: h: {displayName: "H", members: u1: {}}
`,
	`users: {
	u1: {userId: "ann", firstName: "Ann", lastName: "A", email: "ann@example.com"}
	u2: {userId: "ben", firstName: "Ben", lastName: "B", email: "ben@example.com", attributes: title: "Boss"}
	u3: {userId: "cat", firstName: "Cat", lastName: "C", email: "cat@example.com", state: "INACTIVE"}
	u4: {userId: "dan", firstName: "Dan", lastName: "D", email: "dan@example.com"}
}
groups: g: {displayName: "G", members: {u1: {}, u3: {}, u4: {}}}
groups: h: {displayName: "H", members: {u1: {}, u2: {}}}
`,
}

func commitID(n int) string { return fmt.Sprintf("%040x", n) }

// commitHistory is the source of the commits.
type commitHistory struct{ endpoint string }

func (h commitHistory) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	for i, cue := range commits {
		if commitID(i+1) == commit {
			return schema.Load(fstest.MapFS{"all.cue": {Data: []byte(`package roster
attributeTypes: title: {type: "string"}
mappings: m: {user: #User, scim: {
	` + schematest.SCIM + `, title: user.attributes.title
	emails: [{value: user.email, type: "work", primary: true}]
}}
apps: app: displayName: "AWS"
provisioners: "` + prov + `": {
	enabled: true, app: "app", mapping: "m", groups: ["g", "h"], endpoint: "` + h.endpoint + `"
	auth: token: env: "ROSTER_T", rate: {perSecond: 0, concurrency: 1}
}
` + cue)}})
		}
	}
	return nil, fs.ErrNotExist
}

func (h commitHistory) IsAncestor(_ context.Context, a, b string) (bool, error) { return a <= b, nil }

func (h commitHistory) FirstParents(context.Context, string, string) ([]reconcile.CommitRef, error) {
	return nil, nil
}

func (h commitHistory) ApprovalCommits(
	_ context.Context, head string, digests []string,
) (map[string]reconcile.CommitRef, error) {
	out := map[string]reconcile.CommitRef{}
	for _, digest := range digests {
		out[digest] = reconcile.CommitRef{ID: head}
	}
	return out, nil
}

// crashingTransport calls crash before and after each write.
type crashingTransport struct {
	http.RoundTripper
	crash crashPoint
}

func (d crashingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return d.RoundTripper.RoundTrip(req)
	}
	d.crash.at("before a write is sent")
	res, err := d.RoundTripper.RoundTrip(req)
	d.crash.at("write answered")
	return res, err
}

// run runs an order with the real parts of roster: a mirror of a remote repository, a SCIM client
// and a runner.
func (o processOrder) run(ctx context.Context, now func() time.Time, crash crashPoint) (*reconcilerun.Result, error) {
	repo, err := gitrepo.Mirror(o.Mirror, "file://"+o.Remote, gitrepo.Auth{})
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	b := &Recorder{Store: &gitStore{repo: repo, remote: true}, StateDir: o.State, Host: "test", Now: now,
		RenderMarkdown: render.ReportMarkdownOf, crash: crash}
	defer b.Close()
	client := &scim.Client{Endpoint: o.Endpoint, Token: scim.StaticToken(o.Token),
		Limiter: &scim.Limiter{Concurrency: 1},
		HTTP:    &http.Client{Transport: crashingTransport{http.DefaultTransport, crash}}}
	source := commitHistory{o.Endpoint}
	decls, err := source.Declarations(ctx, commitID(o.Commit))
	if err != nil {
		return nil, err
	}
	r := &reconcilerun.Runner{Audit: b, Archive: b, Source: source, Now: now, Host: "test", Version: "test",
		RunID: func() string { return fmt.Sprintf("run-%d-%d", time.Now().UnixNano(), os.Getpid()) },
		Open: func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
			return &scimdir.Directory{Client: client}, nil
		}}
	return r.Once(ctx, reconcilerun.Request{Provisioner: prov, Declarations: decls,
		Commit: reconcile.CommitRef{ID: commitID(o.Commit)}, Trigger: "test", Apply: true})
}

// runOrder is the main function of a child process. It runs the order and kills itself at a point.
func runOrder(text string) error {
	var o processOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	if err := limitFiles(); err != nil {
		return err
	}
	n, mu := 0, sync.Mutex{}
	_, err := o.run(context.Background(), nil, func(string) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n == o.At {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it takes effect
		}
	})
	return err
}

// environment is a remote repository, a machine, and a directory that checks each write.
type environment struct {
	t     *testing.T
	order processOrder
	sim   *awssim.Server

	remote, state string // of all orders

	mu       sync.Mutex
	written  []string // "METHOD path" of each write
	reported int      // number of writes that newWrites has returned
}

func newEnvironment(t *testing.T) *environment {
	s := &environment{t: t, sim: &awssim.Server{Tenant: "t0000000-0000-4000-8000-000000000001"}}
	s.sim.Options.Throttle.Unlimited = true
	dir := stateDir(t)
	s.remote, s.state = filepath.Join(dir, "remote.git"), filepath.Join(dir, "state")
	if _, err := gitrepo.InitBare(t.Context(), s.remote); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.order = processOrder{Remote: s.remote, Mirror: filepath.Join(dir, "mirror.git"), State: s.state,
		Endpoint: server.URL + s.sim.Path(), Token: s.sim.Token(), Commit: 1}
	return s
}

// hasBegun reports whether a write that has not ended is about the object of a request: its id is
// in the path, or its name in the body.
func hasBegun(entries []reconcile.Entry, path, body string) bool {
	open := map[int]reconcile.Entry{}
	for _, e := range entries {
		if delete(open, e.Seq); !e.Ended {
			open[e.Seq] = e
		}
	}
	for _, e := range open {
		c := e.Changes[0]
		if c.ID != "" && strings.HasSuffix(path, "/"+c.ID) || strings.Contains(body, strconv.Quote(c.Name)) {
			return true
		}
	}
	return false
}

// ServeHTTP is the directory. It fails the test if there is no intent on the branch or no entry in
// the journal before a write.
func (s *environment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.sim.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if out, err := exec.Command("git", "-C", s.remote, "cat-file", "-e",
		"refs/heads/"+branch+":"+intentsPath(prov)).CombinedOutput(); err != nil {
		s.t.Errorf("%s %s was sent without an intent: %v %s", r.Method, r.URL.Path, err, out)
	}
	journaled, err := readJournal(filepath.Join(s.state, "journal", prov+".jsonl"))
	if err != nil || journaled == nil || !hasBegun(journaled.Entries, r.URL.Path, string(body)) {
		s.t.Errorf("%s %s was sent without an entry in the journal: %v", r.Method, r.URL.Path, err)
	}
	answer := httptest.NewRecorder()
	s.sim.ServeHTTP(answer, r)
	if answer.Code < 300 {
		s.mu.Lock()
		s.written = append(s.written, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the child may be dead
}

// newWrites returns the writes since the last call.
func (s *environment) newWrites() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.written[s.reported:]
	s.reported = len(s.written)
	return slices.Clone(out)
}

// runChild runs the order in a child process. It reports whether the child was killed.
func (s *environment) runChild(at int) bool {
	s.t.Helper()
	out, err := s.startChild(at)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		s.t.Fatalf("the child: %v\n%s", err, out)
	}
	return false
}

// runFailingChild runs the order in a child process that may fail, and returns its output.
func (s *environment) runFailingChild(env ...string) string {
	s.t.Helper()
	out, err := s.startChild(0, env...)
	if err == nil {
		return ""
	}
	if strings.Contains(out, "panic:") || strings.Contains(out, "SIG") {
		s.t.Errorf("the child: %v\n%s", err, out)
	}
	return out
}

func (s *environment) startChild(at int, env ...string) (string, error) {
	s.t.Helper()
	o := s.order
	o.At = at
	text, err := json.Marshal(o)
	if err != nil {
		s.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), orderVariable+"="+string(text)), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// converge runs until all is in sync, and checks the result: each write is in one report, the
// directory is as declared, the next run is empty, and the chain verifies with the history of the
// branch.
func (s *environment) converge() {
	s.t.Helper()
	for try := 0; ; try++ {
		result, err := s.order.run(s.t.Context(), nil, nil)
		if err != nil {
			s.t.Fatalf("a run after the crash: %v", err)
		}
		if result.Report.Outcome == reconcile.RunInSync {
			break
		}
		if try == 2 || result.Report.Outcome != reconcile.RunApplied {
			s.t.Fatalf("run %d after the crash is %s: %+v", try+1, result.Report.Outcome, result.Report.Errors)
		}
	}
	s.checkDirectory()
	repo, err := gitrepo.Open(s.order.Remote)
	if err != nil {
		s.t.Fatal(err)
	}
	defer repo.Close()
	m := &machine{t: s.t, store: &gitStore{repo: repo}, dir: s.order.State, aws: &directory{}}
	m.checkConverged()
	s.checkReports(m.files())
}

func (s *environment) checkDirectory() {
	s.t.Helper()
	var have []string
	state := s.sim.State()
	for _, u := range state.Users {
		have = append(have, fmt.Sprintf("%s %s %v %s", u.ExternalID, u.UserName, u.Active, u.Title))
	}
	for _, g := range state.Groups {
		members := state.MemberNames(g.DisplayName)
		slices.Sort(members)
		have = append(have, g.ExternalID+" "+strings.Join(members, " "))
	}
	slices.Sort(have)
	want := []string{"g ann@example.com ben@example.com cat@example.com", "h ann@example.com",
		"u1 ann@example.com true ", "u2 ben@example.com true Clerk", "u3 cat@example.com true "}
	if s.order.Commit == 2 {
		want = []string{"g ann@example.com cat@example.com dan@example.com", "h ann@example.com ben@example.com",
			"u1 ann@example.com true ", "u2 ben@example.com true Boss",
			"u3 cat@example.com false ", "u4 dan@example.com true "}
	}
	if !slices.Equal(have, want) {
		s.t.Errorf("the directory has\n%q, want\n%q", have, want)
	}
}

// checkReports compares the writes with the changes in the reports.
func (s *environment) checkReports(files fs.FS) {
	s.t.Helper()
	created, touched := map[string]int{}, map[string]int{}
	for l, err := range Chain(files, prov) {
		if err != nil {
			s.t.Fatal(err)
		}
		for _, d := range l.Report.Changes {
			switch {
			case d.Result != reconcile.ResultDone && d.Result != reconcile.ResultUnknown:
			case d.Kind == reconcile.CreateUser || d.Kind == reconcile.CreateGroup:
				created[d.ID]++
				touched[d.ID]++
			default:
				touched[d.ID]++
			}
		}
	}
	state := s.sim.State()
	for _, u := range state.Users {
		if created[u.ID] != 1 {
			s.t.Errorf("%d reports have the creation of %s", created[u.ID], u.UserName)
		}
	}
	for _, g := range state.Groups {
		if created[g.ID] != 1 {
			s.t.Errorf("%d reports have the creation of %s", created[g.ID], g.DisplayName)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range s.written {
		if id := call[strings.LastIndexByte(call, '/')+1:]; strings.Contains(id, "-") && touched[id] == 0 {
			s.t.Errorf("%s is in no report", call)
		}
	}
}

// TestARunKilledAtEachPoint kills real runs, first and later ones, at each point: before and after
// each write, fsync, rename and commit.
func TestARunKilledAtEachPoint(t *testing.T) {
	t.Parallel()
	for _, commit := range []int{1, 2} {
		t.Run(fmt.Sprintf("on the way to commit %d", commit), func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				s := newEnvironment(t)
				if commit == 2 {
					s.runChild(0)
					s.order.Commit = 2
				}
				killed := s.runChild(at)
				s.converge()
				if t.Failed() {
					t.Fatalf("... after a kill at point %d", at)
				}
				if !killed {
					t.Logf("killed at %d points", at-1)
					if at < 40 {
						t.Errorf("there are only %d points", at-1)
					}
					return
				}
			}
		})
	}
}

// TestARunKilledDuringItsPush kills a run after the remote has its commit and before the run gets
// the answer.
func TestARunKilledDuringItsPush(t *testing.T) {
	t.Parallel()
	for push := 1; push <= 2; push++ { // the intent, the report
		s := newEnvironment(t)
		hook := filepath.Join(s.order.Remote, "hooks", "post-receive")
		if err := os.MkdirAll(filepath.Dir(hook), 0o700); err != nil {
			t.Fatal(err)
		}
		count := filepath.Join(t.TempDir(), "count")
		// The hook kills the child, which is the parent process of git.
		script := fmt.Sprintf(
			"#!/bin/sh\necho >> %s\nif [ $(wc -l < %s) -eq %d ]; then kill -9 $(ps -o ppid= -p $PPID); fi\n", count,
			count, push)
		if err := os.WriteFile(hook, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		if !s.runChild(0) {
			t.Fatalf("push %d did not kill the child", push)
		}
		s.converge()
	}
}
