package output

import (
	"encoding/json"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// NewJSONWriter returns a writer that replaces the characters of JSON which Line would show by
// escapes of JSON, so that JSON is safe to print and its values are unchanged. Line feeds and tabs
// between values pass. Whole characters must be in one write, as encoders write them.
func NewJSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(p []byte) (int, error) {
	if _, err := j.w.Write(EscapeJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteJSON writes a value as indented JSON.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(NewJSONWriter(w))
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// EscapeJSON returns JSON in which only visible characters, line feeds and tabs are left. It
// returns data itself if nothing is to be replaced.
func EscapeJSON(data []byte) []byte {
	var out []byte // nil as long as nothing was replaced
	begin := 0     // of what is not copied to out
	for i := 0; i < len(data); {
		if c := data[i]; c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if visible(r) && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		out = append(out, data[begin:i]...)
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			out = appendUnit(appendUnit(out, high), low)
		} else {
			out = appendUnit(out, r)
		}
		i += size
		begin = i
	}
	if begin == 0 {
		return data
	}
	return append(out, data[begin:]...)
}

// appendUnit appends the escape of a UTF-16 code unit.
func appendUnit(b []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}
