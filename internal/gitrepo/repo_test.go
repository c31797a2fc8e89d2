package gitrepo

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	linked := filepath.Join(t.TempDir(), "linked")
	runGit(t, dir, "worktree", "add", "-q", "-b", "side", linked)
	clone := filepath.Join(t.TempDir(), "clone")
	runGit(t, dir, "clone", "-q", "--shared", dir, clone)
	for _, tt := range []struct{ name, dir, prefix, branch string }{
		{"the root of a working copy", dir, ".", "main"},
		{"a folder of a working copy", filepath.Join(dir, "users", "deep"), "users/deep", "main"},
		{"a linked working copy", filepath.Join(linked, "users"), "users", "side"},
		{"a clone that shares the objects of another repository", clone, ".", "main"},
		{"a bare repository", newServer(t), ".", "main"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Open(tt.dir)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			branch, ok, err := got.HeadBranch()
			if got.Prefix() != tt.prefix || branch != tt.branch || !ok || err != nil {
				t.Errorf("prefix %q, branch %q, %v, %v", got.Prefix(), branch, ok, err)
			}
			h, err := got.Resolve("HEAD")
			if err != nil {
				t.Fatal(err)
			}
			if text := readFile(t, got, h, "users/deep/eve.cue"); text != "eve\n" {
				t.Errorf("read %q", text)
			}
		})
	}
	cl, _ := Open(clone)
	if url, ok, err := cl.RemoteURL("origin"); url != dir || !ok || err != nil {
		t.Errorf("origin of the clone: %q, %v, %v", url, ok, err)
	}
	sha256 := filepath.Join(t.TempDir(), "sha256")
	runGit(t, t.TempDir(), "init", "-q", "--object-format=sha256", sha256)
	for dir, wantErr := range map[string]string{
		t.TempDir(): "roster init", filepath.Join(dir, "roster.cue"): "is not a folder",
		filepath.Join(dir, "nowhere"): "no such file", sha256: "sha1 only",
	} {
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("Open(%s): %v, want %q", dir, err, wantErr)
		}
	}
}
