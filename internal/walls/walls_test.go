package walls

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/seed-d64a251c/roster"

// wall says what some packages may not import, and why.
//
// Patterns are those of the go command: "x/..." is x and all below it. "./x" is a
// package of roster; "others" is all that is neither roster's nor the standard
// library's.
type wall struct {
	before []string // the packages that it stands before
	except []string // those of them that may pass
	closed []string // imports that it stops
	gates  []string // those of them that it lets through
	reason string
}

var everybody = []string{"./..."}

var walls = []wall{
	{
		before: everybody, except: []string{"./schema"}, closed: []string{"cuelang.org/go/..."},
		reason: "CUE is how declarations are written, and only schema reads them: all else works on plain Go values",
	},
	{
		before: everybody, except: []string{"./internal/gitrepo"}, closed: []string{"github.com/go-git/..."},
		reason: "only gitrepo knows Git's types: all else sees a commit as an fs.FS",
	},
	{
		before: everybody, except: []string{"./samlmeta"}, closed: []string{"github.com/crewjam/saml/..."},
		reason: "only samlmeta knows how SAML metadata is written",
	},
	{
		before: []string{"./samlmeta"}, closed: []string{"./...", "net/http", "net/http/...", "os", "os/exec"}, gates: []string{"./schema"},
		reason: "samlmeta joins what schema declares to the bytes of files and decides at a time that it is given: it opens nothing and asks nobody",
	},
	{
		before: everybody, except: []string{"./samlmeta"}, closed: []string{"github.com/russellhaering/goxmldsig/...", "github.com/beevik/etree"},
		reason: "XML signatures are made and checked in one place",
	},
	{
		before: []string{"./schema"}, closed: []string{"./..."},
		reason: "schema is the ground floor: what people write does not depend on what is done with it",
	},
	{
		before: []string{"./reconcile"}, closed: []string{"./..."}, gates: []string{"./schema"},
		reason: "reconcile decides from declarations alone; the rest is joined to it by interfaces that it declares",
	},
	{
		before: []string{"./reconcile"},
		closed: []string{
			"net/...", "os/exec", "github.com/go-git/...", "cuelang.org/go/...",
			"github.com/crewjam/saml/...", "github.com/russellhaering/goxmldsig/...",
		},
		reason: "what decides over people's access is pure: no network, Git, CUE or SAML under it",
	},
	{
		before: []string{"./scim"}, closed: []string{"./...", "others"}, gates: []string{"golang.org/x/time/..."},
		reason: "the client can be lifted out of the repository and used elsewhere",
	},
	{
		before: []string{"./scim/awssim"}, closed: []string{"./..."},
		reason: "the simulator is a second witness: code shared with the client would hide the client's mistakes",
	},
	{
		before: everybody, closed: []string{"./scim/foreign"},
		reason: "servers that are there for tests do not belong in the binary",
	},
	{
		before: []string{"./internal/audit"}, closed: []string{"./..."}, gates: []string{"./reconcile"},
		reason: "audit keeps what reconcile decided and did; it neither reads declarations nor speaks to anybody",
	},
	{
		before: []string{"./internal/forge"}, closed: []string{"./..."},
		reason: "forge speaks to GitHub, GitLab and Gitea: what is proposed and what is made of it are not its business",
	},
	{
		before: []string{"./internal/preview"}, closed: []string{"./..."}, gates: []string{"./internal/forge", "./internal/gitrepo", "./reconcile", "./schema"},
		reason: "preview shows proposals what reconcile makes of them: it neither speaks to a directory nor reads a secret",
	},
	{
		before: everybody, except: []string{"./internal/forge"},
		closed: []string{"github.com/google/go-github/...", "gitlab.com/gitlab-org/...", "code.gitea.io/...", "github.com/golang-jwt/..."},
		reason: "only forge knows the forges' APIs: all else sees pull requests",
	},
	{
		before: []string{"./internal/secret"}, closed: []string{"./..."}, gates: []string{"./schema"},
		reason: "few hands touch a secret: from its reference, which schema parses, to its value",
	},
	{
		before: []string{"./internal/oauth"}, closed: []string{"./..."},
		reason: "oauth speaks to an authorization server: it knows nothing of who wants the token, or what for",
	},
	{
		before: []string{"./internal/probe"}, closed: []string{"./..."}, gates: []string{"./scim"},
		reason: "probe judges what a call to a SCIM endpoint came to, and knows no declarations",
	},
	{
		before: []string{"./internal/deadline"}, closed: []string{"./...", "others"}, gates: []string{"./schema"},
		reason: "deadlines follow from declarations and the clock alone",
	},
	{
		before: []string{"./internal/pace"}, closed: []string{"./...", "others"},
		reason: "how long the rest takes follows from how long the last of it took, whatever is done",
	},
	{
		before: []string{"./internal/directory"}, closed: []string{"./..."}, gates: []string{"./reconcile", "./schema", "./scim"},
		reason: "directory puts reconcile's interface upon scim's client, and knows nothing else",
	},
	{
		before: []string{"./internal/web"}, closed: []string{"./internal/gitrepo", "./scim/..."},
		reason: "web renders reports: it reads no repository and speaks to no directory",
	},
	{
		before: everybody, except: []string{"./cmd/..."}, closed: []string{"./cmd/..."},
		reason: "commands are the top: they wire the rest together and nothing stands on them",
	},
}

// unbuilt are packages that have a wall before they have code. Any other package
// that a wall names must exist: else its name is misspelt, and the wall guards nothing.
var unbuilt = []string{"./internal/web"}

// vague are names that say nothing about what a package knows.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "interfaces"}

func TestWallsStand(t *testing.T) {
	rooms := surveyed(t, os.DirFS("../.."))
	if len(rooms) < 5 {
		t.Fatalf("found only the packages %q: is this the root of the module?", slices.Sorted(maps.Keys(rooms)))
	}
	for _, b := range breaches(rooms, walls) {
		t.Error(b)
	}
}

func TestWallsAreBeforePackagesThatExist(t *testing.T) {
	rooms := surveyed(t, os.DirFS("../.."))
	dirs := slices.Collect(maps.Keys(rooms))
	for _, w := range walls {
		for _, name := range slices.Concat(w.before, w.except, w.closed, w.gates) {
			if !strings.HasPrefix(name, "./") || slices.Contains(unbuilt, name) {
				continue
			}
			if !slices.ContainsFunc(dirs, func(dir string) bool { return matches(name, module+"/"+dir) }) {
				t.Errorf("a wall names %s, which does not exist (its reason: %s)", name, w.reason)
			}
		}
	}
}

// Each row is a module that breaks one wall, or just does not.
func TestBrokenWallIsFound(t *testing.T) {
	for _, row := range []struct {
		name, file, code string
		want             string // part of what is found; if empty, nothing is
	}{
		{"schema may import CUE", "schema/a.go", `package schema; import "cuelang.org/go/cue"`, ""},
		{"reconcile may not import CUE", "reconcile/a.go", `package reconcile; import _ "cuelang.org/go/cue/ast"`, "reconcile imports cuelang.org/go/cue/ast"},
		{"directory may not import CUE", "internal/directory/a.go", `package directory; import "cuelang.org/go/cue"`, "internal/directory imports cuelang.org/go/cue"},
		{"a path that only begins alike is another module", "scim/awssim/a.go", `package awssim; import "cuelang.org/golang"`, ""},
		{"cmd may not import go-git", "cmd/roster/a.go", `package main; import "github.com/go-git/go-billy/v5"`, "cmd/roster imports github.com/go-git/go-billy/v5"},
		{"gitrepo may import go-git", "internal/gitrepo/a.go", `package gitrepo; import "github.com/go-git/go-git/v5/plumbing"`, ""},
		{"reconcile may not import a package of SAML", "reconcile/a.go", `package reconcile; import "github.com/crewjam/saml/samlsp"`, "reconcile imports github.com/crewjam/saml/samlsp"},
		{"schema may not import crewjam/saml", "schema/a.go", `package schema; import "github.com/crewjam/saml"`, "schema imports github.com/crewjam/saml"},
		{"samlmeta may import crewjam/saml", "samlmeta/a.go", `package samlmeta; import "github.com/crewjam/saml"`, ""},
		{"samlmeta may import schema", "samlmeta/a.go", `package samlmeta; import "` + module + `/schema"`, ""},
		{"samlmeta may not import secret", "samlmeta/a.go", `package samlmeta; import "` + module + `/internal/secret"`, "samlmeta imports ./internal/secret"},
		{"samlmeta may not open files", "samlmeta/a.go", `package samlmeta; import "os"`, "samlmeta imports os"},
		{"web may not sign XML", "internal/web/a.go", `package web; import "github.com/russellhaering/goxmldsig"`, "internal/web imports github.com/russellhaering/goxmldsig"},
		{"schema may not import samlmeta", "schema/a.go", `package schema; import "` + module + `/samlmeta"`, "schema imports ./samlmeta"},
		{"schema may not import reconcile", "schema/a.go", `package schema; import "` + module + `/reconcile"`, "schema imports ./reconcile"},
		{"reconcile may import schema", "reconcile/a.go", `package reconcile; import "` + module + `/schema"`, ""},
		{"reconcile may not import audit", "reconcile/a.go", `package reconcile; import "` + module + `/internal/audit"`, "reconcile imports ./internal/audit"},
		{"reconcile may not import net/http", "reconcile/a.go", `package reconcile; import "net/http"`, "reconcile imports net/http"},
		{"scim may import x/time", "scim/a.go", `package scim; import ("net/http"; "golang.org/x/time/rate")`, ""},
		{"scim may not import another module", "scim/a.go", `package scim; import "golang.org/x/sync/errgroup"`, "scim imports golang.org/x/sync/errgroup"},
		{"scim may not import its simulator", "scim/a.go", `package scim; import "` + module + `/scim/awssim"`, "scim imports ./scim/awssim"},
		{"the simulator may not import the client", "scim/awssim/a.go", `package awssim; import "` + module + `/scim"`, "scim/awssim imports ./scim"},
		{"foreign servers are for tests", "cmd/roster/a.go", `package main; import "` + module + `/scim/foreign"`, "cmd/roster imports ./scim/foreign"},
		{"audit may not import schema", "internal/audit/a.go", `package audit; import "` + module + `/schema"`, "internal/audit imports ./schema"},
		{"audit may import reconcile", "internal/audit/a.go", `package audit; import "` + module + `/reconcile"`, ""},
		{"secret may not import reconcile", "internal/secret/a.go", `package secret; import "` + module + `/reconcile"`, "internal/secret imports ./reconcile"},
		{"directory may not import the simulator", "internal/directory/a.go", `package directory; import "` + module + `/scim/awssim"`, "internal/directory imports ./scim/awssim"},
		{"directory may import scim", "internal/directory/a.go", `package directory; import "` + module + `/scim"`, ""},
		{"web may not import gitrepo", "internal/web/a.go", `package web; import "` + module + `/internal/gitrepo"`, "internal/web imports ./internal/gitrepo"},
		{"nobody imports a command", "internal/web/a.go", `package web; import "` + module + `/cmd/roster"`, "internal/web imports ./cmd/roster"},
		{"tests may import what they like", "reconcile/a_test.go", `package reconcile; import "net/http"`, ""},
		{"a file for another system counts", "reconcile/a_windows.go", `package reconcile; import "net/http"`, "reconcile imports net/http"},
		{"a file behind a build tag counts", "reconcile/a.go", "//go:build never\n\npackage reconcile\nimport `net/http`", "reconcile imports net/http"},
		{"a vague directory name", "internal/util/a.go", `package strings`, "internal/util is a vague name"},
		{"a vague package name", "internal/a/a.go", `package helpers`, "helpers in internal/a is a vague name"},
		{"testdata is no package", "schema/testdata/a.go", `package schema; import "net/http"`, ""},
		{"another module is not ours", "reconcile/x/a.go", `package types`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			tree := fstest.MapFS{
				"go.mod":             {},
				"reconcile/x/go.mod": {},
				row.file:             {Data: []byte(row.code)},
			}
			got := breaches(surveyed(t, tree), walls)
			if row.want == "" && len(got) > 0 {
				t.Errorf("got %q, want no breach", got)
			}
			if !strings.Contains(strings.Join(got, "\n"), row.want) {
				t.Errorf("got %q, want a breach that says %q", got, row.want)
			}
		})
	}
}

// room is a package: the names that its files give it, and what they import.
type room struct {
	names, imports map[string]bool
}

func surveyed(t *testing.T, tree fs.FS) map[string]room {
	t.Helper()
	rooms, err := survey(tree)
	if err != nil {
		t.Fatal(err)
	}
	return rooms
}

// survey reads the packages of the module in tree, by directory. It reads files of
// all systems and build tags, which the go command would not list; and it reads
// them within this process, so that a cached result of this test is never stale.
func survey(tree fs.FS) (map[string]room, error) {
	rooms := map[string]room{}
	err := fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(tree, file)
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("read imports: %w", err)
		}
		dir := path.Dir(file)
		if _, ok := rooms[dir]; !ok {
			rooms[dir] = room{map[string]bool{}, map[string]bool{}}
		}
		rooms[dir].names[parsed.Name.Name] = true
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("read imports of %s: %w", file, err)
			}
			rooms[dir].imports[name] = true
		}
		return nil
	})
	return rooms, err
}

// skip returns fs.SkipDir for a directory that holds no package of this module.
func skip(tree fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	_, err := fs.Stat(tree, dir+"/go.mod")
	if err == nil || base[0] == '.' || base[0] == '_' || base == "testdata" || base == "node_modules" {
		return fs.SkipDir
	}
	return nil
}

// breaches lists every broken wall and every vague name, sorted.
func breaches(rooms map[string]room, walls []wall) []string {
	var found []string
	for dir, room := range rooms {
		for name := range room.imports {
			for _, w := range walls {
				if w.stops(module+"/"+dir, name) {
					found = append(found, fmt.Sprintf("%s imports %s: %s", dir, strings.Replace(name, module, ".", 1), w.reason))
				}
			}
		}
		if slices.Contains(vague, path.Base(dir)) {
			found = append(found, fmt.Sprintf("package %s is a vague name: name it after what it knows", dir))
		}
		for name := range room.names {
			if slices.Contains(vague, name) && name != path.Base(dir) {
				found = append(found, fmt.Sprintf("package %s in %s is a vague name: name it after what it knows", name, dir))
			}
		}
	}
	slices.Sort(found)
	return found
}

func (w wall) stops(importer, imported string) bool {
	in := func(patterns []string, name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
	}
	return in(w.before, importer) && !in(w.except, importer) && in(w.closed, imported) && !in(w.gates, imported)
}

// matches tells whether an import path is one of those that a pattern of wall means.
func matches(pattern, name string) bool {
	if pattern == "others" {
		host, _, _ := strings.Cut(name, "/")
		return strings.Contains(host, ".") && !matchesPath(module+"/...", name)
	}
	if below, ok := strings.CutPrefix(pattern, "./"); ok {
		pattern = module + "/" + below
	}
	return matchesPath(pattern, name)
}

func matchesPath(pattern, name string) bool {
	parent, tree := strings.CutSuffix(pattern, "/...")
	return name == parent || tree && strings.HasPrefix(name, parent+"/")
}
