package output

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLineShowsWhatIsNotVisible(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"visible text stays", "Zoë Åström (u-1) 山田　太郎 ✓", "Zoë Åström (u-1) 山田　太郎 ✓"},
		{"a backslash stays", `DOMAIN\ann`, `DOMAIN\ann`},
		{"a line end makes no line", "a\r\nb", `a\r\nb`},
		{"a tab makes no column", "a\tb", `a\tb`},
		{"an escape sequence is not sent", "x\x1b[1A\x1b[2Ky", `x\x1b[1A\x1b[2Ky`},
		{"nor an operating system command", "\x1b]0;x\x07", `\x1b]0;x\a`},
		{"nor a sequence of C1", "\u009b31m", `\u009b31m`},
		{"delete is shown", "a\x7f", `a\x7f`},
		{"text does not change its direction", "a\u202eb\u2066\u200f\u061c", `a\u202eb\u2066\u200f\u061c`},
		{"joiners of an emoji and of a Persian word are shown", "\U0001f469\u200d\U0001f4bb \u0645\u06cc\u200c\u062e",
			"\U0001f469\\u200d\U0001f4bb \u0645\u06cc\\u200c\u062e"},
		{"text without width is shown", "a\u200b\u200d\u2060\ufeffb\u00ad", `a\u200b\u200d\u2060\ufeffb\u00ad`},
		{"so are fillers and selectors", "\u3164\ufe0f\u034f", `\u3164\ufe0f\u034f`},
		{"so are tags", "\U000e0041", `\U000e0041`},
		{"so are separators of lines", "\u2028\u2029\u0085", `\u2028\u2029\u0085`},
		{"so are private and unassigned characters", "\ue000\uffff", `\ue000\uffff`},
		{"so are the markers of this package", Paint0(), `\ufdd4x\ufdef`},
		{"so are bytes that are not UTF-8", "a\xff\xc3", `a\xff\xc3`},
		{"the replacement character stays", "\ufffd", "\ufffd"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if have := Line(test.value); have != test.want {
				t.Errorf("Line(%q) = %s; want %s", test.value, have, test.want)
			}
		})
	}
}

// Paint0 is a value with the markers of a tone.
func Paint0() string { return string(Paint(Alarm, "x")) }

func TestTruncateCutsBetweenCharactersAndEscapes(t *testing.T) {
	for _, test := range []struct {
		value string
		n     int
		want  string
	}{
		{"short", 5, "short"}, {"longer", 5, "long…"}, {"Åström", 4, "Åst…"}, {"ab\x1bc", 6, "ab…"},
		{"ab\x1b", 6, `ab\x1b`},
		{"\u202e\u202e", 7, `\u202e…`}, {"x", 0, "…"}, {"", 0, ""},
	} {
		if have := Truncate(test.value, test.n); have != test.want {
			t.Errorf("Truncate(%q, %d) = %q; want %q", test.value, test.n, have, test.want)
		}
	}
}

// unsafe returns the first character of a text that a terminal would not show; "" if there is none.
// It does not use the code that it tests: the categories are listed here.
func unsafe(text, allowed string) string {
	for i, r := range text {
		if strings.ContainsRune(allowed, r) {
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point) {
			return strconv.QuoteToASCII(text[i : i+size])
		}
	}
	return ""
}

func FuzzTerminal(f *testing.F) {
	for _, v := range hostileValues {
		f.Add(v, uint8(3))
	}
	f.Fuzz(func(t *testing.T, value string, split uint8) {
		line := Line(value)
		if c := unsafe(line, ""); c != "" {
			t.Errorf("Line(%q) has %s", value, c)
		}
		if Line(line) != line {
			t.Errorf("Line(%q) = %q, and again %q", value, line, Line(line))
		}
		if utf8.ValidString(value) && unsafe(value, "") == "" && line != value {
			t.Errorf("Line(%q) = %q; want no change", value, line)
		}
		for n := range 8 {
			if have := Truncate(value, n); utf8.RuneCountInString(have) > max(n, 1) ||
				!strings.HasPrefix(line, strings.TrimSuffix(have, "…")) {
				t.Errorf("Truncate(%q, %d) = %q", value, n, have)
			}
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		at := int(split) % (len(value) + 1)
		_, _ = w.Write([]byte(value[:at]))
		_, _ = w.Write([]byte(value[at:]))
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if c := unsafe(out.String(), "\n\t"); c != "" {
			t.Errorf("the writer sent %s of %q", c, value)
		}
		clean := strings.NewReplacer("\n", "", "\t", "").Replace
		have, want := clean(out.String()), Line(withoutMarkers(clean(value)))
		if utf8.ValidString(value) && have != want {
			t.Errorf("the writer sent %q of %q; want %q", have, value, want)
		}
	})
}

func withoutMarkers(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xfdd0 && r <= 0xfdd6 || r == 0xfdef {
			return -1
		}
		return r
	}, s)
}
