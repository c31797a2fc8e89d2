package scrub

import (
	"strings"
	"unicode/utf8"
)

// A matcher finds a set of secrets. It is immutable.
//
// A table of bytes and two of pairs of bytes rule out nearly all positions of a text at the cost of
// one to three lookups. The few others are compared with the patterns that begin with the character
// there.
type matcher struct {
	first, second pairs           // the pairs that a secret may begin with, and the pairs after them
	byFirst       [256][]*pattern // the patterns that may begin with this byte
	starts        [256]bool       // a secret may begin with this byte, perhaps escaped
}

// pairs is a set of pairs of bytes.
type pairs [1 << 16]bool

func (p *pairs) has(a, b byte) bool { return p[int(a)<<8|int(b)] }

func (p *pairs) add(first, second []byte) {
	for _, a := range first {
		for _, b := range second {
			p[int(a)<<8|int(b)] = true
		}
	}
}

// A pattern is a secret in one encoding.
type pattern struct {
	text   string
	prefix int // the number of characters that are enough
	fold   func(byte) byte
}

func newMatcher(secrets []string) *matcher {
	if len(secrets) == 0 {
		return nil
	}
	m := &matcher{}
	for _, secret := range secrets {
		for _, e := range encodings {
			texts, prefix := e.encode(secret)
			for _, text := range texts {
				if len(secret) < minPrefix {
					prefix = len(text)
				}
				m.add(&pattern{text, min(prefix, len(text)), e.fold})
			}
		}
	}
	for c := range m.starts {
		m.starts[c] = startsEscape[c] || len(m.byFirst[c]) > 0
	}
	return m
}

func (m *matcher) add(p *pattern) {
	for _, first := range p.spellings(p.text[0]) {
		m.byFirst[first] = append(m.byFirst[first], p)
	}
	m.first.add(p.spellings(p.text[0]), p.spellings(p.text[1]))
	m.second.add(p.spellings(p.text[2]), p.spellings(p.text[3]))
}

// candidate reports whether a secret may begin at the start of the text.
func (m *matcher) candidate(text []byte, complete bool) bool {
	if len(text) < 2 {
		return !complete
	}
	a, b := text[0], text[1]
	switch {
	case startsEscape[a]:
		return true
	case startsEscape[b]:
		return len(m.byFirst[a]) > 0
	case !m.first.has(a, b):
		return false
	}
	return len(text) < 4 || startsEscape[text[2]] || startsEscape[text[3]] || m.second.has(text[2], text[3])
}

// spellings returns the bytes that count as a character of the pattern.
func (p *pattern) spellings(char byte) []byte {
	var out []byte
	for c := range 256 {
		if p.normal(byte(c)) == char {
			out = append(out, byte(c))
		}
	}
	return out
}

func (p *pattern) normal(c byte) byte {
	if p.fold != nil {
		return p.fold(c)
	}
	return c
}

// found reports whether a text contains a secret.
func (m *matcher) found(text []byte) bool {
	for i, c := range text {
		if m.starts[c] && m.candidate(text[i:], true) {
			if width, _ := m.match(text[i:], true); width > 0 {
				return true
			}
		}
	}
	return false
}

// replace appends the text without secrets to dst. Unless the text is complete, it returns the end
// of the text that may be the beginning of a secret, and does not append it.
func (m *matcher) replace(dst, text []byte, complete bool) (out, rest []byte) {
	done := 0
	for i := 0; i < len(text); {
		if !m.starts[text[i]] || !m.candidate(text[i:], complete) {
			i++
			continue
		}
		width, cut := m.match(text[i:], complete)
		switch {
		case cut:
			return append(dst, text[done:i]...), text[i:]
		case width == 0:
			i++
		default:
			dst = append(append(dst, text[done:i]...), Placeholder...)
			i += width
			done = i
		}
	}
	return append(dst, text[done:]...), nil
}

// match returns the length of the longest secret at the start of the text, or 0. If the text is not
// complete and more of it could change the answer, cut is true.
func (m *matcher) match(text []byte, complete bool) (width int, cut bool) {
	width, cut = matchAny(m.byFirst[text[0]], text, complete)
	for i := range escapes {
		e := &escapes[i]
		if e.start != text[0] {
			continue
		}
		char, n, c := e.decode(text)
		cut = cut || c
		if n == 0 {
			continue
		}
		first := e.bytesOf(char)[0]
		if startsEscape[first] { // the first character may be escaped several times
			w, c := m.matchAll(text, complete)
			return max(width, w), (cut || c) && !complete
		}
		w, c := matchAny(m.byFirst[first], text, complete)
		width, cut = max(width, w), cut || c
	}
	return width, cut && !complete
}

// matchAll is match without the selection by the first character.
func (m *matcher) matchAll(text []byte, complete bool) (width int, cut bool) {
	for first := range m.byFirst {
		w, c := matchAny(m.byFirst[first], text, complete)
		width, cut = max(width, w), cut || c
	}
	return width, cut
}

func matchAny(list []*pattern, text []byte, complete bool) (width int, cut bool) {
	for _, p := range list {
		w, c := p.match(text, complete)
		width, cut = max(width, w), cut || c
	}
	return width, cut
}

// match compares the start of a text with the pattern: as it is, and with escapes.
func (p *pattern) match(text []byte, complete bool) (width int, cut bool) {
	width, chars, cut := p.compare(text, false, complete)
	escapedWidth, escapedChars, escapedCut := p.compare(text, true, complete)
	if cut || escapedCut {
		return 0, true
	}
	if escapedChars > chars || escapedChars == chars && escapedWidth > width {
		width, chars = escapedWidth, escapedChars
	}
	if chars < p.prefix {
		return 0, false
	}
	return width, false
}

// compare returns how much of the text, and how many characters of the pattern, are the same. cut
// is true if more of the text is needed to know.
func (p *pattern) compare(text []byte, unescape, complete bool) (width, chars int, cut bool) {
	for chars < len(p.text) {
		if width == len(text) {
			return width, chars, !complete
		}
		n, length, c := 0, 0, false
		if unescape {
			n, length, c = p.escaped(text[width:], p.text[chars:], maxDepth)
		}
		switch {
		case n > 0:
			width, chars = width+n, chars+length
		case c && !complete:
			return width, chars, true
		case p.normal(text[width]) == p.text[chars]:
			width, chars = width+1, chars+1
		default:
			return width, chars, false
		}
	}
	return width, chars, false
}

// escaped returns the length of an escape at the start of the text that stands for the start of
// want, and how much of want it is. The escape may itself be escaped, depth times: JSON in HTML.
func (p *pattern) escaped(text []byte, want string, depth int) (width, length int, cut bool) {
	for i := range escapes {
		e := &escapes[i]
		if e.start != text[0] {
			continue
		}
		char, n, c := e.decode(text)
		cut = cut || c
		if n == 0 {
			continue
		}
		b := e.bytesOf(char)
		if len(b) == 1 && p.normal(b[0]) == want[0] || len(b) > 1 && strings.HasPrefix(want, string(b)) {
			return n, len(b), false
		}
		if depth == 0 || len(b) > 1 || !startsEscape[b[0]] {
			continue
		}
		inner, widths := unescape(text, e)
		n, length, c = p.escaped(inner, want, depth-1)
		cut = cut || c && len(inner) < maxEntity
		if n > 0 {
			return sum(widths[:n]), length, false
		}
	}
	return 0, 0, cut
}

// maxDepth is how often an escape may be escaped.
const maxDepth = 2

// startsEscape are the bytes that begin an escape.
var startsEscape = func() (out [256]bool) {
	for _, e := range escapes {
		out[e.start] = true
	}
	return out
}()

// unescape decodes the start of a text, whose first character is in the escape e, and returns the
// lengths of the decoded characters in the text.
func unescape(text []byte, e *escape) (out []byte, widths []int) {
	for len(text) > 0 && len(out) < maxEntity {
		char, n := rune(text[0]), 1
		if text[0] == e.start {
			if c, width, _ := e.decode(text); width > 0 {
				char, n = c, width
			}
		}
		if char >= utf8.RuneSelf {
			break
		}
		out, widths = append(out, byte(char)), append(widths, n)
		text = text[n:]
	}
	return out, widths
}

func sum(list []int) int {
	total := 0
	for _, n := range list {
		total += n
	}
	return total
}
