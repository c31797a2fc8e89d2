// Package pace tells people how long the rest takes of something that takes long.
package pace

import (
	"fmt"
	"strings"
	"time"
)

const (
	// known is how long a phase must have gone on before anything is said of its end.
	known = 3 * time.Second
	// window is how far back a pace is measured: a throttle that tightens or loosens shows within that time.
	window = 30 * time.Second
)

// Pace estimates how long the rest of a phase takes from how the last of it went.
type Pace struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	phase string
	marks []mark // of the last window and one from before, no more than one a second
}

// mark is how much was done at a time.
type mark struct {
	at   time.Time
	done int
}

// Left notes how much is done and says how long the rest takes; "" while too little is known.
func (p *Pace) Left(phase string, done, total int) string {
	here := mark{p.now(), done}
	if n := len(p.marks); phase != p.phase || n > 0 && done < p.marks[n-1].done { // another phase, or the next provisioner's
		p.phase, p.marks = phase, nil
	}
	for len(p.marks) > 1 && here.at.Sub(p.marks[1].at) >= window {
		p.marks = p.marks[1:]
	}
	if n := len(p.marks); n == 0 || here.at.Sub(p.marks[n-1].at) >= time.Second {
		p.marks = append(p.marks, here)
	}
	return timeLeft(done-p.marks[0].done, total-done, here.at.Sub(p.marks[0].at))
}

// timeLeft is how long left takes when done took elapsed.
func timeLeft(done, left int, elapsed time.Duration) string {
	if done <= 0 || elapsed < known {
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
	return fmt.Sprintf("about %s left", text)
}

func (p *Pace) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}
