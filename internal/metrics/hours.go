package metrics

import (
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

// keptHours is the number of hours whose calls are kept.
const keptHours = 48

// Hour is the number of calls to AWS in an hour.
type Hour struct {
	At                       time.Time // when the hour began
	Calls, Throttled, Failed int
}

// Hours count the calls to AWS by provisioner and hour, for pages. The zero value is empty. A nil
// *Hours counts nothing.
type Hours struct {
	mu      sync.Mutex
	since   time.Time
	entries map[string][]Hour // the newest last
}

// Call counts a call that ended. Throttled counts its responses with status 429, and Failed is one
// for a call without a successful response.
func (h *Hours) Call(provisioner string, c scim.Call, now time.Time) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := now.UTC().Truncate(time.Hour)
	if h.entries == nil {
		h.entries, h.since = map[string][]Hour{}, now
	}
	list := h.entries[provisioner]
	if n := len(list); n == 0 || list[n-1].At.Before(at) {
		list = append(list, Hour{At: at})
	}
	last := &list[len(list)-1]
	last.Calls++
	last.Throttled += c.Throttled
	if c.Status < 200 || c.Status > 299 {
		last.Failed++
	}
	h.entries[provisioner] = list[max(0, len(list)-keptHours):]
}

// Of returns the last hours of a provisioner with calls, and the time of the first call of all.
func (h *Hours) Of(provisioner string) (hours []Hour, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Hour(nil), h.entries[provisioner]...), h.since
}
