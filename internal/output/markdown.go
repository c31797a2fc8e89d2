package output

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MarkdownText is Markdown that is escaped already. Only Markdown, Markdownf and Code make it; a
// conversion would skip the escaping.
type MarkdownText string

// Markdownf formats like fmt.Sprintf, but each argument that is not a MarkdownText is written as by
// Markdown.
func Markdownf(format string, args ...any) MarkdownText {
	escape := func(s string) string { return string(Markdown(s)) }
	for i, a := range args {
		args[i] = escapedBy(escape, a)
	}
	return MarkdownText(fmt.Sprintf(format, args...))
}

// Markdown returns the Markdown (CommonMark, also with GitHub's extensions) that a renderer shows
// as Line shows the value, within one paragraph, heading, list item or cell of a table.
//
// Forges look for mentions, references, links and shortcodes in the rendered text, where
// backslashes and entities no longer exist. So a word that could be one of them is a code span,
// which forges leave alone, and from which a reader can copy the exact value.
func Markdown(value string) MarkdownText {
	value = Line(value)
	if value == "" {
		return ""
	}
	var b strings.Builder
	b.Grow(len(value) + 16)
	for rest := value; rest != ""; {
		word, after := cutWord(rest)
		writeWord(&b, word)
		if after != "" {
			b.WriteString(separator(after[0]))
			after = after[1:]
		}
		rest = after
	}
	return MarkdownText(protectEnds(b.String()))
}

// cutWord cuts the first word. Words end at a space, or at a bar, which would end a cell of a table
// even within a code span.
func cutWord(s string) (word, rest string) {
	if i := strings.IndexAny(s, " |"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func separator(c byte) string {
	if c == '|' {
		return `\|`
	}
	return string(c)
}

// active matches words that a forge may replace by something else. Each alternative names what it
// would become.
var active = regexp.MustCompile(strings.Join([]string{
	`@`,                 // mention of a person or team, mail address, reference to a commit
	`#`,                 // reference to an issue or pull request
	`://`, `(?i:www\.)`, // link
	`(?i:^(mailto|xmpp|tel):)`,                    // link
	`:[\w+-]*[A-Za-z_+-][\w+-]*:`, `:100:|:1234:`, // emoji
	`[!&][0-9]`, "[%~][\\w\"'`]", `\*\w+:`, // GitLab: merge request, epic, milestone, label, iteration
	`[A-Z][A-Z0-9_]*-[0-9]`, // GH-1 of GitHub, issue of an external tracker
	`(?i:gh(sa)?-[0-9a-z])`, // GH-1, security advisory
	`\b[0-9a-f]{7,64}\b`,    // commit
	`/[\w.-]+>`,             // GitLab: project
	`\[\[`,                  // wiki page
	`[{[][+-]`, `[+-][}\]]`, // GitLab: inline difference
	`^[/\\]\w`, // command of GitLab or a bot
	`\$`,       // mathematics, snippet of GitLab
}, "|"))

// Punctuation around a word that stays outside its code span.
const (
	before = `("'`
	after  = `)"',;.:`
)

// inert reports whether active certainly does not match a word, nor the word without the
// punctuation around it. Most words are inert: they have letters, digits and simple punctuation.
func inert(word string) bool {
	run, hex := 0, true // the length of the word characters before i, and whether all are of a hash
	for i := range len(word) {
		c, previous := word[i], byte(' ')
		if i > 0 {
			previous = word[i-1]
		}
		lower := c | 0x20
		switch {
		case '0' <= c && c <= '9', 'a' <= lower && lower <= 'z', c == '_':
			run++
			hex = hex && (c <= '9' || 'a' <= c && c <= 'f')
			continue
		case run >= 7 && hex: // a commit
			return false
		case strings.IndexByte(`()"',;`, c) >= 0:
		case c == '.' && previous|0x20 != 'w': // not www.
		case c == '/' && run > 0: // not a command
		case c == '-' && strings.IndexByte("hHaA", previous) < 0 && !isUpperDigit(previous): // not GH-1, GHSA-1, X_1-2
		default:
			return false
		}
		run, hex = 0, true
	}
	return run < 7 || !hex
}

// isUpperDigit reports whether a byte is an upper-case letter, a digit or an underscore.
func isUpperDigit(c byte) bool { return 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' }

// writeWord writes a word as text, or as a code span.
func writeWord(b *strings.Builder, word string) {
	if inert(word) {
		writeText(b, word)
		return
	}
	inner := strings.TrimLeft(word, before)
	begin := word[:len(word)-len(inner)]
	inner = strings.TrimRight(inner, after)
	end := word[len(begin)+len(inner):]
	if !active.MatchString(word) && !active.MatchString(inner) {
		writeText(b, word)
		return
	}
	writeText(b, begin)
	writeCode(b, inner)
	writeText(b, end)
}

// writeText writes text with the characters escaped that have a meaning within a line.
func writeText(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; c {
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			if i+1 == len(s) { // before a space
				b.WriteByte('&')
			} else {
				b.WriteString("&amp;")
			}
		case '\\', '`', '*', '_', '~', '[', ']', '!', '|':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
}

// numbered matches the begin of a numbered list.
var numbered = regexp.MustCompile(`^[0-9]+[.)]`)

// protectEnds escapes what has a meaning only at the begin or the end of a line: spaces, and the
// punctuation that begins a list, a heading, a quotation or a line of a table.
func protectEnds(s string) string {
	if r, size := utf8.DecodeRuneInString(s); unicode.IsSpace(r) {
		s = fmt.Sprintf("&#%d;%s", r, s[size:])
	} else if strings.ContainsRune("+-=:", r) {
		s = `\` + s
	} else if n := len(numbered.FindString(s)); n > 0 {
		s = s[:n-1] + `\` + s[n-1:]
	}
	if r, size := utf8.DecodeLastRuneInString(s); unicode.IsSpace(r) {
		s = fmt.Sprintf("%s&#%d;", s[:len(s)-size], r)
	}
	return s
}

// Code returns a value as a code span. It must not be in a cell of a table.
func Code(value string) MarkdownText {
	value = Line(value)
	if strings.TrimSpace(value) == "" {
		return Markdown(value) // there is no such code span
	}
	var b strings.Builder
	writeCode(&b, value)
	return MarkdownText(b.String())
}

// writeCode writes a code span. Its fence is longer than each run of backticks in the text. A
// renderer removes one space at each end, so a text that begins or ends with a space or a backtick
// gets one more.
func writeCode(b *strings.Builder, s string) {
	fence, pad := strings.Repeat("`", longestRun(s)+1), ""
	if strings.ContainsAny(s[:1]+s[len(s)-1:], " `") {
		pad = " "
	}
	b.WriteString(fence + pad + s + pad + fence)
}

// Fence returns a fenced code block of a language. Each line of the text is as Line shows it.
func Fence(language, text string) MarkdownText {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	longest := 2
	for i, l := range lines {
		lines[i] = Line(l)
		longest = max(longest, longestRun(lines[i]))
	}
	fence := strings.Repeat("`", longest+1)
	return MarkdownText(fence + language + "\n" + strings.Join(lines, "\n") + "\n" + fence)
}

// longestRun returns the length of the longest run of backticks.
func longestRun(s string) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
