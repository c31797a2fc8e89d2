package output

import (
	"io"
	"regexp"
	"sync"
	"unicode/utf8"
)

// Tone is how much attention a text needs. On a terminal, it is a color.
type Tone int

// The tones, from the least to the most attention, and then those for other purposes.
const (
	Plain Tone = iota
	Faint
	Good
	Caution
	Alarm
	Strong  // a heading
	Command // a command that the user can run
)

// sgr are the codes of the tones (ECMA-48, select graphic rendition).
var sgr = [...]string{Plain: "", Faint: "2", Good: "32", Caution: "33", Alarm: "1;31", Strong: "1", Command: "36"}

// Markers of tones in a Span: toneMarker plus the tone begins a tone, and endMarker ends it. They
// are noncharacters, which Unicode reserves for use within a program. Line shows those in a value
// as escapes.
const (
	toneMarker rune = 0xFDD0
	endMarker  rune = 0xFDEF
)

// Paint returns a value as text in a tone. A Writer without color leaves the tone out.
func Paint(t Tone, value string) Span {
	value = Line(value)
	if sgr[t] == "" || value == "" {
		return Span(value)
	}
	return Span(string(toneMarker+rune(t)) + value + string(endMarker))
}

// Writer is standard output or standard error. It writes visible characters, line feeds and tabs.
// It replaces the markers of tones by colors, and shows everything else as Line does. It may be
// used concurrently.
type Writer struct {
	w io.Writer

	mu      sync.Mutex
	color   bool
	pending []byte // the begin of a character, whose rest comes with the next write
	err     error  // the first error; later writes fail with it
}

// NewWriter returns the Writer of a stream, without color.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Unwrap returns the stream.
func (w *Writer) Unwrap() io.Writer { return w.w }

// SetColor sets whether markers become colors, or are left out.
func (w *Writer) SetColor(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.color = on
}

// Write writes the visible form of p.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(p, nil)
}

// Flush writes a character that was begun and not completed. It returns the first error of all
// writes.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.pending
	w.pending = nil
	for _, c := range rest {
		w.send([]byte(shown(utf8.RuneError, string([]byte{c}))))
	}
	return w.err
}

// SetLine replaces the current line of a terminal by a value. An empty value clears the line.
func (w *Writer) SetLine(value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.send([]byte("\r\x1b[K" + Line(value)))
}

// Colored returns a writer to the same stream that also lets colors pass which are in the text
// already. It is for a log handler that makes colors itself, from records of NewLogHandler.
func (w *Writer) Colored() io.Writer { return coloredWriter{w} }

type coloredWriter struct{ w *Writer }

var colorSequence = regexp.MustCompile(`^\x1b\[[0-9;]*m`)

func (c coloredWriter) Write(p []byte) (int, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return c.w.write(p, colorSequence)
}

// write writes the visible form of p, and the sequences that a pattern allows.
func (w *Writer) write(p []byte, allowed *regexp.Regexp) (int, error) {
	text, pending := splitIncomplete(append(w.pending, p...))
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || r == '\t':
			out = append(out, text[:size]...)
		case r == '\x1b' && allowed != nil && allowed.Match(text):
			size = len(allowed.Find(text))
			out = append(out, text[:size]...)
		case isMarker(r):
			out = append(out, w.colorOf(r)...)
		default:
			out = append(out, shown(r, string(text[:size]))...)
		}
		text = text[size:]
	}
	w.pending = append([]byte(nil), pending...)
	w.send(out)
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

func (w *Writer) send(b []byte) {
	if w.err == nil && len(b) > 0 {
		_, w.err = w.w.Write(b)
	}
}

func isMarker(r rune) bool { return r == endMarker || r >= toneMarker && int(r-toneMarker) < len(sgr) }

// colorOf returns the color sequence of a marker.
func (w *Writer) colorOf(marker rune) string {
	if !w.color {
		return ""
	}
	if marker == endMarker {
		return "\x1b[0m"
	}
	return "\x1b[" + sgr[marker-toneMarker] + "m"
}

// splitIncomplete splits off the bytes at the end that are the begin of a character.
func splitIncomplete(b []byte) (complete, rest []byte) {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		tail := b[len(b)-n:]
		if utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-n], tail
			}
			break
		}
	}
	return b, nil
}
