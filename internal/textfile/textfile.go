// Package textfile reads text that people have written with any editor: UTF-8, with or without a
// byte-order mark. It names other encodings, which parsers would report as errors of another kind.
package textfile

import (
	"bytes"
	"fmt"
	"os"
	"unicode/utf8"
)

// Mark is the byte-order mark of UTF-8. Some editors write it at the start of a file.
const Mark = "\xef\xbb\xbf"

// Read returns the UTF-8 text of a file without its byte-order mark. Errors of the file system are
// those of os.ReadFile.
func Read(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	text, other := Decode(data)
	if other != "" {
		return nil, fmt.Errorf("%s: %s; save it as UTF-8", name, other)
	}
	return text, nil
}

// Decode returns UTF-8 text without its byte-order mark. For any other encoding it returns what the
// file has instead, such as "the file is UTF-16, not UTF-8".
func Decode(data []byte) (text []byte, other string) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return nil, "the file is UTF-32, not UTF-8"
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), looksLikeUTF16(data):
		return nil, "the file is UTF-16, not UTF-8"
	case !utf8.Valid(data):
		return nil, "the file is not UTF-8"
	}
	text = bytes.TrimPrefix(data, []byte(Mark))
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, "the file has NUL bytes: it is not text"
	}
	return text, ""
}

// looksLikeUTF16 reports whether a file begins like UTF-16 without a mark: of its first pairs of
// bytes, most have one byte that is zero, always the same of the two.
func looksLikeUTF16(data []byte) bool {
	pairs := min(len(data), 256) / 2
	var zeros [2]int
	for i := range 2 * pairs {
		if data[i] == 0 {
			zeros[i%2]++
		}
	}
	return pairs > 0 && (zeros[0] > pairs/2 && zeros[1] == 0 || zeros[1] > pairs/2 && zeros[0] == 0)
}
