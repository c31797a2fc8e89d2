package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/testdata"
)

// TestCheckFollowsNoLinks replaces the SAML metadata, a certificate, and the folder of both by
// links to the same files outside of the repository.
func TestCheckFollowsNoLinks(t *testing.T) {
	for _, name := range []string{"saml/aws-sp.xml", "saml/idp-2026.crt", "saml"} {
		t.Run(name, func(t *testing.T) {
			outside, dir := t.TempDir(), filepath.Join(t.TempDir(), "repository")
			for _, to := range []string{outside, dir} {
				if err := os.CopyFS(to, testdata.Example()); err != nil {
					t.Fatal(err)
				}
			}
			linked := filepath.Join(t.TempDir(), "linked") // the repository itself may be behind a link
			if err := os.Symlink(dir, linked); err != nil {
				t.Fatal(err)
			}
			check := func() schema.Problems {
				result, err := Check(t.Context(), Settings{}, RepositoryConfig{Dir: linked}, "")
				if err != nil {
					t.Fatal(err)
				}
				return result.Problems
			}
			if found := check(); len(found) > 0 {
				t.Fatalf("without a link: %v", found)
			}
			at := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.RemoveAll(at), os.Symlink(filepath.Join(outside, name), at)); err != nil {
				t.Fatal(err)
			}
			found := check()
			if len(found) == 0 || found[0].Code != "R2014" || !strings.Contains(found[0].Message,
				name+" is a symbolic link, which roster does not follow") || found[0].Pos.Line == 0 {
				t.Errorf("the problems are\n%v", found)
			}
		})
	}
}

func TestAWorkingTreeListsLinksAndDoesNotReadThem(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600),
		os.Symlink("file", filepath.Join(dir, "link")), os.Symlink(".", filepath.Join(dir, "loop"))); err != nil {
		t.Fatal(err)
	}
	tree := newWorkingTree(dir)
	list, err := fs.ReadDir(tree, ".")
	if err != nil || len(list) != 3 || list[1].Type() != fs.ModeSymlink {
		t.Errorf("the folder has %v, %v", list, err)
	}
	for name, want := range map[string]error{"file": nil, "link": fs.ErrInvalid, "loop/file": fs.ErrInvalid,
		"loop/loop/missing": fs.ErrInvalid, "missing": fs.ErrNotExist, "../x": fs.ErrInvalid} {
		if _, err := fs.ReadFile(tree, name); !errors.Is(err, want) {
			t.Errorf("read %s: %v; want %v", name, err, want)
		}
		if _, err := fs.Stat(tree, name); !errors.Is(err, want) {
			t.Errorf("describe %s: %v; want %v", name, err, want)
		}
	}
}

// TestAWorkingTreeDoesNotReadSubmodules has a submodule that was fetched, and one that was not.
func TestAWorkingTreeDoesNotReadSubmodules(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.cue": "package roster\n", "users/u.csv": "key\n", "users/fetched/.git": "gitdir: x\n",
		"users/fetched/v.csv": "key\n", "users/own/.git/HEAD": "ref: x\n", "users/empty/.keep": "",
		".gitmodules": "[submodule \"e\"]\n\tpath = users/empty\n\turl = ../e\n",
	} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := schema.Load(newWorkingTree(dir))
	var found schema.Problems
	if !errors.As(err, &found) || len(found) != 3 {
		t.Fatalf("the problems are %v", err)
	}
	for i, name := range []string{"users/empty", "users/fetched", "users/own"} {
		if p := found[i]; p.Pos.File != name || p.Code != "R1013" ||
			!strings.Contains(p.Message, "is a Git submodule") {
			t.Errorf("problem %d is %v, want one at %s", i, p, name)
		}
	}
}
