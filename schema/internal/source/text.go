package source

import (
	"bytes"
	"strings"

	"github.com/seed-d64a251c/roster/internal/textfile"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// unreadableText returns the problem of a text that no parser should see: one in another encoding,
// or with the marks of an unresolved merge conflict. ok is false if there is one.
func unreadableText(ref *tree.File, data []byte) (text []byte, problem tree.Problem, ok bool) {
	at := tree.Pos{File: ref.Path, Line: 1, Column: 1}
	text, other := textfile.Decode(data)
	if other != "" {
		return nil, tree.SyntaxError.Problem(at, "", other).WithAdvice("save it as UTF-8"), false
	}
	if line := mergeConflict(text); line > 0 {
		at.Line = line
		return nil, tree.SyntaxError.Problem(at, "", "unresolved merge conflict").
			WithAdvice("keep one of the versions, and remove the lines that begin with <<<<<<<, " +
				"======= and >>>>>>>"), false
	}
	if line := markWithin(text); line > 0 {
		at.Line = line
		return nil, tree.SyntaxError.Problem(at, "", "a byte-order mark within the file").
			WithAdvice("remove it: it remains where files are joined"), false
	}
	return text, tree.Problem{}, true
}

// mergeConflict returns the line of the first mark of a merge conflict of Git, or 0. One mark is
// enough: people remove the others and forget one.
func mergeConflict(text []byte) int {
	first := -1
	for _, mark := range []string{"<<<<<<<", "|||||||", ">>>>>>>"} {
		if at := lineWith(text, mark); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return lineAt(text, first)
}

// lineWith returns the offset of the first line that begins with a mark, and a space or nothing
// after it, or -1.
func lineWith(text []byte, mark string) int {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(mark))
		if i < 0 {
			return -1
		}
		at := from + i
		from = at + len(mark)
		if (at == 0 || text[at-1] == '\n') && (from == len(text) || strings.IndexByte(" \r\n", text[from]) >= 0) {
			return at
		}
	}
}

// markWithin returns the line of the first byte-order mark that begins a line after the first, or a
// second one in the first line, or 0. Files that were joined have one.
func markWithin(text []byte) int {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(byteOrderMark))
		if i < 0 {
			return 0
		}
		at := from + i
		if at == 0 || text[at-1] == '\n' {
			return lineAt(text, at)
		}
		from = at + len(byteOrderMark)
	}
}

const byteOrderMark = "\ufeff"

// lineAt returns the line of an offset, or 0 for -1.
func lineAt(text []byte, offset int) int {
	if offset < 0 {
		return 0
	}
	return 1 + bytes.Count(text[:offset], []byte("\n"))
}

// decimalInt reports whether a text is an integer as every format writes it: decimal digits without
// leading zeros, after an optional minus.
func decimalInt(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || digits[0] == '0' && len(digits) > 1 {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}
