package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// The levels that commands log from without --verbose.
const (
	logInfo     = slog.LevelInfo
	logWarnings = slog.LevelWarn
)

// sgr are the terminal codes of the tones (select graphic rendition).
var sgr = map[render.Tone]string{
	render.Faint: "2", render.Good: "32", render.Caution: "33", render.Alarm: "1;31",
}

func paint(tone render.Tone, s string) string {
	if code := sgr[tone]; code != "" && s != "" {
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	return s
}

// paint returns how output to w is colored; nil means without colors.
func (c *cli) paint(w io.Writer) render.Paint {
	if c.colored(w) {
		return paint
	}
	return nil
}

// paintText colors a text for w.
func (c *cli) paintText(w io.Writer, tone render.Tone, s string) string {
	if c.colored(w) {
		return paint(tone, s)
	}
	return s
}

func (c *cli) printJSON(v any) error { return writeJSON(c.stdout, v) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeTexts writes results to w, with an empty line between them.
func writeTexts[T any](w io.Writer, results []T, write func(T) error) error {
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(w)
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
		c.printProblems(c.stderr, problems)
		fmt.Fprintf(c.stderr, "roster: the configuration is invalid: %s\n", schema.Count(len(problems), "problem"))
		return
	}
	fmt.Fprintf(c.stderr, "roster: %s\n", c.paintText(c.stderr, render.Alarm, "error: ")+err.Error())
}

func (c *cli) printProblems(w io.Writer, problems schema.Problems) {
	for _, p := range problems {
		if !c.colored(w) {
			fmt.Fprintln(w, p)
			continue
		}
		fmt.Fprintf(w, "%s %s %s", p.Pos.String()+":", paint(render.Alarm, p.Code+":"), p.Message)
		if p.Value != "" {
			fmt.Fprintf(w, " (got %s)", p.Value)
		}
		if p.Advice != "" {
			fmt.Fprint(w, paint(render.Faint, "; "+p.Advice))
		}
		fmt.Fprintln(w)
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
