package sourcestyle

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNoCitationOfMissingDocuments fails for a text that refers to a document that is not in the
// repository. A reader cannot look it up, so the text has to give the reason itself.
func TestNoCitationOfMissingDocuments(t *testing.T) {
	files := repository(t)
	found := findings{}
	for _, f := range files {
		if f.name == "internal/sourcestyle/citations_test.go" {
			continue
		}
		for _, c := range citations(f) {
			found.add(f, c.line, "%q is not in the repository: give the reason itself", c.text)
		}
		for _, name := range docNames(f) {
			if !slices.ContainsFunc(files, func(other sourceFile) bool { return other.name == name }) {
				found.add(f, 1, "%s does not exist", name)
			}
		}
	}
	found.report(t)
}

var (
	// citation matches references to design documents, style guides, their sections, the numbers of
	// invariants, and issues.
	citation = regexp.MustCompile(`\bDESIGN\b|\bSTYLE\b|\bI\d{1,2}\b|\b[Ss]ections?\s+\d[\d.]*|§|` +
		`\b[Ii]ssues?\s+#?\d+|\b(vocabulary|english)\.md\b`)
	// standard matches, before a section, the name of a published document.
	standard = regexp.MustCompile(`RFC\s+\d+|OASIS|SAML|W3C|man page`)
	docName  = regexp.MustCompile(`[\w.:/-]*\bdocs/[\w/-]+\.(md|yml)\b`)
)

// citationContext is how far before a section number the name of its document may be, in bytes.
const citationContext = 80

func citations(f sourceFile) []match {
	var all []match
	for _, e := range f.excerpts() {
		if e.kind&prose == 0 {
			continue
		}
		for _, at := range citation.FindAllStringIndex(e.text, -1) {
			text := e.text[at[0]:at[1]]
			before := e.text[max(0, at[0]-citationContext):at[0]]
			isSection := strings.HasPrefix(text, "§") || strings.HasPrefix(strings.ToLower(text), "section")
			if !isSection || !standard.MatchString(before) {
				all = append(all, match{line: e.line + strings.Count(e.text[:at[0]], "\n"), text: text})
			}
		}
	}
	return all
}

// docNames lists the pages of docs that a file names, by their paths from the root.
func docNames(f sourceFile) []string {
	var names []string
	for _, e := range f.excerpts() {
		if e.kind&prose == 0 {
			continue
		}
		for _, name := range docName.FindAllString(e.text, -1) {
			if !strings.Contains(name, "://") {
				names = append(names, name[strings.Index(name, "docs/"):])
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestDocNames(t *testing.T) {
	f := sourceFile{"README.md", []byte("[a](docs/saml.md), ../docs/git.md and https://example.com/docs/spec.md")}
	if got, want := docNames(f), []string{"docs/git.md", "docs/saml.md"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCitations(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"// the table of DESIGN section 6", []string{"DESIGN", "section 6"}},
		{"// see STYLE.md", []string{"STYLE"}},
		{"// this is invariant I5", []string{"I5"}},
		{"var a = `I12: no write`", []string{"I12"}},
		{"// fixed in issue 11", []string{"issue 11"}},
		{"// fixed in issue #11", []string{"issue #11"}},
		{"// (RFC 7644,\n// section 3.12)", nil},
		{"// RFC 6749 §2.3.1", nil},
		{"// the design and the style of sections", nil},
		{"// an issue of 2 certificates", nil},
		{"var I5 int", nil},
	} {
		var got []string
		for _, c := range citations(sourceFile{"a.go", []byte("package a\n" + test.text + "\n")}) {
			got = append(got, c.text)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
}
