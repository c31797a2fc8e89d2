package sourcestyle

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitecturePage fails when docs/architecture.md does not describe a package, or names a
// package or file that does not exist.
func TestArchitecturePage(t *testing.T) {
	files := repository(t)
	i := slices.IndexFunc(files, func(f sourceFile) bool { return f.name == "docs/architecture.md" })
	if i < 0 {
		t.Fatal("docs/architecture.md does not exist")
	}
	page := string(files[i].data)
	described := matchesOf(regexp.MustCompile("\\*\\*`([^`]+)`\\*\\*"), page)
	var packages, names []string
	for _, f := range files {
		names = append(names, f.name)
		if f.isGo() && !strings.Contains(f.name, "testdata/") && f.dir() != "testdata" {
			packages = append(packages, f.dir())
		}
	}
	slices.Sort(packages)
	for _, p := range slices.Compact(packages) {
		if !slices.Contains(described, p) {
			t.Errorf("docs/architecture.md has no paragraph on %s: begin it with **`%s`**", p, p)
		}
	}
	for _, d := range described {
		if d != "testdata" && !slices.Contains(packages, d) {
			t.Errorf("docs/architecture.md describes %s, which is not a package", d)
		}
	}
	for _, name := range matchesOf(regexp.MustCompile("`([a-z]+/[\\w/]*\\.go)`"), page) {
		if !slices.Contains(names, name) {
			t.Errorf("docs/architecture.md names %s, which does not exist", name)
		}
	}
	if questions := strings.Count(page, "? | "); questions < 10 {
		t.Errorf("docs/architecture.md answers %d questions, want at least 10", questions)
	}
}

// matchesOf returns what the group of a pattern matches in text.
func matchesOf(pattern *regexp.Regexp, text string) []string {
	var found []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, path.Clean(m[1]))
	}
	return found
}
