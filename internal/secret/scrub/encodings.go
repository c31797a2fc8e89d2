package scrub

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An encoding turns a whole secret into other characters. Each result is a pattern to search for.
type encoding struct {
	name string
	// encode returns the patterns for a secret. prefix is the number of characters that are enough
	// if the text ends within the secret.
	encode func(secret string) (patterns []string, prefix int)
	// fold maps the characters of a text to those of the patterns; nil if they are the same.
	fold func(c byte) byte
}

// encodings are the encodings in which a secret is found. Within each of them, every single
// character may also be escaped as in the table escapes: percent-encoded base64 is found, too.
var encodings = []encoding{
	{"plain", func(secret string) ([]string, int) { return []string{secret}, minPrefix }, nil},
	{"hex", func(secret string) ([]string, int) {
		return []string{hex.EncodeToString([]byte(secret))}, 2 * minPrefix
	},
		lower},
	{"base64", func(secret string) ([]string, int) { return base64Cores(secret), minPrefix * 8 / 6 }, standardAlphabet},
	// RFC 6749 section 2.3.1 encodes a client secret as in a form before it encodes it as base64.
	{"base64 of percent", func(secret string) ([]string, int) {
		if escaped := url.QueryEscape(secret); escaped != secret {
			return base64Cores(escaped), minPrefix * 8 / 6
		}
		return nil, 0
	}, standardAlphabet},
}

// base64Cores returns the characters of base64 that depend only on the secret, for each of the
// three positions that the secret can have in a longer text. Padding is never part of them.
func base64Cores(secret string) []string {
	var out []string
	for before := range 3 {
		all := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
		first, end := (8*before+5)/6, 8*(before+len(secret))/6
		out = append(out, all[first:end])
	}
	return out
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'F' {
		return c - 'A' + 'a'
	}
	return c
}

// standardAlphabet maps the URL alphabet of base64 to the standard one.
func standardAlphabet(c byte) byte {
	switch c {
	case '-':
		return '+'
	case '_':
		return '/'
	}
	return c
}

// An escape is a way to write one character. decode returns the character and the length of the
// escape at the start of the text, or 0 if there is none. It returns cut if the text ends within an
// escape.
type escape struct {
	name     string
	start    byte
	bytewise bool // the number is a byte of UTF-8, not a code point
	decode   func(text []byte) (char rune, width int, cut bool)
}

// escapes are the ways to write a character that a text may use for each character of a secret,
// independently of the others.
var escapes = []escape{
	{"percent", '%', true, func(text []byte) (rune, int, bool) { return numbered(text, "%", 2, 2, 16, "") }},
	{"JSON, numeric", '\\', false, func(text []byte) (rune, int, bool) { return numbered(text, `\u`, 4, 4, 16, "") }},
	{"source code, numeric", '\\', true,
		func(text []byte) (rune, int, bool) { return numbered(text, `\x`, 2, 2, 16, "") }},
	{"JSON, with a backslash", '\\', false, backslash},
	{"HTML, hexadecimal", '&', false,
		func(text []byte) (rune, int, bool) { return numbered(text, "&#x", 1, 6, 16, ";") }},
	{"HTML, hexadecimal, upper case", '&', false,
		func(text []byte) (rune, int, bool) { return numbered(text, "&#X", 1, 6, 16, ";") }},
	{"HTML, decimal", '&', false, func(text []byte) (rune, int, bool) { return numbered(text, "&#", 1, 7, 10, ";") }},
	{"HTML, by name", '&', false, entity},
	{"form, a space", '+', false, func([]byte) (rune, int, bool) { return ' ', 1, false }},
}

// numbered decodes an escape of a number of digits.
func numbered(text []byte, start string, minDigits, maxDigits, base int, end string) (rune, int, bool) {
	if len(text) < len(start) {
		return 0, 0, strings.HasPrefix(start, string(text))
	}
	if string(text[:len(start)]) != start {
		return 0, 0, false
	}
	digits, limit := text[len(start):], "0123456789abcdefABCDEF"
	if base == 10 {
		limit = "0123456789"
	}
	n := 0
	for n < len(digits) && n < maxDigits && strings.IndexByte(limit, digits[n]) >= 0 {
		n++
	}
	if n == len(digits) && (n < maxDigits || end != "") {
		return 0, 0, true
	}
	if n < minDigits || !bytes.HasPrefix(digits[n:], []byte(end)) {
		return 0, 0, false
	}
	value, err := strconv.ParseUint(string(digits[:n]), base, 32)
	if err != nil || value > utf8.MaxRune {
		return 0, 0, false
	}
	return rune(value), len(start) + n + len(end), false
}

// backslash decodes \", \\, \/ and \t.
func backslash(text []byte) (rune, int, bool) {
	switch {
	case len(text) == 1:
		return 0, 0, true
	case strings.IndexByte(`"'\/`, text[1]) >= 0:
		return rune(text[1]), 2, false
	case text[1] == 't':
		return '\t', 2, false
	}
	return 0, 0, false
}

// bytesOf returns the bytes of a character that decode has returned.
func (e *escape) bytesOf(char rune) []byte {
	if e.bytewise {
		return []byte{byte(char)}
	}
	return utf8.AppendRune(nil, char)
}

// maxEntity is the maximum length of the HTML entities that are found by name.
const maxEntity = 12

// entity decodes a named HTML entity, such as &amp; and &sol;.
func entity(text []byte) (rune, int, bool) {
	head := text[:min(len(text), maxEntity)]
	end := bytes.IndexByte(head, ';')
	if end < 0 {
		isName := !bytes.ContainsFunc(head[1:], func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
		return 0, 0, isName && len(head) < maxEntity
	}
	decoded := html.UnescapeString(string(head[:end+1]))
	char, size := utf8.DecodeRuneInString(decoded)
	if size != len(decoded) {
		return 0, 0, false
	}
	return char, end + 1, false
}
