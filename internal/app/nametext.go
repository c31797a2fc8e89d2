package app

import (
	"bytes"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema"
)

// nameText finds the occurrences of a name in a file that may declare it, without regard to case
// and to the form of Unicode. A file has the first and the last name of a person in two fields.
type nameText struct {
	words [][]byte // of a person's name; else the whole text as one word
	ascii bool
}

// nameDistance is the number of bytes before and after a word of a person's name, in which the
// other words of the name must be.
const nameDistance = 400

func newNameText(kind, word string) *nameText {
	words := []string{word}
	if fields := strings.Fields(word); kind == "user" && len(fields) > 1 {
		words = fields
	}
	t := &nameText{ascii: !strings.ContainsFunc(word, func(r rune) bool { return r > unicode.MaxASCII })}
	for _, w := range words {
		t.words = append(t.words, t.fold([]byte(w)))
	}
	return t
}

// unicodeEscape is an escaped character in CUE, JSON or YAML.
var unicodeEscape = regexp.MustCompile(`\\u[0-9a-fA-F]{4}`)

// fold returns a text in a form in which equal names are equal bytes.
func (t *nameText) fold(text []byte) []byte {
	if t.ascii {
		return bytes.ToLower(text)
	}
	text = unicodeEscape.ReplaceAllFunc(text, func(escape []byte) []byte {
		r, err := strconv.ParseUint(string(escape[2:]), 16, 32)
		if err != nil || !utf8.ValidRune(rune(r)) {
			return escape
		}
		return utf8.AppendRune(nil, rune(r))
	})
	return []byte(schema.FoldName(string(text)))
}

// compare compares the occurrences in a file before and after a commit. It does not read most of
// what the two have in common: a commit changes a few lines of a large file.
func (t *nameText) compare(before, after []byte, into *nameChange) {
	before, after = differingLines(before, after)
	for occurrence := range t.occurrences(before) {
		into.add(occurrence, 1)
	}
	for occurrence := range t.occurrences(after) {
		into.add(occurrence, -1)
	}
}

// contextBytes is the number of bytes before and after a difference that are compared too. It is
// more than an occurrence depends on.
const contextBytes = 16 * (nameDistance + surroundings)

// differingLines returns two texts without the lines that they have in common at the start and at
// the end, except contextBytes of these.
func differingLines(a, b []byte) ([]byte, []byte) {
	n, most := 0, min(len(a), len(b))
	for n < most && a[n] == b[n] {
		n++
	}
	start := bytes.LastIndexByte(a[:max(0, n-contextBytes)], '\n') + 1
	a, b = a[start:], b[start:]
	n, most = 0, min(len(a), len(b))
	for n < most && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	n = max(0, n-contextBytes)
	next := bytes.IndexByte(a[len(a)-n:], '\n')
	if next < 0 {
		return a, b
	}
	n -= next + 1
	return a[:len(a)-n], b[:len(b)-n]
}

// occurrences yields each occurrence of the name in a file, with its surroundings.
func (t *nameText) occurrences(content []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		content = t.fold(content)
		last := t.words[len(t.words)-1]
		for at := 0; len(last) > 0; at += len(last) {
			next := bytes.Index(content[at:], last)
			if next < 0 {
				return
			}
			at += next
			if len(t.words) > 1 && !(isWord(content, at, len(last)) && t.isNear(content, at, len(last))) {
				continue
			}
			end := at + len(last)
			if !yield(content[max(0, at-surroundings):min(len(content), end+surroundings)]) {
				return
			}
		}
	}
}

// surroundings is the number of bytes before and after an occurrence that tell it from others, and
// maxSurroundings the number of different ones that are compared.
const (
	surroundings    = 60
	maxSurroundings = 10_000
)

// nameChange is what a commit changed about the occurrences of a name.
type nameChange struct {
	balance int // of occurrences: those before, less those after
	around  map[string]int
}

func (c *nameChange) add(occurrence []byte, by int) {
	c.balance += by
	if _, known := c.around[string(occurrence)]; known || len(c.around) < maxSurroundings {
		c.around[string(occurrence)] += by
	}
}

// movesOrReplaces reports whether an occurrence of before has no equal one after.
func (c *nameChange) movesOrReplaces() bool {
	for _, n := range c.around {
		if n > 0 {
			return true
		}
	}
	return false
}

// isNear reports whether all words but the last are near the last one, which is at an index.
func (t *nameText) isNear(content []byte, at, length int) bool {
	from, to := max(0, at-nameDistance), min(len(content), at+length+nameDistance)
	for _, w := range t.words[:len(t.words)-1] {
		found := false
		for i := from; !found; i += len(w) {
			next := bytes.Index(content[i:to], w)
			if next < 0 {
				return false
			}
			i += next
			found = i != at && isWord(content, i, len(w))
		}
	}
	return true
}

// isWord reports whether no letter or digit touches a part of a text.
func isWord(content []byte, at, length int) bool {
	before, _ := utf8.DecodeLastRune(content[:at])
	after, _ := utf8.DecodeRune(content[at+length:])
	isPart := func(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	return !isPart(before) && !isPart(after)
}
