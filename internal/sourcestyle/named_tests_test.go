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

// root is the root of the repository.
var root = filepath.Join("..", "..")

// Each statement of docs/trust.md names the tests that prove it, and the tests exist. A statement
// is an item of a list; a section whose title begins with "What roster cannot" has none.
func TestEachStatementOfTheTrustPageNamesItsTests(t *testing.T) {
	tests, statements := declaredTests(t), 0
	for _, section := range strings.Split(readPage(t, "trust.md"), "\n## ") {
		if strings.HasPrefix(section, "What roster cannot") {
			continue
		}
		for _, item := range listItems(section) {
			statements++
			checkNames(t, tests, item)
		}
	}
	if statements < 20 {
		t.Errorf("the page has only %d statements", statements)
	}
}

// Each row of the tables in docs/security.md names tests that exist.
func TestEachRowOfTheSecurityPageNamesItsTests(t *testing.T) {
	checkRows(t, readPage(t, "security.md"), "| actor ")
}

// Each fault that docs/reliability.md lists names tests that exist.
func TestEachFaultOfTheReliabilityPageNamesItsTests(t *testing.T) {
	_, section, _ := strings.Cut(readPage(t, "reliability.md"), "\n## Faults\n")
	section, _, _ = strings.Cut(section, "\n## ")
	checkRows(t, section, "| fault ")
}

// checkRows requires that each row of the tables in a text names tests, and that they exist. head
// begins the heads of the tables.
func checkRows(t *testing.T, text, head string) {
	t.Helper()
	tests, rows := declaredTests(t), 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, head) {
			rows++
			checkNames(t, tests, line)
		}
	}
	if rows < 10 {
		t.Errorf("the page has only %d rows", rows)
	}
}

// checkNames requires that a statement names tests, and that they exist.
func checkNames(t *testing.T, tests map[string]bool, statement string) {
	t.Helper()
	names := testReference.FindAllStringSubmatch(statement, -1)
	if len(names) == 0 {
		t.Errorf("no test is named for: %s", statement)
	}
	for _, name := range names {
		if !tests[name[1]] {
			t.Errorf("there is no test %s", name[1])
		}
	}
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
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
func declaredTests(t *testing.T) map[string]bool {
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
