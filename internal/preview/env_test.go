package preview

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// env is a real repository with pull requests, a forge in memory and a directory that has the
// applied declarations.
type env struct {
	t       *testing.T
	dir     string // the working tree of the remote
	repo    *Repository
	forge   *fakeForge
	now     time.Time
	log     strings.Builder
	reads   int
	readErr error  // returned when AWS is read
	applied string // the commit that the directory is in sync with
}

func newEnv(t *testing.T, files string) *env {
	e := &env{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	e.forge = &fakeForge{comments: map[int]string{}, statuses: map[string]forge.Status{},
		approved: map[int][]string{}}
	e.runGit("init", "-q", "-b", "main")
	e.writePeople(files)
	e.commit("first")
	mirror, err := gitrepo.Mirror(filepath.Join(t.TempDir(), "mirror"), "file://"+e.dir, gitrepo.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mirror.Close() })
	e.repo = &Repository{Repo: mirror, Path: "org", Declarations: e.declarations}
	if err := mirror.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.applied = e.head("main")
	return e
}

func (e *env) declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	tree, err := e.repo.Repo.FS(h, "org")
	if err != nil {
		return nil, err
	}
	return schema.Load(tree)
}

func (e *env) runGit(args ...string) string {
	e.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = e.dir
	cmd.Env = append(os.Environ(), "HOME="+e.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann",
		"GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann",
		"GIT_COMMITTER_EMAIL=ann@example.com", "GIT_AUTHOR_DATE=2026-11-24T08:00:00Z",
		"GIT_COMMITTER_DATE=2026-11-24T08:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// writePeople replaces all users with these. Each has a file of its own. An item is "name" or
// "name=last name".
func (e *env) writePeople(people string) {
	e.t.Helper()
	dir := filepath.Join(e.dir, "org")
	if err := os.RemoveAll(dir); err != nil {
		e.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		e.t.Fatal(err)
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			e.t.Fatal(err)
		}
	}
	put("base.cue", base)
	for _, person := range strings.Fields(people) {
		name, last, ok := strings.Cut(person, "=")
		if !ok {
			last = "Test"
		}
		put(name+".cue", "package roster\nusers: \""+name+"\": {userId: \""+name+"\", firstName: \"A\", lastName: \""+
			last+"\", email: \""+name+"@example.com\"}\n")
	}
}

const base = `package roster
mappings: m: {
	user: #User
	scim: {
		` + schematest.SCIM + `
	}
}
apps: app: displayName: "AWS"
provisioners: aws: {
	app: "app", mapping: "m", enabled: true, review: "required"
	endpoint: "http://127.0.0.1:1/00000000-0000-4000-8000-000000000001/scim/v2", auth: token: {env: "ROSTER_SECRET_AWS"}
}
`

func (e *env) commit(message string) string {
	e.t.Helper()
	e.runGit("add", "-A")
	e.runGit("commit", "-q", "--allow-empty", "-m", message)
	return e.head("HEAD")
}

func (e *env) head(ref string) string { e.t.Helper(); return e.runGit("rev-parse", ref) }

// propose creates pull request n: a branch on top of main with these users.
func (e *env) propose(n int, people string) string {
	e.t.Helper()
	e.runGit("checkout", "-q", "-B", "change", "main")
	e.writePeople(people)
	head := e.commit("change")
	e.runGit("update-ref", "refs/pull/"+strconv.Itoa(n)+"/head", head)
	e.runGit("checkout", "-q", "main")
	i := slices.IndexFunc(e.forge.open, func(pr forge.PullRequest) bool { return pr.Number == n })
	pr := forge.PullRequest{Number: n, Author: "ann", Head: head, HeadRef: "refs/pull/" + strconv.Itoa(n) + "/head",
		MergeRef: "refs/pull/" + strconv.Itoa(n) + "/merge"}
	if i < 0 {
		e.forge.open = append(e.forge.open, pr)
	} else {
		e.forge.open[i].Head = head
	}
	return head
}

func (e *env) previewer() *Previewer {
	return &Previewer{Forge: e.forge, Repo: e.repo, Branch: "main", ReadDirectory: e.readDirectory,
		PollInterval: time.Minute, MaxSnapshotAge: 10 * time.Minute,
		Now: func() time.Time { return e.now }, Log: slog.New(slog.NewTextHandler(&e.log, nil))}
}

// readDirectory returns a directory that is in sync with the applied commit.
func (e *env) readDirectory(ctx context.Context, p *schema.Provisioner) (*reconcile.Snapshot, error) {
	e.reads++
	if e.readErr != nil {
		return nil, e.readErr
	}
	decls, err := e.declarations(ctx, e.applied)
	if err != nil {
		return nil, err
	}
	want, err := reconcile.Desire(decls, p, e.now)
	if err != nil {
		return nil, err
	}
	s := &reconcile.Snapshot{Version: 1, Provisioner: p.Key, Identity: p.Identity(), Ledger: reconcile.NewLedger(),
		Status:   &reconcile.Status{EverEnabled: true},
		Observed: &reconcile.Observed{ReadAt: e.now, Members: map[string][]string{}}}
	for key, u := range want.Users {
		attributes := append(slices.Clone(u.Attributes), schema.Attribute{Path: "externalId", Value: key})
		slices.SortFunc(attributes, func(a, b schema.Attribute) int { return strings.Compare(a.Path, b.Path) })
		s.Observed.Users = append(s.Observed.Users, reconcile.RemoteUser{ID: "id-" + key, Attributes: attributes})
		s.Ledger.Users[key] = reconcile.Owned{ID: "id-" + key}
	}
	slices.SortFunc(s.Observed.Users, func(a, b reconcile.RemoteUser) int { return strings.Compare(a.ID, b.ID) })
	return s, nil
}

// fakeForge stores comments and statuses.
type fakeForge struct {
	open     []forge.PullRequest
	comments map[int]string
	statuses map[string]forge.Status
	calls    []string
	err      error
	refused  string           // the commit whose statuses are refused
	approved map[int][]string // the approved heads, by pull request
	queue    []forge.QueuedMerge
}

func (b *fakeForge) EditComment(_ context.Context, n int, body string) error {
	if _, ok := b.comments[n]; ok {
		b.calls = append(b.calls, "edit "+strconv.Itoa(n))
		b.comments[n] = body
	}
	return b.err
}

func (b *fakeForge) Approval(_ context.Context, pr forge.PullRequest) (forge.Approval, error) {
	var out forge.Approval
	for _, head := range b.approved[pr.Number] {
		out.Approvers = append(out.Approvers, forge.Approver{Account: "bob", Head: head})
	}
	return out, b.err
}

func (b *fakeForge) Queue(context.Context, string) ([]forge.QueuedMerge, error) {
	return b.queue, b.err
}

func (b *fakeForge) PullRequests(context.Context, string) ([]forge.PullRequest, error) {
	return slices.Clone(b.open), b.err
}

func (b *fakeForge) Comment(_ context.Context, n int, body string) error {
	b.calls = append(b.calls, "comment "+strconv.Itoa(n))
	if b.err != nil {
		return b.err
	}
	b.comments[n] = body
	return nil
}

func (b *fakeForge) SetStatus(_ context.Context, commit string, s forge.Status) error {
	b.calls = append(b.calls, "status "+string(s.State))
	if commit == b.refused {
		return errors.New("the forge answered 422: no commit found for SHA")
	}
	b.statuses[commit] = s
	return nil
}

// runOnce runs the previewer once and compares the calls to the forge.
func (e *env) runOnce(p *Previewer, calls ...string) {
	e.t.Helper()
	e.forge.calls = nil
	if _, err := p.RunOnce(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	if !slices.Equal(e.forge.calls, calls) {
		e.t.Errorf("sent %q; want %q", e.forge.calls, calls)
	}
}

// runOnceQuietly runs the previewer once, whatever it sends.
func (e *env) runOnceQuietly(p *Previewer) {
	e.t.Helper()
	if _, err := p.RunOnce(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

// wantComment checks that a comment contains all parts.
func (e *env) wantComment(n int, parts ...string) {
	e.t.Helper()
	for _, part := range parts {
		if !strings.Contains(e.forge.comments[n], part) {
			e.t.Errorf("the comment on %d lacks %q:\n%s", n, part, e.forge.comments[n])
		}
	}
}

var errUnreachable = errors.New("list users: connection refused, token canary-5e1")
