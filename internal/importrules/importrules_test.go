package importrules

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

// vagueNames are package names that do not describe the content of a package.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "interfaces"}

func TestNoPackageBreaksAnImportRule(t *testing.T) {
	packages := readModule(t, os.DirFS("../.."))
	if len(packages) < 5 {
		t.Fatalf("found only the packages %q: is this the root of the module?", slices.Sorted(maps.Keys(packages)))
	}
	for _, v := range violations(packages, rules) {
		t.Error(v)
	}
}

// A misspelt package name in a rule would disable the rule.
func TestImportRulesNameExistingPackages(t *testing.T) {
	packages := readModule(t, os.DirFS("../.."))
	dirs := slices.Collect(maps.Keys(packages))
	for _, r := range rules {
		for _, name := range slices.Concat(r.packages, r.except, r.forbidden, r.allowed) {
			if !strings.HasPrefix(name, "./") {
				continue
			}
			if !slices.ContainsFunc(dirs, func(dir string) bool { return matches(name, module+"/"+dir) }) {
				t.Errorf("a rule names %s, which does not exist (reason of the rule: %s)", name, r.reason)
			}
		}
	}
}

// Each row is a module with one file, which either breaks one rule or is a near miss.
func TestViolationsAreFound(t *testing.T) {
	for _, row := range []struct {
		name, file, code string
		want             string // part of the violation; empty means no violation
	}{
		{
			"constraint may import CUE", "schema/internal/constraint/a.go",
			`package constraint; import "cuelang.org/go/cue"`, "",
		},
		{
			"schema itself may not", "schema/a.go", `package schema; import "cuelang.org/go/cue"`,
			"schema imports cuelang.org/go/cue",
		},
		{
			"reconcile may not import CUE", "reconcile/a.go",
			`package reconcile; import _ "cuelang.org/go/cue/ast"`,
			"reconcile imports cuelang.org/go/cue/ast",
		},
		{
			"directory may not import CUE", "internal/directory/a.go",
			`package directory; import "cuelang.org/go/cue"`,
			"internal/directory imports cuelang.org/go/cue",
		},
		{
			"a module path with the same prefix is another module", "scim/awssim/a.go",
			`package awssim; import "cuelang.org/golang"`,
			"",
		},
		{
			"cmd may not import go-git", "cmd/roster/a.go",
			`package main; import "github.com/go-git/go-billy/v5"`,
			"cmd/roster imports github.com/go-git/go-billy/v5",
		},
		{
			"gitrepo may import go-git", "internal/gitrepo/a.go",
			`package gitrepo; import "github.com/go-git/go-git/v5/plumbing"`,
			"",
		},
		{
			"gitobject may import go-git", "internal/gitobject/a.go",
			`package gitobject; import "github.com/go-git/go-git/v5/plumbing"`,
			"",
		},
		{
			"gitrepo may import gitobject", "internal/gitrepo/a.go",
			`package gitrepo; import "` + module + `/internal/gitobject"`,
			"",
		},
		{
			"gitobject may not import gitrepo", "internal/gitobject/a.go",
			`package gitobject; import "` + module + `/internal/gitrepo"`,
			"internal/gitobject imports ./internal/gitrepo",
		},
		{
			"audit may not import gitobject", "internal/audit/a.go",
			`package audit; import "` + module + `/internal/gitobject"`,
			"internal/audit imports ./internal/gitobject",
		},
		{
			"reconcile may not import a package of SAML", "reconcile/a.go",
			`package reconcile; import "github.com/crewjam/saml/samlsp"`,
			"reconcile imports github.com/crewjam/saml/samlsp",
		},
		{
			"schema may not import crewjam/saml", "schema/a.go",
			`package schema; import "github.com/crewjam/saml"`,
			"schema imports github.com/crewjam/saml",
		},
		{"samlmeta may import crewjam/saml", "samlmeta/a.go", `package samlmeta; import "github.com/crewjam/saml"`, ""},
		{"samlmeta may import schema", "samlmeta/a.go", `package samlmeta; import "` + module + `/schema"`, ""},
		{
			"samlmeta may not import secret", "samlmeta/a.go",
			`package samlmeta; import "` + module + `/internal/secret"`,
			"samlmeta imports ./internal/secret",
		},
		{"samlmeta may not open files", "samlmeta/a.go", `package samlmeta; import "os"`, "samlmeta imports os"},
		{
			"web may not sign XML", "internal/web/a.go",
			`package web; import "github.com/russellhaering/goxmldsig"`,
			"internal/web imports github.com/russellhaering/goxmldsig",
		},
		{
			"schema may not import samlmeta", "schema/a.go",
			`package schema; import "` + module + `/samlmeta"`,
			"schema imports ./samlmeta",
		},
		{
			"schema may not import reconcile", "schema/a.go",
			`package schema; import "` + module + `/reconcile"`,
			"schema imports ./reconcile",
		},
		{"reconcile may import schema", "reconcile/a.go", `package reconcile; import "` + module + `/schema"`, ""},
		{
			"reconcile may not import audit", "reconcile/a.go",
			`package reconcile; import "` + module + `/internal/audit"`,
			"reconcile imports ./internal/audit",
		},
		{
			"reconcile may not import net/http", "reconcile/a.go",
			`package reconcile; import "net/http"`,
			"reconcile imports net/http",
		},
		{"scim may import x/time", "scim/a.go", `package scim; import ("net/http"; "golang.org/x/time/rate")`, ""},
		{
			"scim may not import another module", "scim/a.go",
			`package scim; import "golang.org/x/sync/errgroup"`,
			"scim imports golang.org/x/sync/errgroup",
		},
		{
			"scim may not import its simulator", "scim/a.go",
			`package scim; import "` + module + `/scim/awssim"`,
			"scim imports ./scim/awssim",
		},
		{
			"the simulator may not import the client", "scim/awssim/a.go",
			`package awssim; import "` + module + `/scim"`,
			"scim/awssim imports ./scim",
		},
		{
			"cmd may not import scim/foreign", "cmd/roster/a.go",
			`package main; import "` + module + `/scim/foreign"`,
			"cmd/roster imports ./scim/foreign",
		},
		{
			"audit may not import schema", "internal/audit/a.go",
			`package audit; import "` + module + `/schema"`,
			"internal/audit imports ./schema",
		},
		{"audit may import reconcile", "internal/audit/a.go", `package audit; import "` + module + `/reconcile"`, ""},
		{
			"secret may not import reconcile", "internal/secret/a.go",
			`package secret; import "` + module + `/reconcile"`,
			"internal/secret imports ./reconcile",
		},
		{
			"directory may not import the simulator", "internal/directory/a.go",
			`package directory; import "` + module + `/scim/awssim"`,
			"internal/directory imports ./scim/awssim",
		},
		{"directory may import scim", "internal/directory/a.go", `package directory; import "` + module + `/scim"`, ""},
		{
			"web may not import gitrepo", "internal/web/a.go",
			`package web; import "` + module + `/internal/gitrepo"`,
			"internal/web imports ./internal/gitrepo",
		},
		{"cmd may import app", "cmd/roster/a.go", `package main; import "` + module + `/internal/app"`, ""},
		{
			"cmd may not import gitrepo", "cmd/roster/a.go",
			`package main; import "` + module + `/internal/gitrepo"`,
			"cmd/roster imports ./internal/gitrepo",
		},
		{
			"daemon may not import app", "internal/daemon/a.go",
			`package daemon; import "` + module + `/internal/app"`,
			"internal/daemon imports ./internal/app",
		},
		{
			"demo may not import reconcile", "internal/demo/a.go",
			`package demo; import "` + module + `/reconcile"`,
			"internal/demo imports ./reconcile",
		},
		{
			"web may not import a command", "internal/web/a.go",
			`package web; import "` + module + `/cmd/roster"`,
			"internal/web imports ./cmd/roster",
		},
		{"no package may import log", "scim/a.go", `package scim; import "log"`, "scim imports log"},
		{"every package may import log/slog", "scim/a.go", `package scim; import "log/slog"`, ""},
		{"tests may import anything", "reconcile/a_test.go", `package reconcile; import "net/http"`, ""},
		{
			"a file for another system counts", "reconcile/a_windows.go",
			`package reconcile; import "net/http"`,
			"reconcile imports net/http",
		},
		{
			"a file behind a build tag counts", "reconcile/a.go",
			"//go:build never\n\npackage reconcile\nimport `net/http`",
			"reconcile imports net/http",
		},
		{"a vague directory name", "internal/util/a.go", `package strings`, "internal/util is a vague name"},
		{"a vague package name", "internal/a/a.go", `package helpers`, "helpers in internal/a is a vague name"},
		{"testdata is no package", "schema/testdata/a.go", `package schema; import "net/http"`, ""},
		{"a nested module is not checked", "reconcile/x/a.go", `package types`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			tree := fstest.MapFS{
				"go.mod":             {},
				"reconcile/x/go.mod": {},
				row.file:             {Data: []byte(row.code)},
			}
			got := violations(readModule(t, tree), rules)
			if row.want == "" && len(got) > 0 {
				t.Errorf("got %q, want no violation", got)
			}
			if !strings.Contains(strings.Join(got, "\n"), row.want) {
				t.Errorf("got %q, want a violation that contains %q", got, row.want)
			}
		})
	}
}

// goPackage is the package in one directory: the names in its package clauses, and its imports.
type goPackage struct {
	names, imports map[string]bool
}

func readModule(t *testing.T, tree fs.FS) map[string]goPackage {
	t.Helper()
	packages, err := parseImports(tree)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// parseImports reads the packages of the module in tree, by directory. It reads the files of all
// systems and build tags, which the go command would not list. It reads them in this process, so
// that a cached result of this test is never stale.
func parseImports(tree fs.FS) (map[string]goPackage, error) {
	packages := map[string]goPackage{}
	err := fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(tree, file)
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
		if _, ok := packages[dir]; !ok {
			packages[dir] = goPackage{map[string]bool{}, map[string]bool{}}
		}
		packages[dir].names[parsed.Name.Name] = true
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("read imports of %s: %w", file, err)
			}
			packages[dir].imports[name] = true
		}
		return nil
	})
	return packages, err
}

// skipDir returns fs.SkipDir for a directory that has no package of this module.
func skipDir(tree fs.FS, dir string) error {
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

// violations lists every broken rule and every vague name, sorted.
func violations(packages map[string]goPackage, rules []rule) []string {
	var found []string
	for dir, p := range packages {
		for name := range p.imports {
			for _, r := range rules {
				if r.forbids(module+"/"+dir, name) {
					short := strings.Replace(name, module, ".", 1)
					found = append(found, fmt.Sprintf("%s imports %s: %s", dir, short, r.reason))
				}
			}
		}
		if slices.Contains(vagueNames, path.Base(dir)) {
			found = append(found, fmt.Sprintf("package %s is a vague name: name it after its content", dir))
		}
		for name := range p.names {
			if slices.Contains(vagueNames, name) && name != path.Base(dir) {
				found = append(found,
					fmt.Sprintf("package %s in %s is a vague name: name it after its content", name, dir))
			}
		}
	}
	slices.Sort(found)
	return found
}

func (r rule) forbids(importer, imported string) bool {
	in := func(patterns []string, name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
	}
	return in(r.packages, importer) && !in(r.except, importer) &&
		in(r.forbidden, imported) && !in(r.allowed, imported)
}

// matches reports whether a pattern of a rule matches an import path.
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
