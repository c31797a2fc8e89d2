package main

import (
	"fmt"

	"github.com/seed-d64a251c/roster/internal/eta"
)

// progress prints what is being done on a terminal, over one line; elsewhere nothing.
func (a *app) progress() func(phase string, done, total int) {
	if !terminal(a.stderr) {
		return nil
	}
	estimator := &eta.Estimator{}
	return func(phase string, done, total int) {
		left := estimator.Remaining(phase, done, total)
		if left != "" {
			left = ", " + left
		}
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
