package source

import (
	"strings"
	"testing"
)

func TestOnlyDeepFilesAndLongValuesAreExpensive(t *testing.T) {
	l := StandardLimits()
	l.depth = 10
	flat := strings.Repeat("groups: \"g\": {displayName: \"G\", members: {u1: {}, u2: {}, }}\n", 4000)
	for _, test := range []struct{ name, text, want string }{
		{"a long flat file", flat, ""},
		{"a deep file", strings.Repeat("{a: ", 40_000), "values are nested too deeply"},
		{"a long text", flat + `x: "` + strings.Repeat("x", l.valueBytes) + `"`, "a value is longer than 64 KiB"},
		{"a text on many lines", flat + `x: """` + "\n" + strings.Repeat("\t\tabc\n", l.valueBytes/6) + "\t\t\"\"\"\n",
			"a value is longer than 64 KiB"},
		{"a long number", flat + "x: " + strings.Repeat("9", l.valueBytes+1), "a value is longer than 64 KiB"},
		{"a long comment", flat + "// " + strings.Repeat("x", l.valueBytes), ""},
	} {
		if have, _ := l.checkTokens([]byte(test.text)); have != test.want {
			t.Errorf("%s: %q; want %q", test.name, have, test.want)
		}
	}
}
