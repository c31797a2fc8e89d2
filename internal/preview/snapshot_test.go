package preview

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestSnapshotIsPrivateAndReadBackUnchanged(t *testing.T) {
	e := newEnv(t, "ann bob")
	decls, err := e.declarations(t.Context(), e.applied)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.readDirectory(t.Context(), decls.Provisioners["aws"])
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "snapshots")
	for range 2 { // the second replaces the first
		if err := WriteSnapshot(dir, s); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "aws.json")
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file with mode 0600", info.Mode(), err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("%v, %v in the directory; want one file", names, err)
	}
	have, err := ReadSnapshot(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, have); diff != "" {
		t.Error(diff)
	}
}

func TestReadSnapshotRejectsOtherFiles(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"not JSON", "users:"}, {"a plan", `{"version": 1, "plans": []}`},
		{"of a later version", `{"version": 2, "provisioner": "aws"}`}, {"empty", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "s.json")
			if err := os.WriteFile(name, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadSnapshot(name); !errors.Is(err, reconcile.ErrSnapshot) {
				t.Errorf("%v; want reconcile.ErrSnapshot", err)
			}
		})
	}
	if _, err := ReadSnapshot(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v; want fs.ErrNotExist", err)
	}
}
