package civil

import (
	"testing"
	"time"
)

// Each row is a change of the clock at midnight, or close to it.
func TestDaysAtChangesOfTheClockAtMidnight(t *testing.T) {
	for _, tt := range []struct{ name, zone, day, start, end string }{
		{
			"the next midnight does not exist", "America/Santiago", "2027-09-04",
			"2027-09-04 00:00 -0400", "2027-09-05 01:00 -0300",
		},
		{
			"the own midnight does not exist", "America/Santiago", "2027-09-05",
			"2027-09-05 01:00 -0300", "2027-09-06 00:00 -0300",
		},
		{
			"the clock goes back at the next midnight", "America/Santiago", "2027-04-03",
			"2027-04-03 00:00 -0300", "2027-04-04 00:00 -0400",
		},
		{
			"Havana, midnight does not exist", "America/Havana", "2027-03-14", "2027-03-14 01:00 -0400",
			"2027-03-15 00:00 -0400",
		},
		{
			"Havana, midnight comes twice", "America/Havana", "2027-11-07", "2027-11-07 00:00 -0400",
			"2027-11-08 00:00 -0500",
		},
		{
			"Havana, the day before", "America/Havana", "2027-11-06", "2027-11-06 00:00 -0400",
			"2027-11-07 00:00 -0400",
		},
		{
			"Azores, midnight does not exist", "Atlantic/Azores", "2027-03-28", "2027-03-28 01:00 +0000",
			"2027-03-29 00:00 +0000",
		},
		{
			"Azores, midnight comes twice", "Atlantic/Azores", "2027-10-31", "2027-10-31 00:00 +0000",
			"2027-11-01 00:00 -0100",
		},
		{
			"Cairo, midnight does not exist", "Africa/Cairo", "2027-04-30", "2027-04-30 01:00 +0300",
			"2027-05-01 00:00 +0300",
		},
		{
			"Cairo, the clock goes back at the next midnight", "Africa/Cairo", "2027-10-28",
			"2027-10-28 00:00 +0300", "2027-10-29 00:00 +0200",
		},
		{
			"Beirut, midnight does not exist", "Asia/Beirut", "2027-03-28", "2027-03-28 01:00 +0300",
			"2027-03-29 00:00 +0300",
		},
		{
			"Beirut, the clock goes back at the next midnight", "Asia/Beirut", "2027-10-30",
			"2027-10-30 00:00 +0300", "2027-10-31 00:00 +0200",
		},
		{
			"Apia, a day that does not exist", "Pacific/Apia", "2011-12-30", "2011-12-31 00:00 +1400",
			"2011-12-31 00:00 +1400",
		},
		{
			"Apia, the day before", "Pacific/Apia", "2011-12-29", "2011-12-29 00:00 -1000",
			"2011-12-31 00:00 +1400",
		},
		{
			"Lord Howe, 23.5 hours", "Australia/Lord_Howe", "2027-10-03", "2027-10-03 00:00 +1030",
			"2027-10-04 00:00 +1100",
		},
		{
			"St. John's, the clock goes back behind midnight", "America/St_Johns", "2010-11-06",
			"2010-11-06 00:00 -0230", "2010-11-07 00:00 -0330",
		},
		{"an ordinary day", "Europe/Berlin", "2026-12-31", "2026-12-31 00:00 +0100", "2027-01-01 00:00 +0100"},
		{
			"the last day of a leap year that rules cover", "Europe/Berlin", "2096-12-31",
			"2096-12-31 00:00 +0100", "2097-01-01 00:00 +0100",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const layout = "2006-01-02 15:04 -0700"
			d, zone := date(t, tt.day), mustZone(tt.zone)
			if got := d.Start(zone).Format(layout); got != tt.start {
				t.Errorf("starts %s, want %s", got, tt.start)
			}
			if got := d.End(zone).Format(layout); got != tt.end {
				t.Errorf("ends %s, want %s", got, tt.end)
			}
		})
	}
}

// For each day of ten years in each zone that has ever changed its clock at night, days follow each
// other without a gap, and each moment belongs to the day that the clock shows.
func TestDaysFollowEachOther(t *testing.T) {
	for _, name := range []string{"America/Santiago", "America/Havana", "Atlantic/Azores", "Africa/Cairo",
		"Asia/Beirut",
		"Pacific/Apia", "Australia/Lord_Howe", "Europe/Berlin", "UTC", "Africa/Casablanca", "America/Nuuk"} {
		zone := mustZone(name)
		for d, days := (Date{2026, 1, 1}), 0; days < 3653; d, days = d.AddDays(1), days+1 {
			start, end := d.Start(zone), d.End(zone)
			if next := d.AddDays(1).Start(zone); !end.Equal(next) {
				t.Errorf("%s: %s ends at %s, and the next day starts at %s", name, d, end, next)
			}
			for _, at := range []time.Time{start, end.Add(-1)} {
				if got := DateOf(at, zone); got != d {
					t.Errorf("%s: %s is on %s, want %s", name, at, got, d)
				}
			}
		}
	}
}

func TestInvalidDates(t *testing.T) {
	for _, text := range []string{"", "2026-02-29", "2026-1-1", "2026-13-01", "2026-12-31T00:00:00Z", "tomorrow"} {
		if d, err := ParseDate(text); err == nil {
			t.Errorf("%q was read as %s", text, d)
		}
	}
}
