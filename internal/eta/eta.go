// Package eta estimates the remaining time of a long operation.
package eta

import (
	"fmt"
	"strings"
	"time"
)

const (
	// minElapsed is how long a phase must have run before it gets an estimate.
	minElapsed = 3 * time.Second
	// window is the period that an estimate averages over. A change of the rate limit shows in the
	// estimate after that time.
	window = 30 * time.Second
)

// Estimator estimates the remaining time of a phase from its recent progress.
type Estimator struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	phase   string
	samples []sample // of the last window, and one before it; at most one a second
}

// sample is the progress at one time.
type sample struct {
	at   time.Time
	done int
}

// Remaining records the progress of a phase and returns the estimated remaining time as text. It
// returns "" while there is too little progress for an estimate.
func (e *Estimator) Remaining(phase string, done, total int) string {
	return text(e.Left(phase, done, total))
}

// Left records the progress of a phase and returns the estimated remaining time, or 0 while there
// is too little progress for an estimate.
func (e *Estimator) Left(phase string, done, total int) time.Duration {
	now := sample{e.now(), done}
	// A lower count means that the same phase of the next provisioner has started.
	if n := len(e.samples); phase != e.phase || n > 0 && done < e.samples[n-1].done {
		e.phase, e.samples = phase, nil
	}
	for len(e.samples) > 1 && now.at.Sub(e.samples[1].at) >= window {
		e.samples = e.samples[1:]
	}
	if n := len(e.samples); n == 0 || now.at.Sub(e.samples[n-1].at) >= time.Second {
		e.samples = append(e.samples, now)
	}
	first := e.samples[0]
	return remaining(done-first.done, total-done, now.at.Sub(first.at))
}

// remaining returns the time for left items, if done items took elapsed.
func remaining(done, left int, elapsed time.Duration) time.Duration {
	if done <= 0 || elapsed < minElapsed {
		return 0
	}
	return time.Duration(float64(elapsed) / float64(done) * float64(left))
}

// text returns a remaining time as text; "" if it is less than a second.
func text(rest time.Duration) string {
	if rest < time.Second {
		return ""
	}
	unit := time.Second
	if rest > 10*time.Minute {
		unit = time.Minute
	}
	rounded := rest.Round(unit).String()
	if whole, ok := strings.CutSuffix(rounded, "m0s"); ok {
		rounded = whole + "m"
	}
	return fmt.Sprintf("about %s left", rounded)
}

func (e *Estimator) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}
