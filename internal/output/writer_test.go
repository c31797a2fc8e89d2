package output

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// name is a type of a value whose text comes from a method.
type name struct{ text string }

func (n name) String() string { return n.text }

func TestFprintfEscapesEachArgument(t *testing.T) {
	type kind string
	var out bytes.Buffer
	Fprintf(&out, "%s|%v|%q|%v|%v|%s|%d|%-4s|%*d|%.2s\n", "a\nb", name{"c\x1bd"}, "e\nf", errors.New("g\r"),
		[]string{"h\n"}, kind("\u202e"), 3, "i", 2, 7, "jkl")
	if have, want := out.String(), `a\nb|c\x1bd|"e\nf"|g\r|[h\n]|\u202e|3|i   | 7|jk`+"\n"; have != want {
		t.Errorf("have %q\nwant %q", have, want)
	}
}

func TestSpansKeepTheirTone(t *testing.T) {
	red := Paint(Alarm, "a\x1b[0mb")
	for _, test := range []struct {
		name  string
		color bool
		want  string
	}{
		{"with color", true, "note: \x1b[1;31ma\\x1b[0mb\x1b[0m \\x1b[32mc\n"},
		{"without color", false, "note: a\\x1b[0mb \\x1b[32mc\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out)
			w.SetColor(test.color)
			Fprintf(w, "note: %s %s\n", red, "\x1b[32mc")
			if out.String() != test.want {
				t.Errorf("have %q\nwant %q", out.String(), test.want)
			}
		})
	}
}

// The writer is the barrier for values that nothing has escaped.
func TestTheWriterSendsOnlyVisibleCharactersLineFeedsAndTabs(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.SetColor(true)
	fmt.Fprint(w, "a\tb\n\x1b[31mred\r\x1b]0;x\x07 \u202e\xff")
	fmt.Fprint(w, "\xe5\xb1") // the begin of a character
	fmt.Fprint(w, "\xb1\xe5")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "a\tb\n" + `\x1b[31mred\r\x1b]0;x\a \u202e\xff` + "山" + `\xe5`; out.String() != want {
		t.Errorf("have %q\nwant %q", out.String(), want)
	}
}

func TestAWriterKeepsItsFirstError(t *testing.T) {
	w := NewWriter(failingWriter{})
	if _, err := w.Write([]byte("x")); !errors.Is(err, errClosed) {
		t.Errorf("%v; want the error of the stream", err)
	}
	if err := w.Flush(); !errors.Is(err, errClosed) {
		t.Errorf("%v after the last write; want the error of the stream", err)
	}
}

var errClosed = errors.New("closed")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errClosed }

func TestProgressCannotLeaveItsLine(t *testing.T) {
	var out bytes.Buffer
	NewWriter(&out).SetLine("read\nx\x1b[1A")
	if want := "\r\x1b[Kread\\nx\\x1b[1A"; out.String() != want {
		t.Errorf("have %q; want %q", out.String(), want)
	}
}

func TestALogHandlerThatColorsKeepsItsColorsAndNoOthers(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(NewLogHandler(slog.NewTextHandler(NewWriter(&out).Colored(), &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
	log.With("w\n", "a\x1b[31m").WithGroup("g\n").Info("m\nforged", "error", errors.New("e\x1b]0;x"),
		"list", []string{"\u202e"}, "took", time.Second, slog.Group("in", "x", name{"\r"}),
		"value", slog.AnyValue(name{"\x1b[2J"}))
	if c := unsafe(out.String(), "\n"); c != "" || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("the log has %s: %q", c, out.String())
	}
	for _, want := range []string{`m\nforged`, `e\x1b]0;x`, `[\u202e]`, "took=1s", `value=\x1b[2J`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %s: %s", want, out.String())
		}
	}
	out.Reset()
	fmt.Fprint(NewWriter(&out).Colored(), "\x1b[2mx\x1b[0m\x1b[2J")
	if want := "\x1b[2mx\x1b[0m\\x1b[2J"; out.String() != want {
		t.Errorf("have %q; want %q", out.String(), want)
	}
}
