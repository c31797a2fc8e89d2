package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

const alarm = render.Alarm

// sgr are the terminal's codes for tones.
var sgr = map[render.Tone]string{render.Faint: "2", render.Good: "32", render.Caution: "33", render.Alarm: "1;31"}

func paint(tone render.Tone, s string) string {
	if code := sgr[tone]; code != "" && s != "" {
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	return s
}

// paintOut is how plans and reports are coloured on standard output; nil means plainly.
func (a *app) paintOut() render.Paint {
	if a.colored(a.stdout) {
		return paint
	}
	return nil
}

func (a *app) paintErr(tone render.Tone, s string) string {
	if a.colored(a.stderr) {
		return paint(tone, s)
	}
	return s
}

func (a *app) json(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// problem is the stable JSON form of a finding.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Code    string `json:"code"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Value   string `json:"value,omitempty"`
	Advice  string `json:"advice,omitempty"`
}

func problemsJSON(ps schema.Problems) []problem {
	out := make([]problem, 0, len(ps))
	for _, p := range ps {
		out = append(out, problem{p.Pos.File, p.Pos.Line, p.Pos.Column, p.Code, p.Path, p.Message, p.Value, p.Advice})
	}
	return out
}

func (a *app) printProblems(w io.Writer, ps schema.Problems) {
	for _, p := range ps {
		if a.colored(w) {
			fmt.Fprintf(w, "%s %s %s", paint(render.Plain, p.Pos.String()+":"), paint(render.Alarm, p.Code+":"), p.Message)
			if p.Value != "" {
				fmt.Fprintf(w, " (got %s)", p.Value)
			}
			if p.Advice != "" {
				fmt.Fprint(w, paint(render.Faint, "; "+p.Advice))
			}
			fmt.Fprintln(w)
			continue
		}
		fmt.Fprintln(w, p)
	}
}
