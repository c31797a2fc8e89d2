package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Voice is how the story is told.
type Voice struct {
	Out    io.Writer
	Colour bool
}

// The tones of a terminal.
const (
	bold   = "1"
	faint  = "2"
	red    = "1;31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (v Voice) tone(code, text string) string {
	if !v.Colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (v Voice) line(format string, args ...any) { fmt.Fprintf(v.Out, format+"\n", args...) }

// fact is a named fact, its lines below one another.
func (v Voice) fact(name, code, text string) {
	for i, l := range strings.Split(text, "\n") {
		if i > 0 {
			name = ""
		}
		v.line("   %s %s", v.tone(faint, fmt.Sprintf("%-6s", name)), v.tone(code, l))
	}
}

func (v Voice) title(number, of int, text string) {
	v.line("\n%s", v.tone(bold, fmt.Sprintf("%d/%d  %s", number, of, text)))
}

func (v Voice) say(format string, args ...any) { v.line("   "+format, args...) }

// shell shows a command that is run.
func (v Voice) shell(args ...string) {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	v.fact("$", faint, strings.Join(quoted, " "))
}

func (v Voice) passed(took time.Duration) {
	v.line("   %s", v.tone(green, fmt.Sprintf("ok     after %.1f s", took.Seconds())))
}

// quote writes a word as a shell takes it.
func quote(word string) string {
	if strings.ContainsAny(word, " '\"$&;()") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
