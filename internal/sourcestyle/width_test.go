package sourcestyle

import (
	"go/token"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	tabWidth     = 4
	commentWidth = 100
	codeWidth    = 120
)

func TestLinesAreNotTooWide(t *testing.T) {
	found := findings{}
	for _, f := range repository(t) {
		if f.isGo() && !f.isGenerated() {
			for _, l := range wideLines(f) {
				found.add(f, l.line, "%s of %d columns, at most %d are allowed", l.what, l.width, l.limit)
			}
		}
	}
	found.report(t)
}

// wideLine is a line that is wider than the limit.
type wideLine struct {
	line, width, limit int
	what               string
}

// wideLines lists the lines of a Go file that are too wide. A code line with a comment at its end
// is a code line.
func wideLines(f sourceFile) []wideLine {
	var wide []wideLine
	lines := strings.Split(string(f.data), "\n")
	tokens := f.tokens()
	inString := insideStrings(tokens)
	commentLines := commentLines(tokens, lines)
	for i, text := range lines {
		n := i + 1
		l := wideLine{line: n, width: columns(text), limit: codeWidth, what: "code"}
		if commentLines[n] {
			l.limit, l.what = commentWidth, "comment"
		}
		if l.width > l.limit && !inString[n] && !isUnbreakable(text) {
			wide = append(wide, l)
		}
	}
	return wide
}

func columns(line string) int {
	return utf8.RuneCountInString(line) + (tabWidth-1)*strings.Count(line, "\t")
}

// insideStrings returns the lines that begin inside a raw string. Their width is that of the text.
func insideStrings(tokens []tokenAt) map[int]bool {
	inside := map[int]bool{}
	for _, t := range tokens {
		if t.token == token.STRING {
			for i := range strings.Count(t.text, "\n") {
				inside[t.line+i+1] = true
			}
		}
	}
	return inside
}

// commentLines returns the lines that have nothing but a comment.
func commentLines(tokens []tokenAt, lines []string) map[int]bool {
	all := map[int]bool{}
	for _, t := range tokens {
		if t.token != token.COMMENT {
			continue
		}
		for i, text := range strings.Split(t.text, "\n") {
			if i > 0 || strings.TrimSpace(lines[t.line-1]) == strings.TrimSpace(text) {
				all[t.line+i] = true
			}
		}
	}
	return all
}

var (
	directive  = regexp.MustCompile(`^//[a-z]+:[a-z]`)
	oneWord    = regexp.MustCompile(`^(//\s*)?\S+$`)
	rawLiteral = regexp.MustCompile("^`[^`]*`[,)}\\]]*$")
)

// isUnbreakable reports whether a line is a directive or one token: a word such as a URL, in a
// comment or in quotation marks, or a raw string.
func isUnbreakable(line string) bool {
	line = strings.TrimSpace(line)
	return directive.MatchString(line) || oneWord.MatchString(line) || rawLiteral.MatchString(line)
}

func TestWideLines(t *testing.T) {
	long := func(prefix string, width int) string {
		return prefix + strings.Repeat("x", width-columns(prefix))
	}
	for _, test := range []struct {
		name, code string
		want       []int // lines
	}{
		{"a comment of 100 columns", long("// a ", 100), nil},
		{"a comment of 101 columns", long("// a ", 101), []int{1}},
		{"a tab has 4 columns", "func f() {\n" + long("\t// a ", 101) + "\n}", []int{2}},
		{"a character of several bytes has one column", long("// ää ", 100), nil},
		{"code of 120 columns", long("var a, ", 120) + " int", []int{1}},
		{"code just below the limit", long("var a, ", 116) + " int", nil},
		{"a comment at the end of code", "var a int " + long("// a ", 110), nil},
		{"code with a comment at its end", "var a int " + long("// a ", 111), []int{1}},
		{"a comment in stars", "/*\n" + long("a ", 101) + "\n*/", []int{2}},
		{"a URL that is alone in a comment line", long("// https://", 130), nil},
		{"a directive", long("//go:generate a ", 130), nil},
		{"a word in quotation marks", "var a = f(\n" + long("\t\"", 130) + "\",\n)", nil},
		{"a sentence in quotation marks", "var a = f(\n" + long("\t\"a ", 130) + "\",\n)", []int{2}},
		{"a raw string alone", "var a = f(\n" + long("\t`a ", 130) + "`,\n)", nil},
		{"inside a raw string", "var a = `\n" + long("a ", 130) + "\n`", nil},
		{"before a raw string", long("var a, b", 118) + " = 0, `\na\n`", []int{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []int
			for _, l := range wideLines(sourceFile{"a.go", []byte("package a\n" + test.code + "\n")}) {
				got = append(got, l.line-1)
			}
			if len(got) != len(test.want) || len(got) > 0 && got[0] != test.want[0] {
				t.Errorf("got lines %v, want %v", got, test.want)
			}
		})
	}
}
