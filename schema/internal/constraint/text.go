package constraint

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// freeTexts are the fields whose text is compared with nothing.
var freeTexts = []string{"description", "reason", "requires", "pattern"}

// textFindings walks over the texts of a value, except free texts. It calls yield with each text
// that is not what people see, or that stands for a missing value. It stops if yield returns false.
func textFindings(n *tree.Node, path func() string, yield func(tree.Problem) bool) bool {
	switch n.Kind {
	case tree.String:
		c, message := textFinding(n.Text)
		if message == "" {
			return true
		}
		return yield(c.Problem(n.At.Pos(), path(), message).WithValue(tree.Quote(n.Text)))
	case tree.Struct, tree.List:
		for i := range n.Fields {
			f := &n.Fields[i]
			if slices.Contains(freeTexts, f.Name) {
				continue
			}
			below := func() string {
				if n.Kind == tree.List {
					return fmt.Sprintf("%s[%d]", path(), i)
				}
				return tree.JoinPath(path(), f.Name)
			}
			if !textFindings(f.Value, below, yield) {
				return false
			}
		}
	}
	return true
}

// HasTextFinding reports whether textFindings finds anything in a record. It allocates nothing.
func HasTextFinding(n *tree.Node) bool {
	if n.Kind == tree.String {
		_, message := textFinding(n.Text)
		return message != ""
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		if len(f.Value.Fields) == 0 && f.Value.Kind != tree.String || slices.Contains(freeTexts, f.Name) {
			continue
		}
		if HasTextFinding(f.Value) {
			return true
		}
	}
	return false
}

// textFinding returns what is wrong with a text, or an empty message.
func textFinding(text string) (c tree.Code, message string) {
	if plainASCII(text) {
		if placeholders[text] {
			return tree.Placeholder, "the value stands for a missing value"
		}
		return tree.Code{}, ""
	}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	switch {
	case text == "":
		return tree.Code{}, ""
	case unicode.IsSpace(first):
		return tree.HiddenText, "begins with " + spaceName(first)
	case unicode.IsSpace(last):
		return tree.HiddenText, "ends with " + spaceName(last)
	}
	for _, r := range text {
		if !unicode.IsGraphic(r) && !strings.ContainsRune("\t\r\n", r) {
			return tree.HiddenText, fmt.Sprintf("has the invisible character %U", r)
		}
	}
	return tree.Code{}, ""
}

// plainASCII reports whether a text has only visible characters of ASCII, and spaces between them.
func plainASCII(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return text != "" && text[0] != ' ' && text[len(text)-1] != ' '
}

func spaceName(r rune) string {
	switch r {
	case ' ':
		return "a space"
	case '\u00a0':
		return "a no-break space"
	case '\n', '\r':
		return "a line end"
	case '\t':
		return "a tab"
	}
	return fmt.Sprintf("the space %U", r)
}

// placeholders are the values that spreadsheets, databases and programs write for a missing one.
var placeholders = map[string]bool{
	"#N/A": true, "#N/A!": true, "#NA": true, "#REF!": true, "#VALUE!": true, "#NAME?": true, "#DIV/0!": true,
	"#NUM!": true, "#NULL!": true, "#ERROR!": true, "#GETTING_DATA": true, "#SPILL!": true, "#CALC!": true,
	"NULL": true, "null": true, "<null>": true, "(null)": true, "[NULL]": true, "nil": true, "<nil>": true,
	"None": true, "NaN": true, "nan": true, "undefined": true, "[object Object]": true,
	"N/A": true, "n/a": true, "NA": true, "(blank)": true, "(empty)": true, "(none)": true, "\\N": true,
	"-": true, "--": true, "---": true, "?": true, "??": true, ".": true, "TBD": true, "tbd": true, "TODO": true,
	"00000000": true, "0000-00-00": true,
}

// CheckTexts reports the texts of records that are not what people see, and warns of placeholders.
// It checks the records of the slow path: the fast path accepts no record with a finding.
func CheckTexts(all *tree.Node) (found tree.Findings) {
	for _, kind := range []string{"users", "groups", "apps", "assertions"} {
		records := all.Child(kind)
		if records == nil || records.Kind != tree.Struct {
			continue
		}
		textFindings(records, func() string { return kind }, func(p tree.Problem) bool {
			if p.Code == tree.Placeholder.ID {
				found.Warn(p)
			} else {
				found.Report(p)
			}
			return true
		})
	}
	return found
}
