package textfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// encoded returns ASCII text in UTF-16.
func encoded(text string, mark, bigEndian bool) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var b strings.Builder
	for _, u := range units {
		high, low := byte(u>>8), byte(u)
		if bigEndian {
			b.Write([]byte{high, low})
		} else {
			b.Write([]byte{low, high})
		}
	}
	return b.String()
}

func TestReadReturnsTextOrNamesTheEncoding(t *testing.T) {
	const key = "-----BEGIN KEY-----\nabc\n"
	for name, test := range map[string]struct{ content, text, problem string }{
		"plain text":                  {key, key, ""},
		"a byte-order mark":           {Mark + key, key, ""},
		"nothing":                     {"", "", ""},
		"only a mark":                 {Mark, "", ""},
		"UTF-16 with a mark":          {encoded(key, true, false), "", "UTF-16, not UTF-8; save it as UTF-8"},
		"UTF-16, big-endian":          {encoded(key, true, true), "", "UTF-16"},
		"UTF-16 without a mark":       {encoded(key, false, false), "", "UTF-16"},
		"UTF-16, big, without a mark": {encoded(key, false, true), "", "UTF-16"},
		"UTF-32":                      {"\xff\xfe\x00\x00k\x00\x00\x00", "", "UTF-32"},
		"Latin-1":                     {"M\xfcller", "", "not UTF-8"},
		"bytes that are no text":      {"key\x00more", "", "NUL"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := Read(file)
		switch {
		case test.problem == "" && (err != nil || string(text) != test.text):
			t.Errorf("%s: got %q and %v, want %q", name, text, err, test.text)
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem) ||
			!strings.Contains(err.Error(), file)):
			t.Errorf("%s: the error is %v, want %q", name, err, test.problem)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}
