package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// printer prints the scenario.
type printer struct {
	out   io.Writer
	color bool
}

// Terminal codes.
const (
	bold   = "1"
	faint  = "2"
	red    = "1;31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (p printer) paint(code, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p printer) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// fact prints a name and its lines below each other.
func (p printer) fact(name, code, text string) {
	for i, l := range strings.Split(text, "\n") {
		if i > 0 {
			name = ""
		}
		p.line("   %s %s", p.paint(faint, fmt.Sprintf("%-6s", name)), p.paint(code, l))
	}
}

func (p printer) title(number, of int, text string) {
	p.line("\n%s", p.paint(bold, fmt.Sprintf("%d/%d  %s", number, of, text)))
}

func (p printer) text(format string, args ...any) { p.line("   "+format, args...) }

// command prints a command that is run.
func (p printer) command(args ...string) {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = shellQuote(a)
	}
	p.fact("$", faint, strings.Join(quoted, " "))
}

// suggestion prints commands for the user, with a comment.
func (p printer) suggestion(comment string, commands ...string) {
	p.line("   %s", p.paint(faint, "# "+comment))
	for _, c := range commands {
		p.line("   %s", p.paint(cyan, c))
	}
}

func (p printer) passed(took time.Duration) {
	p.line("   %s", p.paint(green, fmt.Sprintf("ok     after %.1f s", took.Seconds())))
}

// shellQuote quotes a word for a shell.
func shellQuote(word string) string {
	if strings.ContainsAny(word, " '\"$&;()") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
