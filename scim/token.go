package scim

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckToken returns an error if a text cannot be a bearer token, because it was copied or stored
// with something else: quotes, a line break, "Bearer", a byte-order mark. A server would only
// refuse it, with an answer that does not say why. The error says what is wrong, never what the
// text is. White space around the token is ignored.
func CheckToken(token string) error {
	token = strings.TrimSpace(token)
	if token == "" {
		return errors.New("the token is empty")
	}
	for _, m := range tokenMistakes {
		if m.matches(token) {
			return errors.New("the token " + m.what)
		}
	}
	for i, r := range token { // all before the first such character are ASCII
		if r < '!' || r > '~' {
			return fmt.Errorf("the token has the character %s as its %s: remove it", characterName(r), ordinal(i+1))
		}
	}
	return nil
}

// tokenMistakes are the ways in which tokens are copied or stored wrongly. The first that matches
// counts.
var tokenMistakes = []struct {
	matches func(string) bool
	what    string // the predicate of a sentence about the token
}{
	{
		func(s string) bool { return strings.HasPrefix(s, "\ufeff") },
		"begins with a byte-order mark: save it as UTF-8 without one",
	},
	{
		func(s string) bool {
			return strings.HasPrefix(s, "\xff\xfe") || strings.HasPrefix(s, "\xfe\xff") ||
				3*strings.Count(s, "\x00") >= len(s)
		},
		"is in UTF-16: save it as UTF-8 without a byte-order mark",
	},
	{
		func(s string) bool { return strings.Contains(s, "\x00") },
		"has a NUL byte: store only the token",
	},
	{
		func(s string) bool { return !utf8.ValidString(s) },
		"is not text: it has bytes that are not UTF-8",
	},
	{
		regexp.MustCompile(`(?i)^["']?(authorization:\s*)?bearer(\s|$)`).MatchString,
		"begins with \"Bearer\": remove that word, roster adds it",
	},
	{
		regexp.MustCompile(`^\{([^{][\s\S]*)?\}$`).MatchString,
		"is a JSON object: store or select only the value of the token",
	},
	{
		regexp.MustCompile("^[\"'`\u2018-\u201f\u00ab\u00bb][\\s\\S]*[\"'`\u2018-\u201f\u00ab\u00bb]$").MatchString,
		"is in quotes: remove them",
	},
	{
		func(s string) bool {
			return strings.ContainsAny(s, "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f")
		},
		"contains a quotation mark: remove it",
	},
	{
		func(s string) bool { return strings.ContainsAny(s, "\r\n\u2028\u2029\u0085\v\f") },
		"contains a line break: it must be on one line, and nothing else may be there",
	},
	{
		regexp.MustCompile(`^(export|set|setenv|[$]env:\w+) ?\S* *[= ]`).MatchString,
		"is a command that sets a variable: store only the value",
	},
	{
		func(s string) bool { return strings.ContainsFunc(s, unicode.IsSpace) },
		"contains white space: remove it, or what was copied with the token",
	},
	{
		regexp.MustCompile(`^<.*>$`).MatchString,
		"is a placeholder in angle brackets: replace it with the token itself",
	},
	{
		regexp.MustCompile(`^([$]\w+|[$]?[{(].*[)}]|[$][{(].*|%\w+%)$`).MatchString,
		"is the name of a variable or a template that nothing has replaced by its value",
	},
	{
		regexp.MustCompile(`(?i)^https?://`).MatchString,
		"is a URL: store the token, which the AWS console shows beside the endpoint",
	},
	{
		regexp.MustCompile(`^arn:aws[a-z-]*:`).MatchString,
		"is an ARN: store the value of the secret that it names",
	},
	{
		regexp.MustCompile(`^[*\x{2022}]+$|[*]{3}|[.]{3}$|\x{2026}$`).MatchString,
		"is masked or cut off, as a program shows it: copy all of it where it was created",
	},
	{
		regexp.MustCompile(`^(export )?[A-Z][A-Z0-9]*_[A-Z0-9_]*=.`).MatchString,
		"begins with the name of a variable and \"=\": store only the value",
	},
}

// characterName names a character without showing it, because it may be invisible.
func characterName(r rune) string {
	switch r {
	case '\ufeff':
		return "U+FEFF (byte-order mark)"
	case '\u200b', '\u200c', '\u200d', '\u2060', '\u00ad':
		return fmt.Sprintf("U+%04X (invisible)", r)
	}
	return fmt.Sprintf("U+%04X", r)
}

func ordinal(n int) string {
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}
