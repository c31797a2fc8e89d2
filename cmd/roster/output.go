package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

const alarm = reconcile.Alarm

// sgr are the terminal's codes for tones.
var sgr = map[reconcile.Tone]string{reconcile.Faint: "2", reconcile.Good: "32", reconcile.Caution: "33", reconcile.Alarm: "1;31"}

func paint(tone reconcile.Tone, s string) string {
	if code := sgr[tone]; code != "" && s != "" {
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	return s
}

// paintOut is how plans and reports are coloured on standard output; nil means plainly.
func (a *app) paintOut() reconcile.Paint {
	if a.colored(a.stdout) {
		return paint
	}
	return nil
}

func (a *app) paintErr(tone reconcile.Tone, s string) string {
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
			fmt.Fprintf(w, "%s %s %s", paint(reconcile.Plain, p.Pos.String()+":"), paint(reconcile.Alarm, p.Code+":"), p.Message)
			if p.Value != "" {
				fmt.Fprintf(w, " (got %s)", p.Value)
			}
			if p.Advice != "" {
				fmt.Fprint(w, paint(reconcile.Faint, "; "+p.Advice))
			}
			fmt.Fprintln(w)
			continue
		}
		fmt.Fprintln(w, p)
	}
}

// progress prints what is being done on a terminal, over one line; elsewhere nothing.
func (a *app) progress() func(phase string, done, total int) {
	if !terminal(a.stderr) {
		return nil
	}
	var current string
	var began time.Time
	return func(phase string, done, total int) {
		if done == total {
			fmt.Fprint(a.stderr, "\r\x1b[K")
			return
		}
		if phase != current {
			current, began = phase, time.Now()
		}
		fmt.Fprintf(a.stderr, "\r\x1b[K%s %d/%d%s", phase, done, total, timeLeft(done, total, time.Since(began)))
	}
}

// timeLeft estimates how long the rest takes at the pace so far; "" while too little is known.
func timeLeft(done, total int, elapsed time.Duration) string {
	if done <= 0 || elapsed < 3*time.Second {
		return ""
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(total-done))
	if left < time.Second {
		return ""
	}
	unit := time.Second
	if left > 10*time.Minute {
		unit = time.Minute
	}
	text := left.Round(unit).String()
	if whole, ok := strings.CutSuffix(text, "m0s"); ok {
		text = whole + "m"
	}
	return fmt.Sprintf(", about %s left", text)
}

// phase is progress for one thing that is done.
func (a *app) phase(name string) func(done, total int) {
	if p := a.progress(); p != nil {
		return func(done, total int) { p(name, done, total) }
	}
	return nil
}
