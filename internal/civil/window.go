package civil

import (
	"fmt"
	"slices"
	"time"
)

// TimeOfDay is the number of minutes after midnight that a clock shows, at most those of "24:00".
type TimeOfDay int

const minutesOfDay TimeOfDay = 24 * 60

// ParseTimeOfDay parses "00:00" to "24:00".
func ParseTimeOfDay(text string) (TimeOfDay, error) {
	if text == "24:00" {
		return minutesOfDay, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, fmt.Errorf("invalid time of day %q: want 00:00 to 24:00", text)
	}
	return TimeOfDay(t.Hour()*60 + t.Minute()), nil
}

// Window is a time that recurs on some days of the week, on all days if Days is empty. If To is not
// after From, the window ends on the following day.
type Window struct {
	Days     []time.Weekday
	From, To TimeOfDay
}

// On returns when a window opens and closes on a day. Both are zero if it does not open on that
// day, because of its days of the week or because the clock skips all of it.
//
// The window is open while the clock shows its times. If the clock shows them in two parts, the
// window is open in the longer one, or in the first of two equal ones. A window from 00:00 to 24:00
// is open all day.
func (w Window) On(day Date, zone *time.Location) (opens, closes time.Time) {
	if len(w.Days) > 0 && !slices.Contains(w.Days, day.reading(0).Weekday()) {
		return time.Time{}, time.Time{}
	}
	from, to := day.reading(w.From), day.reading(w.To)
	if !to.After(from) {
		to = day.AddDays(1).reading(w.To)
	}
	if w.From == 0 && w.To%minutesOfDay == 0 {
		return day.Start(zone), day.End(zone)
	}
	var longest, part span
	for _, s := range spansBetween(zone, from.Add(-searchRange), to.Add(searchRange)) {
		start, end := later(s.start, from.Add(-s.offset)), earlier(s.end, to.Add(-s.offset))
		if !end.After(start) {
			continue
		}
		next := span{start: start, end: end}
		again := part.length() == to.Sub(from) && next.length() == to.Sub(from) // all of it, twice
		if start.Equal(part.end) && !again {
			next.start = part.start
		}
		if part = next; part.length() > longest.length() {
			longest = part
		}
	}
	return longest.start, longest.end
}

// daysAhead is how many days may pass until a window opens: two weeks if it opens once a week and
// the clock skips it in the first, and a day that the zone skips.
const daysAhead = 15

// Open reports whether one of the windows is open. If none is, opens is when the next one opens. It
// is zero if none opens any more, for example because the clock always skips it.
func Open(windows []Window, now time.Time, zone *time.Location) (open bool, opens time.Time) {
	today := DateOf(now, zone)
	for _, w := range windows {
		for days := -2; days <= daysAhead; days++ { // a window of an earlier day may still be open
			from, to := w.On(today.AddDays(days), zone)
			if from.IsZero() || !now.Before(to) {
				continue
			}
			if !now.Before(from) {
				return true, time.Time{}
			}
			if opens.IsZero() || from.Before(opens) {
				opens = from
			}
			break
		}
	}
	return false, opens
}
