package preview

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// maxWritesPerMinute is the number of comments and statuses that are sent within a minute. GitHub
// limits clients that create more than 80 in a minute. The rest is for other clients of the token.
const maxWritesPerMinute = 40

// errWritesSpent ends a round when the writes of the minute are sent.
var errWritesSpent = errors.New("the comments and statuses of this minute are sent")

// writes sends comments and statuses, at most maxWritesPerMinute within any minute. A nil *writes
// has no limit. It may be used concurrently.
type writes struct {
	mu   sync.Mutex
	sent []time.Time // of the last minute, the oldest first
}

// send calls write, unless the writes of the minute are spent: then it returns errWritesSpent. A
// write counts also if it fails, or if the forge has the comment or status already.
func (w *writes) send(now time.Time, write func() error) error {
	if w == nil {
		return write()
	}
	if w.left(now) == 0 {
		return errWritesSpent
	}
	w.mu.Lock()
	w.sent = append(w.sent, now)
	w.mu.Unlock()
	return write()
}

// left returns how many writes may be sent now.
func (w *writes) left(now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = slices.DeleteFunc(w.sent, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	return max(0, maxWritesPerMinute-len(w.sent))
}

// pause returns the time until half of a minute's writes may be sent, so that the next round renews
// several previews.
func (w *writes) pause(now time.Time) time.Duration {
	const enough = maxWritesPerMinute / 2
	left := w.left(now)
	if left >= enough {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[enough-left-1].Add(time.Minute).Sub(now)
}
