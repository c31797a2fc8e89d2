package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// Git refuses to set a branch to a tag or a tree. The test writes the file of the reference, as
// another program may do.
func TestAnAuditBranchThatRefersToNoCommitIsAnErrorWithACommand(t *testing.T) {
	h := &history{t: t, dir: t.TempDir()}
	h.git("init", "-q", "-b", "main")
	commit := h.commit("a.cue", "a: 1")
	h.git("branch", "roster/audit")
	h.git("tag", "-a", "-m", "a tag", "v1")
	local, err := gitrepo.Open(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	mirror, err := gitrepo.Mirror(filepath.Join(t.TempDir(), "cache"), h.dir, gitrepo.Auth{})
	if err != nil {
		t.Fatal(err)
	}
	defer mirror.Close()
	branches := []struct {
		name    string
		branch  *auditBranch
		command string // COMMIT stands for the commit
	}{
		{"local", &auditBranch{repo: local, branch: "roster/audit"},
			"/.git update-ref refs/heads/roster/audit COMMIT`"},
		{"remote", &auditBranch{repo: mirror, branch: "roster/audit", fetch: true},
			" COMMIT:refs/heads/roster/audit`"},
	}
	for _, tt := range []struct{ kind, object, commit string }{
		{"commit", commit, ""},
		{"tag", h.git("rev-parse", "v1"), commit},
		{"tree", h.git("rev-parse", "HEAD^{tree}"), "COMMIT"},
	} {
		ref := filepath.Join(h.dir, ".git", "refs", "heads", "roster", "audit")
		if err := os.WriteFile(ref, []byte(tt.object+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, b := range branches {
			head, err := b.branch.Head(t.Context())
			if tt.kind == "commit" {
				if err != nil || head != commit {
					t.Errorf("%s: the head is %q, %v", b.name, head, err)
				}
				continue
			}
			if err == nil {
				t.Errorf("%s: a %s was accepted as the head", b.name, tt.kind)
				continue
			}
			want := []string{"refs/heads/roster/audit refers to the " + tt.kind + " " + tt.object[:7],
				strings.ReplaceAll(b.command, "COMMIT", tt.commit)}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s, %s: the error is %q; want %q in it", b.name, tt.kind, err, w)
				}
			}
			if _, err := b.branch.known(t.Context()); err == nil {
				t.Errorf("%s: a %s was accepted as the known head", b.name, tt.kind)
			}
		}
	}
}
