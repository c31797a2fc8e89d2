package sourcestyle

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testReference   = regexp.MustCompile("`(Test[A-Za-z0-9_]+|[a-z0-9-]+\\.txtar)`")
	testDeclaration = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
)

// Each statement of docs/trust.md names the tests that prove it, and the tests exist. A statement
// is an item of a list; a section whose title begins with "What roster cannot" has none.
func TestEachStatementOfTheTrustPageNamesItsTests(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "trust.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, statements := declaredTests(t, root), 0
	for _, section := range strings.Split(string(page), "\n## ") {
		if strings.HasPrefix(section, "What roster cannot") {
			continue
		}
		for _, item := range listItems(section) {
			statements++
			names := testReference.FindAllStringSubmatch(item, -1)
			if len(names) == 0 {
				t.Errorf("no test is named for: %s", item)
			}
			for _, name := range names {
				if !tests[name[1]] {
					t.Errorf("there is no test %s", name[1])
				}
			}
		}
	}
	if statements < 20 {
		t.Errorf("the page has only %d statements", statements)
	}
}

// Each row of the tables in docs/security.md names tests that exist.
func TestEachRowOfTheSecurityPageNamesItsTests(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, rows := declaredTests(t, root), 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| actor ") {
			continue
		}
		rows++
		names := testReference.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test is named for: %s", line)
		}
		for _, name := range names {
			if !tests[name[1]] {
				t.Errorf("there is no test %s", name[1])
			}
		}
	}
	if rows < 10 {
		t.Errorf("the page has only %d rows", rows)
	}
}

// Each fault that docs/reliability.md lists names tests that exist.
func TestEachFaultOfTheReliabilityPageNamesItsTests(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Faults\n")
	section, _, _ = strings.Cut(section, "\n## ")
	tests, rows := declaredTests(t, root), 0
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| fault ") {
			continue
		}
		rows++
		names := testReference.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test is named for: %s", line)
		}
		for _, name := range names {
			if !tests[name[1]] {
				t.Errorf("there is no test %s", name[1])
			}
		}
	}
	if rows < 10 {
		t.Errorf("the page has only %d rows", rows)
	}
}

// listItems returns the items of the lists of a section, each in one line.
func listItems(section string) []string {
	var items []string
	for line := range strings.Lines(section) {
		switch {
		case strings.HasPrefix(line, "- "):
			items = append(items, strings.TrimSpace(line))
		case strings.HasPrefix(line, "  ") && len(items) > 0:
			items[len(items)-1] += " " + strings.TrimSpace(line)
		}
	}
	return items
}

// declaredTests returns the names of all test functions and scripts.
func declaredTests(t *testing.T, root string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".txtar"):
			names[d.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range testDeclaration.FindAllSubmatch(data, -1) {
				names[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
