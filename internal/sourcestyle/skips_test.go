package sourcestyle

import (
	"fmt"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowedSkips are the files that may skip, with the reason.
var allowedSkips = map[string]string{
	"scim/awssim/model_test.go": "rapid's Skip drops a step that is not possible in the present state, not a test",
}

// TestNoTestIsSkipped fails for tests that skip themselves. A skipped test looks like one that
// passed. A test must fail if a program that it needs is missing.
func TestNoTestIsSkipped(t *testing.T) {
	found := findings{}
	for _, f := range repository(t) {
		if allowedSkips[f.name] != "" || path.Base(f.name) == "skips_test.go" {
			continue
		}
		for _, s := range skips(f) {
			found.add(f, s.line, "%s: let the test fail instead", s.text)
		}
	}
	found.report(t, nil)
}

// scriptSkip is a line of a testscript that skips the rest or depends on an installed program.
var scriptSkip = regexp.MustCompile(`(?m)^(\[[^\]]*\] *)*(skip\b|\[!?exec:).*`)

// skips lists the statements of a file that skip a test.
func skips(f sourceFile) []match {
	var all []match
	if path.Ext(f.name) == ".txtar" {
		for _, at := range scriptSkip.FindAllIndex(f.data, -1) {
			line := 1 + strings.Count(string(f.data[:at[0]]), "\n")
			all = append(all, match{line: line, text: string(f.data[at[0]:at[1]])})
		}
	}
	if !f.isGo() {
		return all
	}
	tokens := f.tokens()
	for i, tok := range tokens {
		if tok.token != token.IDENT || i < 2 || tokens[i-1].token != token.PERIOD {
			continue
		}
		isSkip := slices.Contains([]string{"Skip", "SkipNow", "Skipf"}, tok.text)
		if isSkip || tokens[i-2].text == "testing" && tok.text == "Short" {
			all = append(all, match{line: tok.line, text: fmt.Sprintf("%s.%s", tokens[i-2].text, tok.text)})
		}
	}
	return all
}

func TestSkips(t *testing.T) {
	for _, test := range []struct {
		file, text string
		want       []string
	}{
		{"a_test.go", "package a\nfunc f() { t.Skip() }", []string{"t.Skip"}},
		{"a_test.go", "package a\nfunc f() { b.Skipf(x) }", []string{"b.Skipf"}},
		{"a_test.go", "package a\nvar a = testing.Short()", []string{"testing.Short"}},
		{"a_test.go", "package a\nvar a = s.SkipDir + Skip", nil},
		{"a.txtar", "skip\n", []string{"skip"}},
		{"a.txtar", "exec x\n[!linux] skip 'no'\n", []string{"[!linux] skip 'no'"}},
		{"a.txtar", "[exec:git] exec git\n", []string{"[exec:git] exec git"}},
		{"a.txtar", "exec skip\n-- f --\nskipping\n", nil},
	} {
		var got []string
		for _, s := range skips(sourceFile{test.file, []byte(test.text)}) {
			got = append(got, s.text)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
}
