package app

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// history is a Git repository with commits by name.
type history struct {
	t   *testing.T
	dir string
}

func (h *history) git(args ...string) string {
	h.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ann", "-c", "user.email=ann@example.com"}, args...)...)
	cmd.Dir = h.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes a file and commits it; an empty text removes the file.
func (h *history) commit(name, text string) string {
	h.t.Helper()
	file := filepath.Join(h.dir, name)
	if text == "" {
		if err := os.Remove(file); err != nil {
			h.t.Fatal(err)
		}
	} else if err := os.WriteFile(file, []byte("package roster\n"+text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.git("add", "-A")
	h.git("commit", "-q", "-m", name)
	return h.git("rev-parse", "HEAD")
}

// TestApprovalCommits finds the commit that last added or changed an approval.
func TestApprovalCommits(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	approve := func(reason string) string { return fmt.Sprintf("approvals: %q: reason: %q\n", digest, reason) }
	for _, tt := range []struct {
		name  string
		build func(h *history) (want string)
	}{
		{"it is there from the first commit",
			func(h *history) string { return h.commit("approvals.cue", approve("a")) }},
		{"it was added later", func(h *history) string {
			h.commit("a.cue", "timezone: \"UTC\"\n")
			return h.commit("approvals.cue", approve("a"))
		}},
		{"another approval was added since", func(h *history) string {
			want := h.commit("approvals.cue", approve("a"))
			h.commit("approvals.cue", approve("a")+fmt.Sprintf("approvals: \"sha256:%064d\": reason: \"b\"\n", 1))
			return want
		}},
		{"it was edited", func(h *history) string {
			h.commit("approvals.cue", approve("a"))
			return h.commit("approvals.cue", approve("b"))
		}},
		{"it was removed and added again", func(h *history) string {
			h.commit("approvals.cue", approve("a"))
			h.commit("approvals.cue", "timezone: \"UTC\"\n")
			return h.commit("approvals.cue", approve("a"))
		}},
		{"it moved to another file", func(h *history) string {
			want := h.commit("approvals.cue", approve("a"))
			h.git("mv", "approvals.cue", "other.cue")
			h.git("commit", "-q", "-m", "move")
			return want
		}},
		{"a merge brought it", func(h *history) string {
			h.commit("a.cue", "timezone: \"UTC\"\n")
			h.git("checkout", "-q", "-b", "side")
			h.commit("approvals.cue", approve("a"))
			h.git("checkout", "-q", "main")
			h.commit("b.cue", "// b\n")
			h.git("merge", "-q", "--no-ff", "-m", "merge", "side")
			return h.git("rev-parse", "HEAD")
		}},
		{"a merge of two branches at once brought it", func(h *history) string {
			h.commit("a.cue", "timezone: \"UTC\"\n")
			h.git("checkout", "-q", "-b", "side")
			h.commit("approvals.cue", approve("a"))
			h.git("checkout", "-q", "-b", "other", "main")
			h.commit("b.cue", "// b\n")
			h.git("checkout", "-q", "main")
			h.commit("c.cue", "// c\n")
			h.git("merge", "-q", "--no-ff", "-m", "merge", "other", "side")
			return h.git("rev-parse", "HEAD")
		}},
		{"it is not there", func(h *history) string {
			h.commit("approvals.cue", approve("a"))
			h.commit("approvals.cue", "timezone: \"UTC\"\n")
			return ""
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &history{t, t.TempDir()}
			h.git("init", "-q", "-b", "main")
			want := tt.build(h)
			for range 3 { // more commits, with and without the result of the search before
				repo, err := gitrepo.Open(h.dir)
				if err != nil {
					t.Fatal(err)
				}
				source := &Source{repo: repo}
				for range 2 {
					head := h.git("rev-parse", "HEAD")
					found, err := source.ApprovalCommits(t.Context(), head, []string{digest})
					if err != nil || found[digest].ID != want {
						t.Fatalf("found %.7s, %v; want %.7s", found[digest].ID, err, want)
					}
					h.commit("more.cue", "// "+h.git("rev-list", "--count", "HEAD")+"\n")
				}
				if err := repo.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
