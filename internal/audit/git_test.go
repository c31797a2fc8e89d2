package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
)

// gitStore is a branch of a Git repository.
type gitStore struct {
	repo   *gitrepo.Repo
	remote bool
	sign   func([]byte) ([]byte, error)
}

const branch = "roster/audit"

func (s *gitStore) Head(ctx context.Context) (string, error) {
	if s.remote {
		if err := s.repo.Fetch(ctx, branch); errors.Is(err, fs.ErrNotExist) {
			return "", nil
		} else if err != nil {
			return "", err
		}
	}
	h, ok, err := s.repo.Head(branch)
	if err != nil || !ok {
		return "", err
	}
	return h.String(), nil
}

func (s *gitStore) Files(_ context.Context, commit string) (fs.FS, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	return s.repo.FS(h, "")
}

func (s *gitStore) Commit(ctx context.Context, base string, edits map[string][]byte, message string,
	when time.Time) (string, error) {
	var parent gitrepo.Hash
	if base != "" {
		var err error
		if parent, err = gitrepo.ParseHash(base); err != nil {
			return "", err
		}
	}
	h, err := s.repo.Update(ctx, branch, parent, edits, gitrepo.CommitMeta{Message: message, When: when, Sign: s.sign,
		Author: gitrepo.Person{Name: "roster", Email: "roster@example.com"}})
	switch {
	case errors.Is(err, gitrepo.ErrStale):
		err = errors.Join(ErrStale, err)
	case errors.As(err, new(*gitrepo.RefusedError)):
		err = errors.Join(ErrRefused, err)
	}
	return h.String(), err
}

func (s *gitStore) IsAncestor(_ context.Context, a, b string) (bool, error) {
	x, err := gitrepo.ParseHash(a)
	if err != nil {
		return false, err
	}
	y, err := gitrepo.ParseHash(b)
	if err != nil {
		return false, err
	}
	return s.repo.IsAncestor(x, y)
}

func (s *gitStore) LastWith(_ context.Context, file, since, head string) (string, error) {
	return s.repo.LastWith(file, since, head)
}

// history yields the commits of the branch, the newest first.
func (s *gitStore) history(t testing.TB) iter.Seq2[BranchCommit, error] {
	return func(yield func(BranchCommit, error) bool) {
		head, _, err := s.repo.Head(branch)
		if err != nil {
			t.Fatal(err)
		}
		for c, err := range s.repo.Log(head, gitrepo.Hash{}) {
			if err != nil {
				yield(BranchCommit{}, err)
				return
			}
			files, err := s.repo.FS(c.Hash, "")
			if !yield(BranchCommit{ID: c.Hash.String(), Files: files}, err) {
				return
			}
		}
	}
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("this test needs git:", err)
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+t.TempDir(), "GIT_AUTHOR_NAME=t",
		"GIT_AUTHOR_EMAIL=t@example.com",
		"GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// bareRepository creates an empty bare repository and opens it.
func bareRepository(t testing.TB) (dir string, s *gitStore) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "repo.git")
	git(t, "/", "init", "--quiet", "--bare", dir)
	repo, err := gitrepo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return dir, &gitStore{repo: repo}
}

// openMirror opens a bare repository through a mirror, as a remote repository.
func openMirror(t testing.TB, dir string) *gitStore {
	t.Helper()
	repo, err := gitrepo.Mirror(filepath.Join(t.TempDir(), "mirror.git"), "file://"+dir, gitrepo.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return &gitStore{repo: repo, remote: true}
}

func TestAPlainCloneCanBeVerified(t *testing.T) {
	dir, store := bareRepository(t)
	state := t.TempDir()
	r := &runner{recorder: newRecorder(t, store, state), aws: &directory{}}
	var newest reconcile.Receipt
	for i := range 3 {
		var err error
		if newest, err = r.run(t.Context(), fmt.Sprint("run-", i), fmt.Sprint("u-", i)); err != nil {
			t.Fatal(err)
		}
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, "/", "clone", "--quiet", "--config", "core.autocrlf=true", "--branch", branch, dir, clone) // as on Windows
	proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: os.DirFS(clone), History: store.history(t),
		KnownCommit: newest.Commit,
		HasCommit: func(ctx context.Context, a string) (bool, error) {
			return store.IsAncestor(ctx, a, git(t, clone, "rev-parse", "HEAD"))
		}})
	if err != nil || proof.Err() != nil || proof.VerifiedReports != 3 {
		t.Errorf("%+v, %v", proof, err)
	}
	if anchor, err := r.recorder.TrustedHead(prov); err != nil || anchor != newest.Commit {
		t.Errorf("the trusted head is %q, %v, want %s", anchor, err, newest.Commit)
	}
	out, err := exec.Command("sha256sum", filepath.Join(clone, newest.Report.Path)).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), newest.Report.SHA256+" ") {
		t.Errorf("sha256sum prints %s, %v; the status has %s", out, err, newest.Report.SHA256)
	}
	if log := git(t, clone, "log", "--format=%s"); strings.Count(log, "\n") != 5 ||
		!strings.HasPrefix(log, "roster: aws-prod applied, 1 change (abcdef0)\n") {
		t.Errorf("the log is\n%s", log)
	}
	git(t, dir, "update-ref", "refs/heads/"+branch, "refs/heads/"+branch+"~2")
	if got := loadTrust(t, store, state).Trust.Reason; !strings.Contains(got, "rewound") {
		t.Errorf("after the branch was rewound: %q", got)
	}
}

func TestSignedCommitsAreTrustedByAnotherMachine(t *testing.T) {
	dir, store := bareRepository(t)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if store.sign, err = gitrepo.SSHSigner(key, ""); err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	policy := &gitrepo.Policy{}
	if err := policy.Allow([]byte("roster@example.com " + string(ssh.MarshalAuthorizedKey(pub)))); err != nil {
		t.Fatal(err)
	}
	machine := func(name string) *Recorder {
		b := newRecorder(t, store, filepath.Join(dir, "..", name))
		b.CheckSignatures = func(ctx context.Context, since, head string) error {
			var without gitrepo.Hash
			if since != "" {
				if without, err = gitrepo.ParseHash(since); err != nil {
					return err
				}
			}
			from, err := gitrepo.ParseHash(head)
			if err != nil {
				return err
			}
			return store.repo.VerifyLog(ctx, from, without, policy)
		}
		return b
	}
	for i, name := range []string{"a", "b", "a"} {
		b := machine(name)
		state, err := b.LoadState(t.Context(), prov)
		if err != nil || state.Trust.Level != reconcile.TrustProved {
			t.Fatalf("machine %s, run %d: %+v, %v", name, i, state.Trust, err)
		}
		if _, err := (&runner{recorder: b, aws: &directory{}}).run(t.Context(), fmt.Sprint("run-", i),
			"u-1"); err != nil {
			t.Fatal(err)
		}
	}
	blob := git(t, dir, "commit-tree", "-p", branch, "-m", "forged", branch+"^{tree}")
	git(t, dir, "update-ref", "refs/heads/"+branch, blob)
	state, err := machine("b").LoadState(t.Context(), prov)
	if err != nil || !strings.Contains(state.Trust.Reason, "is not signed") {
		t.Errorf("trust is %+v, %v", state.Trust, err)
	}
}

func TestARemoteThatRefusesCommitsPreventsTheRun(t *testing.T) {
	dir, _ := bareRepository(t)
	hook := filepath.Join(dir, "hooks", "pre-receive")
	if err := os.MkdirAll(filepath.Dir(hook), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho 'this branch is frozen' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	store, state := openMirror(t, dir), t.TempDir()
	r := &runner{recorder: newRecorder(t, store, state), aws: &directory{}}
	if _, err := r.run(t.Context(), "run-1", "u-1"); err == nil ||
		!strings.Contains(err.Error(), "this branch is frozen") {
		t.Errorf("the run: %v", err)
	}
	if len(r.aws.writes) > 0 {
		t.Errorf("the run wrote %v", r.aws.writes)
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	if _, err := r.run(t.Context(), "run-2", "u-1"); err != nil {
		t.Errorf("after the remote accepts commits again: %v", err)
	}
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if state, err := newRecorder(t, store, state).LoadState(t.Context(), prov); err == nil {
		t.Errorf("an unreachable repository counts as empty: %+v", state)
	}
}

func TestTwoMachinesRaceForARemote(t *testing.T) {
	t.Parallel()
	dir, bare := bareRepository(t)
	done := make(chan error)
	for _, name := range []string{"p-a", "p-b"} {
		b := newRecorder(t, openMirror(t, dir), filepath.Join(t.TempDir(), name))
		go func() {
			var err error
			for n := 0; n < 4 && err == nil; n++ {
				in := intentOf(fmt.Sprint(name, n), 1)
				in.Provisioner = name
				report := testReport(in.Run, reconcile.RunApplied, nil)
				report.Provisioner = name
				if _, err = b.LoadState(context.Background(), name); err == nil {
					err = b.BeginRun(context.Background(), in)
				}
				if err == nil {
					_, err = b.CommitReport(context.Background(),
						reconcile.RunRecord{Report: report, Ledger: reconcile.NewLedger(),
							Status: statusOf(report, nil)})
				}
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := git(t, dir, "rev-list", "--count", branch); n != "16" {
		t.Errorf("there are %s commits, want 16", n)
	}
	head, err := bare.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := bare.Files(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"p-a", "p-b"} {
		proof, err := Verify(t.Context(), VerifyInput{Provisioner: name, Files: files, History: bare.history(t)})
		if err != nil || proof.Err() != nil || proof.VerifiedReports != 4 {
			t.Errorf("%+v, %v", proof, err)
		}
	}
}
