package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

const root = "../.."

func TestEachDefectFitsItsFileAndNamesTestsThatExist(t *testing.T) {
	defects, err := allDefects()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i := range defects {
		d := &defects[i]
		if names[d.Name] || !strings.HasSuffix(d.Name, ".") {
			t.Errorf("the name %q is not a sentence of its own", d.Name)
		}
		names[d.Name] = true
		changed, err := d.apply(root)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), d.File, changed, 0); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		for _, set := range d.Tests {
			for _, name := range set.Names {
				if _, err := set.declaredIn(root, name); err != nil {
					t.Errorf("%s: %v", d.Name, err)
				}
			}
		}
	}
}

// Each part of the code that must not fail has defects in the list.
func TestTheListCoversWhatMustNotFail(t *testing.T) {
	defects, err := allDefects()
	if err != nil {
		t.Fatal(err)
	}
	if len(defects) < 60 {
		t.Errorf("there are only %d defects", len(defects))
	}
	for _, part := range []string{
		"internal/audit/", "internal/evaluator/", "internal/forge/", "internal/gitrepo/", "internal/preview/",
		"internal/secret/", "internal/secret/scrub/", "internal/web/", "internal/webauth/", "reconcile/",
		"reconcile/apply/", "reconcile/observe/", "reconcile/run/", "scim/",
	} {
		n := 0
		for i := range defects {
			if rest, ok := strings.CutPrefix(defects[i].File, part); ok && !strings.Contains(rest, "/") {
				n++
			}
		}
		if n < 2 {
			t.Errorf("%s has %d defects, want at least 2", part, n)
		}
	}
}

func TestMalformedListsAreRefused(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"file a.go\n", `1: want the name of a defect`},
		{"# a\nfile a.go b.go\n", `2: want "file FILE"`},
		{"# a\nfile a.go\ntest ./a\n", `3: want "file FILE"`},
		{"# a\nfile a.go\n-x\n+y\n", `1: the defect "a" needs a file, tests`},
		{"# a\nfile a.go\ntest ./a TestA\n x\n", `1: the defect "a" needs a file, tests, and lines that change`},
	} {
		if _, err := parseDefects("area", row.text); err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%q: %v, want %s", row.text, err, row.want)
		}
	}
}
