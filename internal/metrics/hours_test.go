package metrics

import (
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

func TestCallsAreCountedByHour(t *testing.T) {
	var h Hours
	if hours, since := h.Of("aws"); len(hours) != 0 || !since.IsZero() {
		t.Errorf("before the first call there is %v since %v", hours, since)
	}
	start := time.Date(2026, 11, 30, 3, 59, 0, 0, time.UTC)
	h.Call("aws", scim.Call{Status: 200, Throttled: 2}, start)
	h.Call("aws", scim.Call{Status: 404}, start.Add(time.Second))
	h.Call("aws", scim.Call{}, start.Add(2*time.Minute))
	h.Call("other", scim.Call{Status: 201}, start)
	hours, since := h.Of("aws")
	if len(hours) != 2 || hours[0] != (Hour{start.Truncate(time.Hour), 2, 2, 1}) ||
		hours[1] != (Hour{start.Truncate(time.Hour).Add(time.Hour), 1, 0, 1}) || !since.Equal(start) {
		t.Errorf("got %+v since %v", hours, since)
	}
	for i := range 3 * keptHours {
		h.Call("aws", scim.Call{Status: 200}, start.Add(time.Duration(i)*time.Hour))
	}
	if hours, _ := h.Of("aws"); len(hours) != keptHours {
		t.Errorf("%d hours are kept, want %d", len(hours), keptHours)
	}
}
