package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
)

// printer prints the scenario.
type printer struct {
	out   io.Writer
	color bool
}

func (p printer) paint(tone output.Tone, text string) output.Span {
	if !p.color {
		tone = output.Plain
	}
	return output.Paint(tone, text)
}

func (p printer) line(format string, args ...any) { output.Fprintf(p.out, format+"\n", args...) }

// fact prints a name and its lines below each other.
func (p printer) fact(name string, tone output.Tone, text string) {
	for i, l := range strings.Split(text, "\n") {
		if i > 0 {
			name = ""
		}
		p.line("   %s %s", p.paint(output.Faint, fmt.Sprintf("%-6s", name)), p.paint(tone, l))
	}
}

func (p printer) title(number, of int, text string) {
	p.line("\n%s", p.paint(output.Strong, fmt.Sprintf("%d/%d  %s", number, of, text)))
}

func (p printer) text(format string, args ...any) { p.line("   "+format, args...) }

// command prints a command that is run.
func (p printer) command(args ...string) {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = shellQuote(a)
	}
	p.fact("$", output.Faint, strings.Join(quoted, " "))
}

// suggestion prints commands for the user, with a comment.
func (p printer) suggestion(comment string, commands ...string) {
	p.line("   %s", p.paint(output.Faint, "# "+comment))
	for _, c := range commands {
		p.line("   %s", p.paint(output.Command, c))
	}
}

func (p printer) passed(took time.Duration) {
	p.line("   %s", p.paint(output.Good, fmt.Sprintf("ok     after %.1f s", took.Seconds())))
}

// shellQuote quotes a word for a shell.
func shellQuote(word string) string {
	if strings.ContainsAny(word, " '\"$&;()") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
