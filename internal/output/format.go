package output

import (
	"fmt"
	"io"
)

// A Span is text for a terminal that is escaped already, possibly with markers of a tone. Only
// Paint and Sprintf make spans; a conversion would skip the escaping.
type Span string

// Fprintf writes like fmt.Fprintf, but each argument that is not a Span is written as Line shows
// it. So the format decides where lines end, and arguments cannot.
func Fprintf(w io.Writer, format string, args ...any) {
	for i, a := range args {
		args[i] = escapedBy(Line, a)
	}
	_, _ = fmt.Fprintf(w, format, args...) // the writer of a command keeps the first error
}

// Sprintf is Fprintf to a Span.
func Sprintf(format string, args ...any) Span {
	for i, a := range args {
		args[i] = escapedBy(Line, a)
	}
	return Span(fmt.Sprintf(format, args...))
}

// escapedValue is an argument that is escaped after it is formatted, for every verb.
type escapedValue struct {
	value  any
	escape func(string) string
}

// Format implements fmt.Formatter.
func (v escapedValue) Format(f fmt.State, verb rune) {
	_, _ = io.WriteString(f, v.escape(fmt.Sprintf(fmt.FormatString(f, verb), v.value)))
}

// escapedBy returns an argument that is escaped when it is formatted. Numbers stay as they are,
// because fmt accepts only an int as a width.
func escapedBy(escape func(string) string, a any) any {
	switch a.(type) {
	case Span, MarkdownText, escapedValue, bool, int, int64, uint64, float64:
		return a
	}
	return escapedValue{a, escape}
}
