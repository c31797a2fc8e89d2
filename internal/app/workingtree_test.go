package app

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// TestACheckOfTheWorkingTreeIsThatOfTheCommit has files that Git ignores, and one that is
// untracked.
func TestACheckOfTheWorkingTreeIsThatOfTheCommit(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("init", "-q")
	for name, text := range map[string]string{
		"a.cue": "package roster\n", ".gitignore": "local.cue\n/users/secret/\n*.csv\nnode_modules/\n",
		"local.cue":          "package roster\ngroups: local: displayName: \"Local\"\n",
		"users/secret/x.cue": "package roster\ngroups: secret: displayName: \"Secret\"\n",
		"groups/g.csv":       "key,displayName\ng,G\n", "groups/tracked.csv": "key,displayName\nt,T\n",
		"groups/new.yaml": "n: {displayName: N}\n", "node_modules/m/m.txt": "x\n",
	} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	run("add", "--force", "groups/tracked.csv", "a.cue", ".gitignore")
	for _, folder := range []string{"", "groups"} {
		tree, err := newCommittableTree(t.Context(), filepath.Join(dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		if folder != "" {
			if _, err := fs.Stat(tree, "g.csv"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("an ignored file in a subfolder is there: %v", err)
			}
			continue
		}
		d, err := schema.Load(tree)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(d.Groups)); !slices.Equal(got, []string{"n", "t"}) {
			t.Errorf("the groups are %q; want those that are tracked or new", got)
		}
		var warned []string
		for _, p := range tree.ignoredWarnings() {
			warned = append(warned, p.Pos.File)
		}
		if !slices.Equal(warned, []string{"groups/g.csv", "local.cue", "users/secret"}) {
			t.Errorf("the warnings are about %q", warned)
		}
		if _, err := fs.ReadFile(tree, "users/secret/x.cue"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file in an ignored folder can be read: %v", err)
		}
	}
	outside, err := newCommittableTree(t.Context(), t.TempDir())
	if err != nil || len(outside.ignored) != 0 {
		t.Errorf("a folder outside any repository has %v, %v", outside.ignored, err)
	}
}
