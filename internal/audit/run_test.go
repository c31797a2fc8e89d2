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
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// order tells a process what to run, and where to die.
type order struct {
	Remote, Mirror, State, Endpoint, Token string
	Commit                                 int // of commits, from 1
	At                                     int // the point to die at; 0: nowhere
}

// wholeRun names an order in the environment of a child.
const wholeRun = "ROSTER_AUDIT_TEST_RUN"

// commits are the two states of a small organisation: between them somebody comes, somebody gets
// another title, and somebody changes groups.
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

// history has the commits, for a runner.
type history struct{ endpoint string }

func (h history) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	for i, cue := range commits {
		if commitID(i+1) == commit {
			return schema.Load(fstest.MapFS{"all.cue": {Data: []byte(`package roster
attributeTypes: title: {type: "string"}
mappings: m: {user: #User, scim: {
	userName: user.email, displayName: user.userId, name: {givenName: user.firstName, familyName: user.lastName}
	active: user.state == "ACTIVE", title: user.attributes.title
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

func (h history) IsAncestor(_ context.Context, a, b string) (bool, error) { return a <= b, nil }

// dying calls crash around each write, as the Book does around each of its effects.
type dying struct {
	http.RoundTripper
	crash crashPoint
}

func (d dying) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return d.RoundTripper.RoundTrip(req)
	}
	d.crash.at("before a write is sent")
	res, err := d.RoundTripper.RoundTrip(req)
	d.crash.at("write answered")
	return res, err
}

// do carries out an order with everything that roster has: a mirror of a remote repository, a
// client, a runner.
func (o order) do(ctx context.Context, now func() time.Time, crash crashPoint) (*reconcilerun.Result, error) {
	repo, err := gitrepo.Mirror(o.Mirror, "file://"+o.Remote, gitrepo.Auth{})
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	b := &Recorder{Store: &gitStore{repo: repo, remote: true}, StateDir: o.State, Host: "test", Now: now,
		RenderMarkdown: render.ReportMarkdown, crash: crash}
	defer b.Close()
	client := &scim.Client{Endpoint: o.Endpoint, Token: scim.StaticToken(o.Token),
		Limiter: &scim.Limiter{Concurrency: 1},
		HTTP:    &http.Client{Transport: dying{http.DefaultTransport, crash}}}
	source := history{o.Endpoint}
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

// obey is the life of a child: it does what the order says and kills itself at a point.
func obey(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	if err := limitFiles(); err != nil {
		return err
	}
	n, mu := 0, sync.Mutex{}
	_, err := o.do(context.Background(), nil, func(string) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n == o.At {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it takes effect
		}
	})
	return err
}

// stage is a remote repository, a machine and a directory that watches over each write.
type stage struct {
	t     *testing.T
	order order
	sim   *awssim.Server

	remote, state string // of every order

	mu      sync.Mutex
	written []string // "METHOD path" of each call that changed something
	told    int      // how many of them calls has told
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, sim: &awssim.Server{Tenant: "t0000000-0000-4000-8000-000000000001"}}
	s.sim.Options.Throttle.Unlimited = true
	dir := stateDir(t)
	s.remote, s.state = filepath.Join(dir, "remote.git"), filepath.Join(dir, "state")
	if _, err := gitrepo.InitBare(t.Context(), s.remote); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.order = order{Remote: s.remote, Mirror: filepath.Join(dir, "mirror.git"), State: s.state,
		Endpoint: server.URL + s.sim.Path(), Token: s.sim.Token(), Commit: 1}
	return s
}

// ServeHTTP is the directory. It insists on I1: no write without an intent on the branch and an
// entry in the journal.
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		s.t.Errorf("%s %s is sent without an intent: %v %s", r.Method, r.URL.Path, err, out)
	}
	cut, err := readJournal(filepath.Join(s.state, "journal", prov+".jsonl"))
	if err != nil || cut == nil || len(cut.Entries) == 0 || cut.Entries[len(cut.Entries)-1].Ended {
		s.t.Errorf("%s %s is sent without an entry in the journal: %v", r.Method, r.URL.Path, err)
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
	_, _ = w.Write(answer.Body.Bytes()) // nobody may be there any more
}

// calls are those that changed something since the last time.
func (s *stage) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.written[s.told:]
	s.told = len(s.written)
	return slices.Clone(out)
}

// child runs the order in a process of its own. It reports whether that was killed.
func (s *stage) child(at int) bool {
	s.t.Helper()
	out, err := s.process(at)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		s.t.Fatalf("the child: %v\n%s", err, out)
	}
	return false
}

// fails runs the order in a process that may fail, and returns what it said then.
func (s *stage) fails(env ...string) string {
	s.t.Helper()
	out, err := s.process(0, env...)
	if err == nil {
		return ""
	}
	if strings.Contains(out, "panic:") || strings.Contains(out, "SIG") {
		s.t.Errorf("the child: %v\n%s", err, out)
	}
	return out
}

func (s *stage) process(at int, env ...string) (string, error) {
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
	cmd.Env = append(append(os.Environ(), wholeRun+"="+string(text)), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// converge runs until all is in sync, and asserts I1, I6 and I7: what was written is in the
// reports, once; the directory is as declared; the next run is empty; the chain verifies, with the
// branch's whole history.
func (s *stage) converge() {
	s.t.Helper()
	for try := 0; ; try++ {
		result, err := s.order.do(s.t.Context(), nil, nil)
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
	s.wantDeclared()
	repo, err := gitrepo.Open(s.order.Remote)
	if err != nil {
		s.t.Fatal(err)
	}
	defer repo.Close()
	m := &machine{t: s.t, store: &gitStore{repo: repo}, dir: s.order.State, aws: &directory{}}
	m.settled()
	s.wantReported(m.now())
}

func (s *stage) wantDeclared() {
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
		s.t.Errorf("the directory holds\n%q, want\n%q", have, want)
	}
}

// wantReported compares what was written with what the reports say was done, or may have been.
func (s *stage) wantReported(files fs.FS) {
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
			s.t.Errorf("%d reports say that %s was made", created[u.ID], u.UserName)
		}
	}
	for _, g := range state.Groups {
		if created[g.ID] != 1 {
			s.t.Errorf("%d reports say that %s was made", created[g.ID], g.DisplayName)
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

// TestARunKilledAtEachPoint kills a run of the real thing, first and later ones, at each point
// where it could die: before and after each write, each fsync, each rename, each commit.
func TestARunKilledAtEachPoint(t *testing.T) {
	t.Parallel()
	for _, commit := range []int{1, 2} {
		t.Run(fmt.Sprintf("on the way to commit %d", commit), func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				s := newStage(t)
				if commit == 2 {
					s.child(0)
					s.order.Commit = 2
				}
				killed := s.child(at)
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

// TestARunKilledWhileItsPushLands kills a run when the remote has its commit and the run does not
// know it.
func TestARunKilledWhileItsPushLands(t *testing.T) {
	t.Parallel()
	for push := 1; push <= 2; push++ { // the intent, the report
		s := newStage(t)
		hook := filepath.Join(s.order.Remote, "hooks", "post-receive")
		if err := os.MkdirAll(filepath.Dir(hook), 0o700); err != nil {
			t.Fatal(err)
		}
		count := filepath.Join(t.TempDir(), "count")
		// The push is run by git, which is run by the child.
		script := fmt.Sprintf(
			"#!/bin/sh\necho >> %s\nif [ $(wc -l < %s) -eq %d ]; then kill -9 $(ps -o ppid= -p $PPID); fi\n", count,
			count, push)
		if err := os.WriteFile(hook, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		if !s.child(0) {
			t.Fatalf("push %d killed nobody", push)
		}
		s.converge()
	}
}
