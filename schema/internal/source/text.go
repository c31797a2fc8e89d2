package source

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// byteOrderMark is the byte-order mark of UTF-8. Some editors write it at the start of a file.
const byteOrderMark = "\xef\xbb\xbf"

// PlainText returns the UTF-8 text of a file without its byte-order mark. For any other encoding it
// returns what the file has instead, such as "the file is UTF-16, not UTF-8".
func PlainText(data []byte) (text []byte, other string) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return nil, "the file is UTF-32, not UTF-8"
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), looksLikeUTF16(data):
		return nil, "the file is UTF-16, not UTF-8"
	case !utf8.Valid(data):
		return nil, "the file is not UTF-8"
	}
	text = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, "the file has NUL bytes: it is not text"
	}
	return text, ""
}

// looksLikeUTF16 reports whether a file begins like UTF-16 without a mark: of its first pairs of
// bytes, most have one byte that is zero, always the same of the two.
func looksLikeUTF16(data []byte) bool {
	pairs := min(len(data), 256) / 2
	var zeros [2]int
	for i := range 2 * pairs {
		if data[i] == 0 {
			zeros[i%2]++
		}
	}
	return pairs > 0 && (zeros[0] > pairs/2 && zeros[1] == 0 || zeros[1] > pairs/2 && zeros[0] == 0)
}

// unreadableText returns the problem of a text that no parser should see: one in another encoding,
// or with the marks of an unresolved merge conflict. ok is false if there is one.
func unreadableText(ref *tree.File, data []byte) (text []byte, problem tree.Problem, ok bool) {
	at := tree.Pos{File: ref.Path, Line: 1, Column: 1}
	text, other := PlainText(data)
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
