package sourcestyle

import (
	"fmt"
	"slices"
	"testing"
)

func TestTermsAreFound(t *testing.T) {
	table := compile(terms)
	const tagged = "package a\ntype T struct { A int `json:\"%s\"` }"
	for _, test := range []struct {
		name, file, text string
		want             []string
	}{
		{"a variable", "reconcile/a.go", "package a\nvar sight int", []string{"sight"}},
		{"a word of a name", "reconcile/a.go", "package a\nfunc newSight() {}", []string{"newSight"}},
		{"two words of a name", "reconcile/run/a.go", "package a\nfunc lookForUsers() {}", []string{"lookForUsers"}},
		{"a part of a word is not a word", "reconcile/a.go", "package a\nvar insight, sighted int", nil},
		{"a whole name", "reconcile/a.go", "package a\ntype Ending struct{}", []string{"Ending"}},
		{"a whole name is not a part of another", "reconcile/a.go", "package a\nvar lineEnding, ending int", nil},
		{"a name that is private in another package", "schema/a.go", "package a\ntype Ending struct{}", nil},
		{"a file name", "reconcile/sight_test.go", "package a", []string{"sight_test"}},
		{"a JSON name", "reconcile/a.go", fmt.Sprintf(tagged, "spent,omitempty"), []string{"spent"}},
		{"a longer JSON name", "reconcile/a.go", fmt.Sprintf(tagged, "onlyOn"), nil},
		{"the word in text that is a JSON name", "docs/audit.md", "time spent on it", nil},
		{"a comment", "scim/a.go", "package a\n// Lest it fail.", []string{"Lest"}},
		{"a phrase over two comment lines", "scim/a.go", "package a\n// what it stands\n// on", []string{"stands on"}},
		{"a phrase over two statements", "scim/a.go", "package a\n// what it stands\nvar a int // on", nil},
		{"a message", "scim/a.go", "package a\nvar a = \"whoever\\tcame\"", []string{"whoever"}},
		{"a test name", "scim/a_test.go", "package a\nvar a = `begin anew`", []string{"anew"}},
		{"an honest verb", "scim/a.go", "package a\nvar needs, stand int // it needs a token and stands", nil},
		{"documentation", "docs/audit.md", "text\nneeds a  word", []string{"needs a word"}},
		{"a script", "testdata/script/a.txtar", "# somebody\nexec roster", []string{"somebody"}},
		{"an allowed phrase", "docs/audit.md", "it comes to a halt", nil},
		{"the same with another object", "docs/audit.md", "what it comes to", []string{"comes to"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, m := range table.matches(sourceFile{test.file, []byte(test.text)}) {
				got = append(got, m.text)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMatchesHaveTheLine(t *testing.T) {
	text := "package a\n\n// One line\n// and lest it\n// fails\nvar whoever = `\n\nanew`\n"
	f := sourceFile{"scim/a.go", []byte(text)}
	var got []int
	for _, m := range compile(terms).matches(f) {
		got = append(got, m.line)
	}
	if want := []int{4, 8}; !slices.Equal(got, want) {
		t.Errorf("got lines %v, want %v", got, want)
	}
}
