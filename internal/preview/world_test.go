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
)

// world is a real repository with pull requests, a board in memory and a directory that holds what was applied.
type world struct {
	t      *testing.T
	dir    string // of the remote's working copy
	git    *Git
	board  *board
	now    time.Time
	log    strings.Builder
	looked int
	down   error  // why AWS cannot be read
	sees   string // what the directory is in sync with: a commit
}

func newWorld(t *testing.T, files string) *world {
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	w.board = &board{comments: map[int]string{}, statuses: map[string]forge.Status{}}
	w.run("init", "-q", "-b", "main")
	w.write(files)
	w.commit("first")
	mirror, err := gitrepo.Mirror(filepath.Join(t.TempDir(), "mirror"), "file://"+w.dir, gitrepo.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mirror.Close() })
	w.git = &Git{Repo: mirror, Path: "org", Declarations: w.declarations}
	if err := mirror.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sees = w.head("main")
	return w
}

func (w *world) declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	tree, err := w.git.Repo.FS(h, "org")
	if err != nil {
		return nil, err
	}
	return schema.Load(tree)
}

func (w *world) run(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "HOME="+w.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann",
		"GIT_COMMITTER_EMAIL=ann@example.com", "GIT_AUTHOR_DATE=2026-11-24T08:00:00Z", "GIT_COMMITTER_DATE=2026-11-24T08:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// write makes the people named the only ones: each has a file of their own, with "name" or "name=last name".
func (w *world) write(people string) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "org")
	if err := os.RemoveAll(dir); err != nil {
		w.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	put("base.cue", base)
	for _, person := range strings.Fields(people) {
		name, last, ok := strings.Cut(person, "=")
		if !ok {
			last = "Test"
		}
		put(name+".cue", "package roster\nusers: \""+name+"\": {userId: \""+name+"\", firstName: \"A\", lastName: \""+last+"\", email: \""+name+"@example.com\"}\n")
	}
}

const base = `package roster
mappings: m: {
	user: #User
	scim: {userName: user.email, displayName: user.userId, name: {givenName: user.firstName, familyName: user.lastName}, active: user.state == "ACTIVE"}
}
apps: app: displayName: "AWS"
provisioners: aws: {
	app: "app", mapping: "m", enabled: true, review: "required"
	endpoint: "http://127.0.0.1:1/00000000-0000-4000-8000-000000000001/scim/v2", auth: token: {env: "ROSTER_AWS_TOKEN"}
}
`

func (w *world) commit(message string) string {
	w.t.Helper()
	w.run("add", "-A")
	w.run("commit", "-q", "--allow-empty", "-m", message)
	return w.head("HEAD")
}

func (w *world) head(ref string) string { w.t.Helper(); return w.run("rev-parse", ref) }

// propose makes a branch on top of main with these people, as pull request n.
func (w *world) propose(n int, people string) string {
	w.t.Helper()
	w.run("checkout", "-q", "-B", "change", "main")
	w.write(people)
	head := w.commit("change")
	w.run("update-ref", "refs/pull/"+strconv.Itoa(n)+"/head", head)
	w.run("checkout", "-q", "main")
	i := slices.IndexFunc(w.board.open, func(pr forge.PullRequest) bool { return pr.Number == n })
	pr := forge.PullRequest{Number: n, Author: "ann", Head: head, HeadRef: "refs/pull/" + strconv.Itoa(n) + "/head", MergeRef: "refs/pull/" + strconv.Itoa(n) + "/merge"}
	if i < 0 {
		w.board.open = append(w.board.open, pr)
	} else {
		w.board.open[i].Head = head
	}
	return head
}

func (w *world) previewer() *Previewer {
	return &Previewer{Board: w.board, Git: w.git, Branch: "main", Look: w.look, Poll: time.Minute, Fresh: 10 * time.Minute,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil))}
}

// look answers with a directory that was brought in sync with the commit that the world sees.
func (w *world) look(ctx context.Context, p *schema.Provisioner) (*reconcile.Snapshot, error) {
	w.looked++
	if w.down != nil {
		return nil, w.down
	}
	decls, err := w.declarations(ctx, w.sees)
	if err != nil {
		return nil, err
	}
	want, err := reconcile.Desire(decls, p, w.now)
	if err != nil {
		return nil, err
	}
	s := &reconcile.Snapshot{Version: 1, Provisioner: p.Key, Identity: p.Identity(), Ledger: reconcile.NewLedger(), Status: &reconcile.Status{EverEnabled: true},
		Observed: &reconcile.Observed{ReadAt: w.now, Members: map[string][]string{}}}
	for key, u := range want.Users {
		attributes := append(slices.Clone(u.Attributes), schema.Attribute{Path: "externalId", Value: key})
		slices.SortFunc(attributes, func(a, b schema.Attribute) int { return strings.Compare(a.Path, b.Path) })
		s.Observed.Users = append(s.Observed.Users, reconcile.RemoteUser{ID: "id-" + key, Attributes: attributes})
		s.Ledger.Users[key] = reconcile.Owned{ID: "id-" + key}
	}
	slices.SortFunc(s.Observed.Users, func(a, b reconcile.RemoteUser) int { return strings.Compare(a.ID, b.ID) })
	return s, nil
}

// board keeps what pull requests are told.
type board struct {
	open     []forge.PullRequest
	comments map[int]string
	statuses map[string]forge.Status
	calls    []string
	err      error
}

func (b *board) PullRequests(context.Context, string) ([]forge.PullRequest, error) {
	return slices.Clone(b.open), b.err
}

func (b *board) Comment(_ context.Context, n int, body string) error {
	b.calls = append(b.calls, "comment "+strconv.Itoa(n))
	if b.err != nil {
		return b.err
	}
	b.comments[n] = body
	return nil
}

func (b *board) SetStatus(_ context.Context, commit string, s forge.Status) error {
	b.calls = append(b.calls, "status "+string(s.State))
	b.statuses[commit] = s
	return nil
}

// round does one and compares what was sent.
func (w *world) round(p *Previewer, calls ...string) {
	w.t.Helper()
	w.board.calls = nil
	if _, err := p.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if !slices.Equal(w.board.calls, calls) {
		w.t.Errorf("sent %q; want %q", w.board.calls, calls)
	}
}

// says insists on parts of a comment.
func (w *world) says(n int, parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if !strings.Contains(w.board.comments[n], part) {
			w.t.Errorf("the comment on %d lacks %q:\n%s", n, part, w.board.comments[n])
		}
	}
}

var errAway = errors.New("list users: connection refused, token canary-5e1")
