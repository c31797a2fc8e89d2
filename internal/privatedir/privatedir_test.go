package privatedir

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func modeOf(t *testing.T, name string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestTighten(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	dir := filepath.Join(root, "state")
	for name, mode := range map[string]fs.FileMode{
		outside: 0o644, filepath.Join(dir, "private"): 0o600, filepath.Join(dir, "pack", "read only"): 0o444,
		filepath.Join(dir, "pack", "for the group"): 0o660, filepath.Join(dir, "pack", "executable"): 0o755,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	changed, err := Tighten(dir)
	if err != nil || changed != 5 {
		t.Errorf("changed %d, %v; want 5: two folders and three files", changed, err)
	}
	for name, want := range map[string]fs.FileMode{"": DirMode, "pack": DirMode, "private": FileMode,
		"pack/read only": FileMode, "pack/for the group": FileMode, "pack/executable": FileMode} {
		if have := modeOf(t, filepath.Join(dir, name)); have != want {
			t.Errorf("%q has the mode %o; want %o", name, have, want)
		}
	}
	if have := modeOf(t, outside); have != 0o644 {
		t.Errorf("the target of a link has the mode %o", have)
	}
	if changed, err := Tighten(dir); err != nil || changed != 0 {
		t.Errorf("the second time: changed %d, %v", changed, err)
	}
	if changed, err := Tighten(filepath.Join(dir, "missing")); err != nil || changed != 0 {
		t.Errorf("a missing folder: changed %d, %v", changed, err)
	}
}

func TestMakeDoesNotDependOnTheUmask(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := Make(dir); err != nil || modeOf(t, dir) != DirMode {
		t.Errorf("mode %o, %v", modeOf(t, dir), err)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := Make(dir); err != nil || modeOf(t, dir) != 0o750 {
		t.Errorf("a folder that exists has the mode %o, %v", modeOf(t, dir), err)
	}
}
