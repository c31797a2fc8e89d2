package gitobject

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("git"); err != nil {
		os.Stderr.WriteString("these tests need the git program: apt-get install git\n")
		os.Exit(1)
	}
	os.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	os.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	os.Exit(m.Run())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// runGit runs git in a folder and returns its output.
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

// newRepository creates a bare repository with a history of small files, 1,000 in a folder. The
// first commit adds all files, each later commit changes one. All objects are in one pack.
func newRepository(t testing.TB, files, commits int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository.git")
	runGit(t, t.TempDir(), "init", "-q", "--bare", dir)
	cmd := exec.Command("git", "fast-import", "--quiet", "--depth=50")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	in := must(cmd.StdinPipe())
	must(0, cmd.Start())
	w := bufio.NewWriter(in)
	writeFile := func(commit, file int) {
		body := fmt.Sprintf("users: \"u-%d\": {userId: \"user%d\", state: \"ACTIVE\"} // %d\n", file, file, commit)
		fmt.Fprintf(w, "M 644 inline users/%03d/u-%d.cue\ndata %d\n%s\n", file/1000, file, len(body), body)
	}
	for c := range commits {
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 2\nm\n", 1_700_000_000+c)
		if c == 0 {
			for i := range files {
				writeFile(c, i)
			}
			continue
		}
		writeFile(c, c*37%files)
	}
	must(0, w.Flush())
	must(0, in.Close())
	must(0, cmd.Wait())
	runGit(t, dir, "repack", "-a", "-d", "-q")
	return dir
}

// open returns the store of a repository.
func open(t testing.TB, dir string) *Store {
	s := Open(filepath.Join(dir, "objects"))
	t.Cleanup(s.Close)
	return s
}
