package output

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzJSON(f *testing.F) {
	for _, v := range hostileValues {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var out bytes.Buffer
		if err := WriteJSON(&out, map[string]string{value: value}); err != nil {
			t.Fatal(err)
		}
		if c := unsafe(out.String(), "\n"); c != "" {
			t.Errorf("the JSON of %q has %s", value, c)
		}
		var have map[string]string
		if err := json.Unmarshal(out.Bytes(), &have); err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
		if utf8.ValidString(value) && have[value] != value {
			t.Errorf("the JSON of %q is %s", value, out.String())
		}
	})
}

func TestAJSONLogIsSafeToPrintAndKeepsValues(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(NewJSONWriter(&out), nil)).Info("m\u202e", "a", "\x1b\u009b\u200b\U000e0041\xff")
	if c := unsafe(out.String(), "\n"); c != "" {
		t.Errorf("the log has %s: %s", c, out.String())
	}
	var have struct{ Msg, A string }
	if err := json.Unmarshal(out.Bytes(), &have); err != nil || have.Msg != "m\u202e" ||
		have.A != "\x1b\u009b\u200b\U000e0041\ufffd" {
		t.Errorf("%+v, %v from %s", have, err, out.String())
	}
}

func TestResponsesAreText(t *testing.T) {
	const hostile = "a\x1b[2J\u202e\xff\u009b"
	for _, test := range []struct{ name, kind, encoding, body, want string }{
		{"a page", "text/html; charset=utf-8", "", "<p>" + hostile + "\n", `<p>a\x1b[2J\u202e\xff\u009b` + "\n"},
		{"plain text", "text/plain", "", hostile, `a\x1b[2J\u202e\xff\u009b`},
		{"without a type", "", "", hostile, `a\x1b[2J\u202e\xff\u009b`},
		{"JSON", "application/json", "", "\"\u202e\x7f\"", `"\u202e\u007f"`},
		{"a file stays", "application/samlmetadata+xml", "", "<a>\u202e", "<a>\u202e"},
		{"a compressed response stays", "text/plain", "gzip", "\x1f\x8b", "\x1f\x8b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.kind}
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				w.Header().Set("Content-Length", "1")
				w.WriteHeader(http.StatusTeapot)
				for i := range len(test.body) { // a write may end within a character
					_, _ = w.Write([]byte(test.body[i : i+1]))
				}
			})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if w.Body.String() != test.want || w.Code != http.StatusTeapot {
				t.Errorf("%d %q; want %q", w.Code, w.Body.String(), test.want)
			}
			if escaped := test.want != test.body; escaped == (w.Header().Get("Content-Length") != "") {
				t.Errorf("the header is %v", w.Header())
			}
		})
	}
}

func FuzzCSV(f *testing.F) {
	for _, v := range hostileValues {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var out bytes.Buffer
		if err := WriteCSV(&out, [][]string{{value, value}, {"x", value}}); err != nil {
			t.Fatal(err)
		}
		if c := unsafe(out.String(), "\n"); c != "" {
			t.Errorf("the CSV of %q has %s", value, c)
		}
		if n := strings.Count(out.String(), "\n"); n != 2 {
			t.Errorf("the CSV of %q has %d lines", value, n)
		}
		c := cell(value)
		first := strings.TrimLeft(c, " \u00a0\u3000")
		if first != "" && strings.ContainsRune("=+-@＝＋－＠\t\r", []rune(first)[0]) {
			t.Errorf("the cell of %q is the formula %q", value, c)
		}
		if strings.TrimPrefix(c, "'") != Line(value) && c != Line(value) {
			t.Errorf("the cell of %q is %q", value, c)
		}
	})
}

func TestCSVMakesFormulasText(t *testing.T) {
	var out bytes.Buffer
	err := WriteCSV(&out, [][]string{{"name", "note"}, {"=HYPERLINK(\"http://x\")", "+1"}, {" -1", "@SUM(1)"},
		{"\t=1", "a,b\n"}, {"it's", "a=b"}})
	want := "name,note\n\"'=HYPERLINK(\"\"http://x\"\")\",'+1\n' -1,'@SUM(1)\n\\t=1,\"a,b\\n\"\nit's,a=b\n"
	if err != nil || out.String() != want {
		t.Errorf("%v, %q; want %q", err, out.String(), want)
	}
}
