package civil

import (
	"testing"
	"time"
)

func TestWindowsAtChangesOfTheClock(t *testing.T) {
	for _, tt := range []struct {
		name, zone, day, from, to string
		opens                     string // in UTC; empty if it does not open
		open                      time.Duration
	}{
		{"all in the skipped hour", "Europe/Berlin", "2027-03-28", "02:00", "03:00", "", 0},
		{"a part of the skipped hour", "Europe/Berlin", "2027-03-28", "02:15", "02:45", "", 0},
		{
			"begins in the skipped hour", "Europe/Berlin", "2027-03-28", "02:30", "03:15",
			"2027-03-28 01:00", 15 * time.Minute,
		},
		{
			"ends in the skipped hour", "Europe/Berlin", "2027-03-28", "01:30", "02:30",
			"2027-03-28 00:30", 30 * time.Minute,
		},
		{
			"around the skipped hour", "Europe/Berlin", "2027-03-28", "01:00", "04:00",
			"2027-03-28 00:00", 2 * time.Hour,
		},
		{
			"the night before", "Europe/Berlin", "2027-03-27", "22:00", "04:00", "2027-03-27 21:00",
			5 * time.Hour,
		},
		{
			"the doubled hour opens the first time", "Europe/Berlin", "2027-10-31", "02:00", "03:00",
			"2027-10-31 00:00", time.Hour,
		},
		{
			"a part of the doubled hour opens the first time", "Europe/Berlin", "2027-10-31", "02:15",
			"02:45", "2027-10-31 00:15", 30 * time.Minute,
		},
		{
			"ends in the doubled hour", "Europe/Berlin", "2027-10-31", "01:30", "02:30",
			"2027-10-30 23:30", time.Hour,
		},
		{
			"begins in the doubled hour", "Europe/Berlin", "2027-10-31", "02:30", "03:15",
			"2027-10-31 01:30", 45 * time.Minute,
		},
		{
			"around the doubled hour", "Europe/Berlin", "2027-10-31", "01:00", "04:00",
			"2027-10-30 23:00", 4 * time.Hour,
		},
		{
			"after the doubled hour", "Europe/Berlin", "2027-10-31", "03:00", "04:00",
			"2027-10-31 02:00", time.Hour,
		},
		{
			"the doubled hour before midnight", "America/Santiago", "2027-04-03", "23:00", "24:00",
			"2027-04-04 02:00", time.Hour,
		},
		{
			"an evening until the second midnight", "America/Santiago", "2027-04-03", "20:00", "24:00",
			"2027-04-03 23:00", 5 * time.Hour,
		},
		{
			"from a midnight that does not exist", "America/Santiago", "2027-09-05", "00:00", "02:00",
			"2027-09-05 04:00", time.Hour,
		},
		{
			"all of a day with two midnights", "America/Havana", "2027-11-07", "00:00", "24:00",
			"2027-11-07 04:00", 25 * time.Hour,
		},
		{"half an hour is skipped", "Australia/Lord_Howe", "2027-10-03", "02:00", "02:30", "", 0},
		{
			"half an hour is doubled", "Australia/Lord_Howe", "2027-04-04", "01:30", "02:00",
			"2027-04-03 14:30", 30 * time.Minute,
		},
		{"a day is skipped", "Pacific/Apia", "2011-12-30", "09:00", "17:00", "", 0},
		{"an ordinary day", "Africa/Cairo", "2027-06-01", "09:00", "17:00", "2027-06-01 06:00", 8 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opens, closes := window(t, tt.from, tt.to).On(date(t, tt.day), mustZone(tt.zone))
			have := ""
			if !opens.IsZero() {
				have = opens.UTC().Format("2006-01-02 15:04")
			}
			if have != tt.opens || closes.Sub(opens) != tt.open {
				t.Errorf("opens %q for %s, want %q for %s", have, closes.Sub(opens), tt.opens, tt.open)
			}
		})
	}
}

// A window that opens once a week, in an hour that the clock skips, opens a week later.
func TestAWindowThatTheClockSkipsOpensAWeekLater(t *testing.T) {
	w := window(t, "02:00", "03:00")
	w.Days = []time.Weekday{time.Sunday}
	now := time.Date(2027, 3, 22, 12, 0, 0, 0, time.UTC)
	open, opens := Open([]Window{w}, now, mustZone("Europe/Berlin"))
	if want := time.Date(2027, 4, 4, 0, 0, 0, 0, time.UTC); open || !opens.Equal(want) {
		t.Errorf("open %v, opens %s, want %s", open, opens, want)
	}
}

func TestTimesOfDay(t *testing.T) {
	for text, want := range map[string]TimeOfDay{"00:00": 0, "08:30": 510, "23:59": 1439, "24:00": 1440} {
		if got, err := ParseTimeOfDay(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "8:30", "24:01", "12:60", "12:30:00", "-1:00", "1200", " 8:30"} {
		if _, err := ParseTimeOfDay(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func window(t *testing.T, from, to string) Window {
	t.Helper()
	var w Window
	var err error
	if w.From, err = ParseTimeOfDay(from); err != nil {
		t.Fatal(err)
	}
	if w.To, err = ParseTimeOfDay(to); err != nil {
		t.Fatal(err)
	}
	return w
}

func date(t *testing.T, text string) Date {
	t.Helper()
	d, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
