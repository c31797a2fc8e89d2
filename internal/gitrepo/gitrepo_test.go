package gitrepo

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// day is the date of the commits in these tests.
var day = time.Date(2026, 11, 23, 9, 0, 0, 0, time.FixedZone("", 3600))

func meta(message string) CommitMeta {
	return CommitMeta{Message: message, Author: Person{"Alice Ng", "alice@example.com"}, When: day}
}

// TestMain sets the same Git configuration for all tests, independent of the user.
func TestMain(m *testing.M) {
	if _, err := exec.LookPath("git"); err != nil {
		os.Stderr.WriteString("these tests need the git program: apt-get install git\n")
		os.Exit(1)
	}
	home, err := os.MkdirTemp("", "gitrepo-home-*")
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "Bob", "GIT_AUTHOR_EMAIL": "bob@example.com",
		"GIT_COMMITTER_NAME": "Bob", "GIT_COMMITTER_EMAIL": "bob@example.com", "SSH_AUTH_SOCK": "",
	} {
		os.Setenv(name, value)
	}
	code := m.Run()
	os.RemoveAll(home)
	os.RemoveAll(largeServers.root)
	os.Exit(code)
}

// runGit runs the git program and returns its output.
func runGit(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// fsck fails the test if `git fsck` reports an error.
func fsck(t testing.TB, dir string) {
	t.Helper()
	out := runGit(t, dir, "fsck", "--strict", "--full")
	if strings.Contains(out, "error") || strings.Contains(out, "missing") {
		t.Fatalf("git fsck: %s", out)
	}
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// exampleFiles are the files of most test repositories.
var exampleFiles = fstest.MapFS{
	"roster.cue":         {Data: []byte("package roster\n")},
	"users/alice.cue":    {Data: []byte("alice\n")},
	"users/bob.cue":      {Data: []byte("bob\n")},
	"users/deep/eve.cue": {Data: []byte("eve\n")},
	"zero":               {Data: []byte{}},
}

func newWorkingCopy(t testing.TB) *Repo {
	t.Helper()
	r, err := Init(t.Context(), filepath.Join(t.TempDir(), "work"), exampleFiles, meta("first"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// newServer creates a bare repository with one commit on main and returns its path.
func newServer(t testing.TB) string {
	t.Helper()
	work := newWorkingCopy(t)
	dir := filepath.Join(t.TempDir(), "server.git")
	bare, err := InitBare(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	bare.Close()
	runGit(t, work.WorkTree(), "push", "-q", dir, "main")
	return dir
}

func newMirror(t testing.TB, url string, auth Auth) *Repo {
	t.Helper()
	r, err := Mirror(filepath.Join(t.TempDir(), "cache"), url, auth)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func fetched(t testing.TB, url string, auth Auth) *Repo {
	t.Helper()
	r := newMirror(t, url, auth)
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func head(t testing.TB, r *Repo, branch string) Hash {
	t.Helper()
	h, ok, err := r.Head(branch)
	if err != nil || !ok {
		t.Fatalf("head of %s: %v, %v", branch, ok, err)
	}
	return h
}

func readFile(t testing.TB, r *Repo, h Hash, name string) string {
	t.Helper()
	fsys, err := r.FS(h, "")
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
