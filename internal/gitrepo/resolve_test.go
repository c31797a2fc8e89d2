package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	first := head(t, r, "main")
	write(t, dir, "x", "x")
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "commit", "-q", "-m", "second")
	second := head(t, r, "main")
	runGit(t, dir, "tag", "light", first.String())
	runGit(t, dir, "tag", "-a", "-m", "annotated", "v1", first.String())
	runGit(t, dir, "update-ref", "refs/remotes/origin/feature", first.String())
	runGit(t, dir, "branch", "team/alice", first.String())
	for _, pack := range []bool{false, true} {
		if pack {
			runGit(t, dir, "gc", "-q")
		}
		for ref, want := range map[string]Hash{
			"HEAD": second, "main": second, "refs/heads/main": second, "light": first, "v1": first,
			"origin/feature": first, "team/alice": first, "main~1": first, "main~": first, "main^": first,
			"HEAD~0": second, first.String(): first, first.Short(): first, strings.ToUpper(second.Short()): second,
		} {
			if got, err := r.Resolve(ref); err != nil || got != want {
				t.Errorf("packed %v: %s: %v, %v, want %v", pack, ref, got, err, want)
			}
		}
	}
	_, err := r.Resolve("mian")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "main, team/alice") {
		t.Errorf("a misspelled branch: %v", err)
	}
	for ref, wantErr := range map[string]string{
		"main~5": "there is no earlier commit: the history starts at",
		"main~x": "is not a number", "../../etc/passwd": "no branch",
		"": "no branch", "deadbeef": "no branch", strings.Repeat("ab", 20): "no branch",
		runGit(t, dir, "rev-parse", "main:x"): "not a commit",
	} {
		if _, err := r.Resolve(ref); err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %v, want %q", ref, err, wantErr)
		}
	}
	must(0, os.WriteFile(filepath.Join(r.GitDir(), "refs", "heads", "truncated"), nil, 0o644))
	if _, _, err := r.Head("truncated"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a branch file that a crash has truncated: %v", err)
	}
}
