package output

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns a value as text of one line. Characters that are not visible are shown as Go writes
// them in a quoted string: \n, \x1b, \u202e. They are control characters, format characters such as
// those that change the direction of text, line separators, characters without a meaning, and bytes
// that are not UTF-8. Joiners in an emoji or in a Persian name are shown too, because they can also
// make two names that look the same. Visible characters and spaces are unchanged, also the
// backslash, so Line is idempotent.
func Line(s string) string {
	if n := plainPrefix(s); n == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for len(s) > 0 {
		n := plainPrefix(s)
		b.WriteString(s[:n])
		if s = s[n:]; s == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		b.WriteString(shown(r, s[:size]))
		s = s[size:]
	}
	return b.String()
}

// Truncate returns the first n characters of Line(s). If that cuts the text, the last character is
// an ellipsis. It does not cut within an escape.
func Truncate(s string, n int) string {
	var out []string
	length := 0
	for rest := s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		piece := shown(r, rest[:size])
		out, rest = append(out, piece), rest[size:]
		length += utf8.RuneCountInString(piece)
	}
	if length <= n {
		return strings.Join(out, "")
	}
	for length > max(n-1, 0) {
		last := len(out) - 1
		length -= utf8.RuneCountInString(out[last])
		out = out[:last]
	}
	return strings.Join(out, "") + "…"
}

// plainPrefix returns the number of bytes before the first character that is not visible.
func plainPrefix(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !visible(r) || r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(s)
}

// visible reports whether a character has a shape or is a space, and does nothing else. Variation
// selectors and fillers belong to categories of visible characters, but have no shape.
func visible(r rune) bool {
	return unicode.IsGraphic(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// shown returns a character as Line shows it. bytes are those of the character.
func shown(r rune, bytes string) string {
	switch {
	case r == utf8.RuneError && len(bytes) == 1:
		return `\x` + string("0123456789abcdef"[bytes[0]>>4]) + string("0123456789abcdef"[bytes[0]&15])
	case visible(r):
		return bytes
	}
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}
