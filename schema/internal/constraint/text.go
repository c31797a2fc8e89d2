package constraint

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// freeTexts are the fields whose text is compared with nothing, and those with their own check.
var freeTexts = []string{"description", "reason", "requires", "pattern", "endpoint"}

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
		if placeholders[text] || isErrorValue(text) || !strings.ContainsFunc(text, isNoPunctuation) {
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
	before, words := ' ', false
	for _, r := range text {
		if isInvisible(r, before) {
			return tree.HiddenText, fmt.Sprintf("has the invisible character %U", r)
		}
		before, words = r, words || !unicode.IsPunct(r)
	}
	if !words || isErrorValue(text) {
		return tree.Placeholder, "the value stands for a missing value"
	}
	return tree.Code{}, ""
}

// isInvisible reports whether people do not see a character. A variation selector chooses the shape
// of an emoji or of an ideograph; letters of other scripts have only one shape.
func isInvisible(r, before rune) bool {
	switch {
	case unicode.Is(unicode.Variation_Selector, r):
		return unicode.IsSpace(before) || unicode.In(before, unicode.Latin, unicode.Greek, unicode.Cyrillic)
	case strings.ContainsRune(blankCharacters, r):
		return true
	}
	return !unicode.IsGraphic(r) && !strings.ContainsRune("\t\r\n", r)
}

// blankCharacters are letters, marks and symbols by category, but have no shape: the combining
// grapheme joiner, the fillers of Hangul, two vowels of Khmer and the empty pattern of Braille.
const blankCharacters = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"

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

func isNoPunctuation(r rune) bool { return !unicode.IsPunct(r) }

// isErrorValue reports whether a text is what a spreadsheet writes for an error, such as #REF!, in
// any language of the program: #BEZUG!, #¿NOMBRE?, #N/D.
func isErrorValue(text string) bool {
	rest, ok := strings.CutPrefix(text, "#")
	if !ok || strings.ContainsFunc(rest, unicode.IsLower) {
		return false
	}
	return strings.HasSuffix(rest, "!") || strings.HasSuffix(rest, "?") || strings.Contains(rest, "/") ||
		rest == "NA" || rest == "NV" || rest == "GETTING_DATA"
}

// placeholders are the words that spreadsheets, databases and programs write for a missing value.
// A text of punctuation only, such as "-", stands for one, too.
var placeholders = map[string]bool{
	"NULL": true, "null": true, "<null>": true, "<NULL>": true, "(null)": true, "(NULL)": true, "[NULL]": true,
	"[null]": true, "nil": true, "NIL": true, "<nil>": true, "None": true, "none": true, "NONE": true,
	"<none>": true, "(none)": true, "NaN": true, "nan": true, "NAN": true, "undefined": true, "[object Object]": true,
	"N/A": true, "n/a": true, "N.A.": true, "n.a.": true, "NA": true, "(blank)": true, "(empty)": true,
	"<empty>": true, "\\N": true, "TBD": true, "tbd": true, "TBA": true, "tba": true, "TODO": true, "todo": true,
	"unknown": true, "Unknown": true, "UNKNOWN": true, "00000000": true, "0000-00-00": true,
}

// CheckTexts reports the texts of records that are not what people see, and warns of placeholders.
// It checks the records of the slow path: the fast path accepts no record with a finding.
func CheckTexts(all *tree.Node) (found tree.Findings) {
	for _, kind := range []string{"users", "groups", "apps", "assertions", "provisioners", "timezone"} {
		records := all.Child(kind)
		if records == nil || records.Kind != tree.Struct && records.Kind != tree.String {
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
