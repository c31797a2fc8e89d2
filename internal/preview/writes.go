package preview

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
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
	// refused is why the forge refused the last comment, and the last status; "" if it did not.
	refused map[writeKind]string
}

// writeKind is what a write sends. A token may be allowed to send one and not the other.
type writeKind string

// The kinds of writes. The edit of a comment that may not exist proves nothing if it succeeds.
const (
	writeComment writeKind = "comments"
	writeEdit    writeKind = "edits of comments"
	writeStatus  writeKind = "statuses"
)

// problem returns why the forge refuses to write, although it may be read; "" if it does not.
func (w *writes) problem() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kind := range []writeKind{writeComment, writeStatus} {
		if text := w.refused[kind]; text != "" {
			return "the forge refuses " + string(kind) + ": " + text
		}
	}
	return ""
}

// note keeps whether the forge refused a write. Other errors say nothing about the token.
func (w *writes) note(kind writeKind, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused == nil {
		w.refused = map[writeKind]string{}
	}
	var refused *forge.RefusedError
	switch {
	case errors.As(err, &refused):
		if kind == writeEdit {
			kind = writeComment
		}
		w.refused[kind] = err.Error()
	case err == nil:
		delete(w.refused, kind)
	}
}

// send calls write, unless the writes of the minute are spent: then it returns errWritesSpent. A
// write counts also if it fails, or if the forge has the comment or status already.
func (w *writes) send(now time.Time, kind writeKind, write func() error) error {
	if w == nil {
		return write()
	}
	if w.left(now) == 0 {
		return errWritesSpent
	}
	w.mu.Lock()
	w.sent = append(w.sent, now)
	w.mu.Unlock()
	err := write()
	w.note(kind, err)
	return err
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
