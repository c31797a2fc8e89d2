package source

import (
	"strings"
	"testing"
)

func TestLongYAMLValuesAreFoundBeforeParsing(t *testing.T) {
	const limit = 100
	many := strings.Repeat("    some text: and more\n", 10)
	for _, test := range []struct {
		name, text string
		want       int // the line
	}{
		{"a short file", "a: {b: c}\n", 0},
		{"many short values", strings.Repeat("a:\n  b: \"c\"\n  d: |\n    text\n", 100), 0},
		{"a long comment on many lines", strings.Repeat("# a comment\n", 100) + "a: b\n", 0},
		{"a document on one line", "{" + strings.Repeat("\"a\": {\"b\": \"c\"}, ", 100) + "}", 0},
		{"a list on one line", "a: [" + strings.Repeat("bc, ", 100) + "]\n", 0},
		{"a long plain text", "a: b\nc: " + strings.Repeat("x", limit) + "\nd: e\n", 2},
		{"a long key", strings.Repeat("x", limit+1) + ": y\n", 1},
		{"a long block", "a:\n  b: |\n" + many + "  c: d\n", 7},
		{"a long folded block with indicators", "- >2- # text\n" + many, 6},
		{"a long block after an empty line", "a: |\n\n" + many, 7},
		{"short blocks in a row", strings.Repeat("a: |\n  text of a block\nb: >-\n  text\n", 20), 0},
		{"a map after a block", "a: |\n  x\nb:\n" + many, 0},
		{"a long text in quotes", "a:\n  b: \"\n" + many + "  \"\n", 7},
		{"a long text in single quotes", "- '\n" + many + "  '\n", 6},
		{"a text in quotes with escaped quotes", "a: \"\n    \\\"\n" + many + "  \"\n", 6},
		{"quotes that are closed", strings.Repeat("a: 'it''s'\nb: \"x\\\"y\"\n\"c\": 'd'\n", 100), 0},
		{"an apostrophe in plain text", "a: it's\n" + many, 0},
		{"a bar in plain text", "a: x|\n" + many, 0},
		{"a comment that looks like a block", "# a: |\n" + many, 0},
		{"Windows line ends", strings.Repeat("a:\r\n  b: \"c\"\r\n", 100), 0},
	} {
		if have := longYAMLValue(test.text, limit); have != test.want {
			t.Errorf("%s: line %d; want %d", test.name, have, test.want)
		}
	}
}

func TestLoneSurrogatesAreInvalidJSON(t *testing.T) {
	for raw, want := range map[string]bool{
		`"\ud83d\ude00"`: false, `"\uD83D\uDE00\uD83D\uDE00"`: false,
		`"x"`: false, `"\\ud800"`: false, `"\u00e9"`: false,
		`"\ud800"`: true, `"\udc00"`: true, `"\ud800x"`: true, `"\ud800\n"`: true, `"\\\udc00"`: true,
		`"\ude00\ud83d"`: true, `"\ud800\ud800\udc00"`: true,
	} {
		if have := hasLoneSurrogate(raw); have != want {
			t.Errorf("%s: %v; want %v", raw, have, want)
		}
	}
}
