package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
)

func TestReviewOfACommitWithoutAForgeHasItsSigners(t *testing.T) {
	dir, keys := t.TempDir(), t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+keys, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann",
			"GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	allowed := filepath.Join(keys, "allowed")
	var lines []string
	for _, name := range []string{"ann", "bob"} {
		run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(keys, name))
		public, err := os.ReadFile(filepath.Join(keys, name+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, name+"@example.com "+string(public))
	}
	if err := os.WriteFile(allowed, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	git := func(signer string, args ...string) string {
		t.Helper()
		set := []string{"-c", "gpg.format=ssh", "-c", "user.signingkey=" + filepath.Join(keys, signer)}
		return run("git", append(set, args...)...)
	}
	commit := func(signer, message string) string {
		git(signer, "commit", "-q", "-S", "--allow-empty", "-m", message)
		return git(signer, "rev-parse", "HEAD")
	}
	git("ann", "init", "-q", "-b", "main")
	first := commit("ann", "first")
	git("ann", "checkout", "-q", "-b", "change")
	commit("bob", "change")
	commit("ann", "another change")
	git("ann", "checkout", "-q", "main")
	pushed := commit("bob", "pushed")
	git("ann", "merge", "-q", "--no-ff", "-m", "merge", "change") // not signed: it changes nothing
	merge := git("ann", "rev-parse", "HEAD")
	git("ann", "commit", "-q", "--allow-empty", "-m", "not signed")
	unsigned := git("ann", "rev-parse", "HEAD")

	repo, err := gitrepo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	_, signers, err := (&Signatures{CommitSigners: []string{allowed}}).forCommits(repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, commit string
		want         []string
		unknown      string
	}{
		{"the first commit", first, []string{"ann@example.com"}, ""},
		{"a push", pushed, []string{"bob@example.com"}, ""},
		{"a merge has the signers of its commits", merge, []string{"ann@example.com", "bob@example.com"}, ""},
		{"a commit without a signature", unsigned, nil, "has no signature of an allowed key"},
	} {
		review, err := signers.ReviewCommit(t.Context(), test.commit)
		if err != nil || !slices.Equal(review.Authors, test.want) || len(review.Approvers) > 0 ||
			!strings.Contains(review.Unknown, test.unknown) || (test.unknown == "") != (review.Unknown == "") {
			t.Errorf("%s: %+v, %v; want %q", test.name, review, err, test.want)
		}
	}
	if _, err := signers.Approved(t.Context(), first, merge); err != reconcile.ErrNoForge {
		t.Errorf("approved: %v; want ErrNoForge", err)
	}
}
