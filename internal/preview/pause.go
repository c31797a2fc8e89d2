package preview

import (
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// maxPause is the longest time between two attempts for one pull request or run.
const maxPause = time.Hour

// pauseAfter returns the time until the next attempt after a number of failures in a row. The first
// pause is that of a poll; each later one is twice as long.
func pauseAfter(failures int, poll time.Duration) time.Duration {
	return reconcile.Pause(failures, poll, maxPause)
}

// failing is a pull request whose last attempts failed.
type failing struct {
	head     string // another head is tried immediately
	failures int
	retryAt  time.Time
}

// due reports whether a head of the pull request may be tried.
func (f failing) due(head string, now time.Time) bool {
	return f.failures == 0 || f.head != head || !now.Before(f.retryAt)
}

// failed returns the state after one more failure.
func (f failing) failed(head string, now time.Time, poll time.Duration) failing {
	if f.head != head {
		f = failing{head: head}
	}
	f.failures++
	f.retryAt = now.Add(pauseAfter(f.failures, poll))
	return f
}
