package civil

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// clockFace is what the clock shows in each minute around a change, read one by one.
type clockFace struct {
	change
	location *time.Location
	moments  []time.Time
	readings []time.Time
}

const around = 3 * 24 * time.Hour

func newClockFace(c change) clockFace {
	f := clockFace{change: c, location: mustZone(c.zone)}
	for at := c.at.Add(-around); at.Before(c.at.Add(around)); at = at.Add(time.Minute) {
		_, seconds := at.In(f.location).Zone()
		f.moments = append(f.moments, at)
		f.readings = append(f.readings, at.UTC().Add(time.Duration(seconds)*time.Second))
	}
	return f
}

// days are the dates whose days and whose neighbors' days lie within the face.
func (f clockFace) days() []Date {
	_, day := DateOf(f.at, f.location), DateOf(f.at.Add(-time.Minute), f.location)
	return []Date{day.AddDays(-1), day, day.AddDays(1)}
}

// first returns the first moment whose reading satisfies a condition.
func (f clockFace) first(holds func(time.Time) bool) time.Time {
	if i := slices.IndexFunc(f.readings, holds); i >= 0 {
		return f.moments[i]
	}
	return time.Time{}
}

// For each change of the clock of each zone, a day starts at the first minute of its date or a
// later one, and ends after the last minute of its date or an earlier one.
func TestDaysStartAndEndWithTheirDatesInAllZones(t *testing.T) {
	changes := changesOfAllZones()
	if len(changes) < 1000 {
		t.Fatalf("found only %d changes of the clock", len(changes))
	}
	for _, c := range changes {
		f := newClockFace(c)
		for _, d := range f.days() {
			midnight := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
			start := f.first(func(r time.Time) bool { return !r.Before(midnight) })
			if got := d.Start(f.location); !got.Equal(start) {
				t.Errorf("%s: %s starts at %s, want %s", c, d, got, start.In(f.location))
			}
			var end time.Time
			for i, r := range f.readings {
				if r.Before(midnight.Add(24 * time.Hour)) {
					end = f.moments[i].Add(time.Minute)
				}
			}
			if got := d.End(f.location); !got.Equal(end) {
				t.Errorf("%s: %s ends at %s, want %s", c, d, got, end.In(f.location))
			}
		}
	}
}

// windowsAround are windows that begin or end before, in and after the times that the change
// skips or shows twice.
func (f clockFace) windowsAround() []Window {
	before, after := f.at.UTC().Add(f.before), f.at.UTC().Add(f.after)
	var times []TimeOfDay
	for _, r := range []time.Time{before, after} {
		for _, minutes := range []time.Duration{-15, 0, 45} {
			r := r.Add(minutes * time.Minute)
			times = append(times, TimeOfDay(r.Hour()*60+r.Minute()))
		}
	}
	var out []Window
	for _, from := range times {
		for _, to := range times {
			if from != to {
				out = append(out, Window{From: from, To: to})
			}
		}
	}
	return out
}

// For each kind of change of the clock, a window opens on a day if and only if the clock shows
// one of its times. It is open once, only while the clock shows its times, and at least as long as
// the longest time without an interruption or a repetition in which the clock shows them.
func TestWindowsAreOpenOnceWhileTheClockShowsTheirTimesInAllZones(t *testing.T) {
	for _, c := range kindsOfChanges() {
		f := newClockFace(c)
		for _, w := range f.windowsAround() {
			for _, d := range f.days() {
				if err := f.verifyWindow(w, d); err != nil {
					t.Errorf("%s: window %+v on %s: %v", c, w, d, err)
				}
			}
		}
	}
}

func (f clockFace) verifyWindow(w Window, d Date) error {
	from, to := d.reading(w.From), d.reading(w.To)
	if w.To <= w.From {
		to = to.AddDate(0, 0, 1)
	}
	opens, closes := w.On(d, f.location)
	longest, pass := time.Duration(0), time.Duration(0)
	for i, r := range f.readings {
		shown := !r.Before(from) && r.Before(to)
		open := !f.moments[i].Before(opens) && f.moments[i].Before(closes)
		if open && !shown {
			return fmt.Errorf("open at %s", f.moments[i].In(f.location))
		}
		if !shown || i > 0 && r.Before(f.readings[i-1]) {
			pass = 0
		}
		if shown {
			pass += time.Minute
			longest = max(longest, pass)
		}
	}
	if have := closes.Sub(opens); have < longest || longest == 0 && have != 0 {
		return fmt.Errorf("open for %s, and the clock shows its times for %s", have, longest)
	}
	return nil
}

// For each kind of change of the clock, a window of the whole day is always open.
func TestAWindowOfTheWholeDayIsAlwaysOpenInAllZones(t *testing.T) {
	for _, c := range kindsOfChanges() {
		f := newClockFace(c)
		for i := 0; i < len(f.moments); i += 15 {
			if open, opens := Open([]Window{{To: minutesOfDay}}, f.moments[i], f.location); !open {
				t.Errorf("%s: closed at %s until %s", c, f.moments[i].In(f.location), opens)
				break
			}
		}
	}
}

// For each kind of change of the clock, a schedule with a fixed time runs once for each day: at
// the first minute in which the clock shows the time or a later one of that day.
func TestAFixedScheduleRunsOnceADayInAllZones(t *testing.T) {
	for _, c := range kindsOfChanges() {
		f := newClockFace(c)
		for _, w := range f.windowsAround() {
			spec := fmt.Sprintf("%d %d * * *", w.From%60, w.From/60)
			s, err := ParseSchedule(spec, f.location)
			if err != nil {
				t.Fatal(err)
			}
			var want []time.Time
			for _, d := range f.days() {
				at := f.first(func(r time.Time) bool { return !r.Before(d.reading(w.From)) })
				if !slices.ContainsFunc(want, at.Equal) {
					want = append(want, at)
				}
			}
			got := runs(s, want[0].Add(-time.Second), want[len(want)-1])
			if !slices.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%s: %q runs at %s, want %s", c, spec, got, want)
			}
		}
	}
}

// For each kind of change of the clock, a schedule of each hour runs in all minutes that the
// clock shows, also in those that it shows again, and once for those that it skips.
func TestAnHourlyScheduleNeverStopsInAllZones(t *testing.T) {
	for _, c := range kindsOfChanges() {
		f := newClockFace(c)
		for spec, matches := range map[string]func(time.Time) bool{
			"*/20 * * * *": func(r time.Time) bool { return r.Minute()%20 == 0 },
			"7 * * * *":    func(r time.Time) bool { return r.Minute() == 7 },
		} {
			s, err := ParseSchedule(spec, f.location)
			if err != nil {
				t.Fatal(err)
			}
			var want []time.Time
			for i, r := range f.readings {
				skipped := false
				if i > 0 {
					for at := f.readings[i-1].Add(time.Minute); at.Before(r); at = at.Add(time.Minute) {
						skipped = skipped || matches(at)
					}
				}
				if matches(r) || skipped {
					want = append(want, f.moments[i])
				}
			}
			got := runs(s, want[0].Add(-time.Second), want[len(want)-1])
			if !slices.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%s: %q runs at %s, want %s", c, spec, got, want)
			}
		}
	}
}

// runs returns the runs of a schedule after a moment, until another.
func runs(s Schedule, after, until time.Time) []time.Time {
	var out []time.Time
	for at := s.Next(after); !at.After(until); at = s.Next(at) {
		out = append(out, at)
	}
	return out
}
