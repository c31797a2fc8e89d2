package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWriteReplacesTheWholeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state.json")
	for _, content := range []string{"a long first version", "short", ""} {
		if err := WriteBytes(name, 0o640, []byte(content)); err != nil {
			t.Fatal(err)
		}
		checkFile(t, name, content, 0o640)
	}
}

func TestAFailedWriteLeavesTheOldFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state.json")
	if err := WriteBytes(name, 0, []byte("old")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err := Write(name, 0, func(w io.Writer) error {
		_, _ = w.Write([]byte("ne"))
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("got error %v, want %v", err, full)
	}
	checkFile(t, name, "old", 0o600)
}

func TestCreateBytesKeepsAnExistingFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	if err := CreateBytes(name, 0o600, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := CreateBytes(name, 0o600, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v, want fs.ErrExist", err)
	}
	checkFile(t, name, "first", 0o600)
}

// What is on the disk after a step is what a crash at that point would leave.
func TestACrashLeavesTheOldOrTheNewFile(t *testing.T) {
	for step, want := range map[Step]string{Written: "old", Synced: "old", Renamed: "new"} {
		t.Run("after "+string(step), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "state.json")
			if err := WriteBytes(name, 0, []byte("old")); err != nil {
				t.Fatal(err)
			}
			reached := false
			w := Writer{After: func(s Step) {
				if s != step {
					return
				}
				reached = true
				if content, err := os.ReadFile(name); err != nil || string(content) != want {
					t.Errorf("the file has %q (%v), want %q", content, err, want)
				}
			}}
			if err := w.Write(name, bytesWriter([]byte("new"))); err != nil || !reached {
				t.Fatalf("write: %v, step reached: %v", err, reached)
			}
		})
	}
}

func TestSweepRemovesOnlyTheFilesOwnLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.json", ".a.json-123", ".b.json-123", "a.json-123"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{".b.json-123", "a.json", "a.json-123"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestRemoveOfNothingSucceeds(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state.json")
	if err := WriteBytes(name, 0, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Remove(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

func checkFile(t *testing.T, name, content string, perm fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != content {
		t.Errorf("the file has %q (%v), want %q", got, err, content)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != perm {
		t.Errorf("the file has mode %v (%v), want %v", info.Mode().Perm(), err, perm)
	}
	if left := names(t, filepath.Dir(name)); len(left) != 1 {
		t.Errorf("the directory has %q, want only the file", left)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
