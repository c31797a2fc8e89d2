package main

import (
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// The levels that commands log from without --verbose.
const (
	logInfo     = slog.LevelInfo
	logWarnings = slog.LevelWarn
)

// flush ends the outputs. An error was reported by the write that it is of, or nobody reads.
func (c *cli) flush() {
	_ = c.stdout.Flush()
	_ = c.stderr.Flush()
}

// paint returns how output to w is colored; nil means without colors.
func (c *cli) paint(w *output.Writer) render.Paint {
	if c.colored(w) {
		return output.Paint
	}
	return nil
}

// discardLog returns a logger for output that only a shell reads.
func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// printJSON prints the only JSON document of a command.
func (c *cli) printJSON(v any) error {
	c.printedJSON = true
	return output.WriteJSON(c.stdout, v)
}

// withError adds an error to a JSON document; nil adds nothing.
func withError(document map[string]any, err error) map[string]any {
	if document == nil {
		document = map[string]any{"version": 1}
	}
	if err != nil {
		document["error"] = app.Describe(err)
	}
	return document
}

// wantsJSON reports whether the output is JSON, also if the arguments could not be parsed.
func (c *cli) wantsJSON() bool {
	if c.format == "json" {
		return true
	}
	format, _ := c.env("ROSTER_FORMAT")
	for i, arg := range c.args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--format="); ok {
			format = value
		} else if arg == "--format" && i+1 < len(c.args) {
			format = c.args[i+1]
		}
	}
	return format == "json"
}

// writeFile writes the content of a file to standard output: as it is, unless a person looks at it.
func (c *cli) writeFile(content []byte) error {
	w := c.stdout.Unwrap()
	if isTerminal(c.stdout) {
		w = c.stdout
	}
	_, err := w.Write(content)
	return err
}

// writeTexts writes results to w, with an empty line between them.
func writeTexts[T any](w io.Writer, results []T, write func(T) error) error {
	for i, r := range results {
		if i > 0 {
			output.Fprintf(w, "\n")
		}
		if err := write(r); err != nil {
			return err
		}
	}
	return nil
}

// printError prints an error: the problems of declarations one per line, anything else after the
// name of the program.
func (c *cli) printError(err error) {
	var problems schema.Problems
	if errors.As(err, &problems) {
		printProblems(c.stderr, schema.WarningsOf(err))
		printProblems(c.stderr, problems)
		output.Fprintf(c.stderr, "roster: the configuration is invalid: %s\n", schema.Count(len(problems), "problem"))
		return
	}
	printLines(c.stderr, output.Paint(render.Alarm, "error: "), err)
}

// printUsageError prints an error of the command line.
func (c *cli) printUsageError(err error) {
	printLines(c.stderr, "", err)
	output.Fprintf(c.stderr, "See roster --help.\n")
}

// printLines prints an error. The second line and those after it begin with a bar, so that a line
// within the error is not read as output of roster.
func printLines(w io.Writer, title output.Span, err error) {
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			output.Fprintf(w, "roster: %s%s\n", title, line)
		} else {
			output.Fprintf(w, "  | %s\n", line)
		}
	}
}

func printProblems(w io.Writer, problems schema.Problems) {
	for _, p := range problems {
		text := p.String()
		advice := ""
		if p.Advice != "" {
			advice = "; " + p.Advice
			text = strings.TrimSuffix(text, advice)
		}
		before, after, _ := strings.Cut(text, p.Code+":")
		output.Fprintf(w, "%s%s%s%s\n", before, output.Paint(render.Alarm, p.Code+":"), after,
			output.Paint(render.Faint, advice))
	}
}

// problemJSON is the JSON form of a problem.
type problemJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Code    string `json:"code"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Value   string `json:"value,omitempty"`
	Advice  string `json:"advice,omitempty"`
}

func problemsJSON(problems schema.Problems) []problemJSON {
	out := make([]problemJSON, 0, len(problems))
	for _, p := range problems {
		out = append(out, problemJSON{p.Pos.File, p.Pos.Line, p.Pos.Column, p.Code, p.Path, p.Message, p.Value,
			p.Advice})
	}
	return out
}
