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
	return text, tree.Problem{}, true
}

// mergeConflict returns the line of the first mark of a merge conflict of Git, or 0.
func mergeConflict(text []byte) int {
	begin := lineWith(text, "<<<<<<< ", 0)
	if begin < 0 || lineWith(text, ">>>>>>> ", begin) < 0 {
		return 0
	}
	return 1 + bytes.Count(text[:begin], []byte("\n"))
}

// lineWith returns the offset of the first line after an offset that begins with a prefix, or -1.
func lineWith(text []byte, prefix string, from int) int {
	if from == 0 && bytes.HasPrefix(text, []byte(prefix)) {
		return 0
	}
	if i := bytes.Index(text[from:], []byte("\n"+prefix)); i >= 0 {
		return from + i + 1
	}
	return -1
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
