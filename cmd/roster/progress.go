package main

import (
	"fmt"
	"strings"
	"time"
)

// progress prints what is being done on a terminal, over one line; elsewhere nothing.
func (a *app) progress() func(phase string, done, total int) {
	if !terminal(a.stderr) {
		return nil
	}
	p := &pace{now: time.Now}
	return func(phase string, done, total int) {
		left := p.left(phase, done, total)
		if done == total {
			fmt.Fprint(a.stderr, "\r\x1b[K")
			return
		}
		fmt.Fprintf(a.stderr, "\r\x1b[K%s %d/%d%s", phase, done, total, left)
	}
}

// phase is progress for one thing that is done.
func (a *app) phase(name string) func(done, total int) {
	if p := a.progress(); p != nil {
		return func(done, total int) { p(name, done, total) }
	}
	return nil
}

const (
	// paceKnown is how long a phase must have gone on before anything is said of its end.
	paceKnown = 3 * time.Second
	// paceWindow is how far back a pace is measured: a throttle that tightens or loosens shows within that time.
	paceWindow = 30 * time.Second
)

// pace estimates how long the rest of a phase takes from how the last of it went.
type pace struct {
	now   func() time.Time
	phase string
	marks []mark // of the last paceWindow and one from before, no more than one a second
}

// mark is how much was done at a time.
type mark struct {
	at   time.Time
	done int
}

// left notes how much is done and says how long the rest takes; "" while too little is known.
func (p *pace) left(phase string, done, total int) string {
	here := mark{p.now(), done}
	if n := len(p.marks); phase != p.phase || n > 0 && done < p.marks[n-1].done { // another phase, or the next provisioner's
		p.phase, p.marks = phase, nil
	}
	for len(p.marks) > 1 && here.at.Sub(p.marks[1].at) >= paceWindow {
		p.marks = p.marks[1:]
	}
	if n := len(p.marks); n == 0 || here.at.Sub(p.marks[n-1].at) >= time.Second {
		p.marks = append(p.marks, here)
	}
	return timeLeft(done-p.marks[0].done, total-done, here.at.Sub(p.marks[0].at))
}

// timeLeft is how long left takes when done took elapsed.
func timeLeft(done, left int, elapsed time.Duration) string {
	if done <= 0 || elapsed < paceKnown {
		return ""
	}
	rest := time.Duration(float64(elapsed) / float64(done) * float64(left))
	if rest < time.Second {
		return ""
	}
	unit := time.Second
	if rest > 10*time.Minute {
		unit = time.Minute
	}
	text := rest.Round(unit).String()
	if whole, ok := strings.CutSuffix(text, "m0s"); ok {
		text = whole + "m"
	}
	return fmt.Sprintf(", about %s left", text)
}
