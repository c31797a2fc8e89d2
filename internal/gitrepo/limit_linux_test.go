package gitrepo

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// makeTree stores a tree with 16 entries of one object.
func makeTree(t *testing.T, dir, mode, object string) string {
	t.Helper()
	var b strings.Builder
	for i := range 16 {
		fmt.Fprintf(&b, "%s %s\tf%02d\n", mode, object, i)
	}
	return storeTree(t, dir, b.String())
}

// storeTree stores a tree, given as git ls-tree prints it.
func storeTree(t *testing.T, dir, entries string) string {
	t.Helper()
	cmd := exec.Command("git", "mktree")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(entries)
	return strings.TrimSpace(string(must(cmd.Output())))
}

// TestMergeOfATreeBombIsEnded merges a head that deletes files and adds a folder with 16 to the
// power of 9 files. Git looks for renames in all of them.
func TestMergeOfATreeBombIsEnded(t *testing.T) {
	repo := newWorkingCopy(t)
	dir := repo.WorkTree()
	for i := range 3 {
		write(t, dir, fmt.Sprintf("groups/g%d.txt", i), strings.Repeat(fmt.Sprintln("line", i), 100))
	}
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "commit", "-q", "-m", "base")
	blob := runGit(t, dir, "rev-parse", "HEAD:groups/g1.txt")
	tree := makeTree(t, dir, "100644 blob", blob)
	for range 8 {
		tree = makeTree(t, dir, "040000 tree", tree)
	}
	root := storeTree(t, dir, "040000 tree "+tree+"\tgroups\n")
	bomb := runGit(t, dir, "commit-tree", "-p", "HEAD", "-m", "bomb", root)
	write(t, dir, "groups/g1.txt", strings.Repeat("other line\n", 90))
	runGit(t, dir, "commit", "-q", "-a", "-m", "on the branch")

	repo.MergeLimits = Limits{CPU: time.Second, Memory: 256 << 20}
	_, err := repo.Merge(t.Context(), must(repo.Resolve("HEAD")), must(repo.Resolve(bomb)))
	var limited *LimitError
	if !errors.As(err, &limited) {
		t.Errorf("got %v, want a LimitError", err)
	}
}
