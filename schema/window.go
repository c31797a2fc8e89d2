package schema

import (
	"slices"
	"strings"
	"time"
)

// WindowOpen reports whether the provisioner may write at now. If it may not, opens is when the
// next window opens. Without windows it may always write. Times of day are in the provisioner's
// timezone.
func (p *Provisioner) WindowOpen(now time.Time) (open bool, opens time.Time) {
	if len(p.Windows) == 0 {
		return true, time.Time{}
	}
	local := now.In(p.Timezone)
	for _, w := range p.Windows {
		for days := -1; days <= 7; days++ { // yesterday's window may still be open
			from, to := w.on(local.AddDate(0, 0, days))
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
	return false, opens.UTC()
}

// on returns when the window opens and closes on the day of t. Both are zero if it does not open on
// that day: for its days, or because summer time skips all of it.
func (w *Window) on(t time.Time) (from, to time.Time) {
	if day := strings.ToLower(t.Weekday().String()); len(w.Days) > 0 && !slices.Contains(w.Days, day) {
		return time.Time{}, time.Time{}
	}
	from, to = clock(w.From, t), clock(w.To, t)
	if w.To <= w.From { // as text: summer time does not change which day it closes on
		to = clock(w.To, t.AddDate(0, 0, 1))
	}
	if !to.After(from) {
		return time.Time{}, time.Time{}
	}
	return from, to
}

// clock returns a time of day, "00:00" to "24:00", on the day of t. Instead of a time that summer
// time skips it returns the first one after the skipped ones.
func clock(text string, t time.Time) time.Time {
	var hour, minute int
	if len(text) == len("15:04") {
		hour = int(text[0]-'0')*10 + int(text[1]-'0')
		minute = int(text[3]-'0')*10 + int(text[4]-'0')
	}
	at := time.Date(t.Year(), t.Month(), t.Day(), hour, minute, 0, 0, t.Location())
	if at.Hour() == hour%24 && at.Minute() == minute {
		return at
	}
	begin, end := at.ZoneBounds() // the nearer of them is when the clock is moved
	if end.IsZero() || !begin.IsZero() && at.Sub(begin) < end.Sub(at) {
		return begin
	}
	return end
}
