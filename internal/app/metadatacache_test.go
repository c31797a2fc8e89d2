package app

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/secret"
)

// metadataTest is a metadata cache on a clock and a repository that the test changes.
type metadataTest struct {
	*testing.T
	dir    string
	repo   *gitrepo.Repo
	now    time.Time
	commit string
	cache  *metadataCache
}

func newMetadataTest(t *testing.T) *metadataTest {
	m := &metadataTest{T: t, dir: filepath.Join(t.TempDir(), "d"), now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	if err := Init(t.Context(), m.dir); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.repo, err = gitrepo.Open(m.dir); err != nil {
		t.Fatal(err)
	}
	settings := Settings{Env: func(string) (string, bool) { return "", false }, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return m.now }}
	m.cache = &metadataCache{settings: settings, source: &Source{repo: m.repo, policy: secret.Policy{Loopback: true}},
		commit: func() string { return m.commit }}
	return m
}

func (m *metadataTest) get() (string, error) {
	metadata, err := m.cache.get(m.Context(), "aws", "login.example.com")
	if err != nil {
		return "", err
	}
	return string(metadata.XML), nil
}

func (m *metadataTest) mustGet() string {
	m.Helper()
	text, err := m.get()
	if err != nil {
		m.Fatal(err)
	}
	return text
}

// useHead makes HEAD the newest valid commit.
func (m *metadataTest) useHead() {
	m.Helper()
	h, err := m.repo.Resolve("HEAD")
	if err != nil {
		m.Fatal(err)
	}
	m.commit = h.String()
}

// commitEdit replaces a text of the declared app and commits the change.
func (m *metadataTest) commitEdit(old, new string) {
	m.Helper()
	name := filepath.Join(m.dir, "apps", "aws.cue")
	b, err := os.ReadFile(name)
	if err != nil {
		m.Fatal(err)
	}
	if strings.Count(string(b), old) != 1 {
		m.Fatalf("%s does not contain %q once", name, old)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(b), old, new, 1)), 0o644); err != nil {
		m.Fatal(err)
	}
	cmd := exec.Command("git", "-c", "user.name=Bob", "-c", "user.email=bob@example.com", "commit", "-q", "-a", "-m",
		"Edit")
	cmd.Dir = m.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		m.Fatalf("git commit: %v\n%s", err, out)
	}
}

func TestMetadataIsRenderedPerCommitAndDay(t *testing.T) {
	m := newMetadataTest(t)
	if _, err := m.get(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is a commit: %v", err)
	}
	m.useHead()
	first := m.mustGet()
	m.now = m.now.Add(11 * time.Hour)
	if m.mustGet() != first {
		t.Error("the file changes within a day")
	}
	m.now = m.now.Add(2 * time.Hour)
	second := m.mustGet()
	if second == first {
		t.Error("the file is not rendered again on the next day")
	}
	m.commitEdit(`redirect: "https://{domain}/saml/sso/redirect"`, `redirect: "https://{domain}/elsewhere"`)
	if m.mustGet() != second {
		t.Error("a commit that the daemon has not validated changes the file")
	}
	m.useHead()
	if third := m.mustGet(); !strings.Contains(third, "https://login.example.com/elsewhere") {
		t.Errorf("a new commit does not change the file:\n%s", third)
	}
	m.commitEdit(`phase: "active"}`, `phase: "active", key: {env: "ROSTER_SECRET_KEY"}}, signMetadataWith: "2026"`)
	m.useHead()
	if text, err := m.get(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that must be signed is served without a key: %v\n%s", err, text)
	}
}
