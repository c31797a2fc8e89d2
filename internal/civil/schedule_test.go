package civil

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSchedulesAtChangesOfTheClock(t *testing.T) {
	for _, tt := range []struct {
		name, zone, spec, after, until string
		want                           []string // in UTC
	}{
		{
			"a skipped time runs at the end of the gap", "Europe/Berlin", "30 2 * * *",
			"2027-03-27 12:00", "2027-03-29 12:00",
			[]string{"2027-03-28 01:00", "2027-03-29 00:30"},
		},
		{
			"several skipped times run once", "Europe/Berlin", "*/15 2 * * *", "2027-03-27 12:00",
			"2027-03-28 12:00",
			[]string{"2027-03-28 01:00"},
		},
		{
			"a doubled time runs the first time", "Europe/Berlin", "30 2 * * *", "2027-10-30 12:00",
			"2027-11-01 12:00",
			[]string{"2027-10-31 00:30", "2027-11-01 01:30"},
		},
		{
			"the end of the doubled hour", "Europe/Berlin", "0 3 * * *", "2027-10-30 12:00",
			"2027-10-31 12:00",
			[]string{"2027-10-31 02:00"},
		},
		{
			"every hour goes on through the doubled hour", "Europe/Berlin", "30 * * * *",
			"2027-10-30 23:00", "2027-10-31 03:00",
			[]string{"2027-10-30 23:30", "2027-10-31 00:30", "2027-10-31 01:30", "2027-10-31 02:30"},
		},
		{
			"every hour after the gap", "Europe/Berlin", "30 * * * *", "2027-03-28 00:00",
			"2027-03-28 03:00",
			[]string{"2027-03-28 00:30", "2027-03-28 01:00", "2027-03-28 01:30", "2027-03-28 02:30"},
		},
		{
			"@daily where midnight does not exist", "America/Santiago", "@daily", "2027-09-04 12:00",
			"2027-09-06 12:00",
			[]string{"2027-09-05 04:00", "2027-09-06 03:00"},
		},
		{
			"@daily where midnight comes twice", "America/Havana", "@daily", "2027-11-06 12:00",
			"2027-11-08 12:00",
			[]string{"2027-11-07 04:00", "2027-11-08 05:00"},
		},
		{
			"@hourly where midnight comes twice", "America/Havana", "@hourly", "2027-11-07 03:30",
			"2027-11-07 06:30",
			[]string{"2027-11-07 04:00", "2027-11-07 05:00", "2027-11-07 06:00"},
		},
		{
			"@daily where a day does not exist", "Pacific/Apia", "@daily", "2011-12-29 12:00",
			"2011-12-31 12:00",
			[]string{"2011-12-30 10:00", "2011-12-31 10:00"},
		},
		{
			"a doubled half hour", "Australia/Lord_Howe", "45 1 * * *", "2027-04-03 00:00",
			"2027-04-04 18:00",
			[]string{"2027-04-03 14:45", "2027-04-04 15:15"},
		},
		{
			"once a month on a skipped midnight", "Africa/Cairo", "0 0 30 4 *", "2027-01-01 00:00",
			"2027-12-31 00:00",
			[]string{"2027-04-29 22:00"},
		},
		{
			"in the doubled hour, after its run", "Europe/Berlin", "30 2 * * *", "2027-10-31 01:10",
			"2027-11-01 12:00",
			[]string{"2027-11-01 01:30"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseSchedule(tt.spec, mustZone(tt.zone))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range runs(s, moment(t, tt.after), moment(t, tt.until)) {
				got = append(got, at.Format("2006-01-02 15:04"))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("runs at %q, want %q", got, tt.want)
			}
		})
	}
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestSundayIsZeroAndSeven(t *testing.T) {
	for spec, same := range map[string]string{
		"0 6 * * 7": "0 6 * * 0", "0 6 * * 1-7": "0 6 * * 0-6", "0 6 * * 5-7": "0 6 * * 0,5,6",
		"0 6 * * 6,7": "0 6 * * 0,6",
		"0 6 * * 0-7": "0 6 * * 0-6", "0 6 * * 1-7/2": "0 6 * * 0,1,3,5", "0 6 * * 1-7/3": "0 6 * * 1,4,0",
		"0 6 * * fri-sun": "0 6 * * 0,5,6", "0 6 * * sat-7": "0 6 * * 0,6", "0 6 * * sun": "0 6 * * 0",
		"0 6 1 * 7":   "0 6 1 * 0",
		"0 6 * * 7-7": "0 6 * * 0", "0 6 * * sun-tue": "0 6 * * 0-2",
	} {
		a, err := ParseSchedule(spec, time.UTC)
		if err != nil {
			t.Errorf("%q: %v", spec, err)
			continue
		}
		b, err := ParseSchedule(same, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		from, to := moment(t, "2027-01-01 00:00"), moment(t, "2027-03-01 00:00")
		if got, want := runs(a, from, to), runs(b, from, to); !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%q runs at %s, want the times of %q", spec, got, same)
		}
	}
}

func TestInvalidSchedules(t *testing.T) {
	for _, spec := range []string{"TZ=0", "TZ=", "CRON_TZ=UTC * * * * *", "0 0 31 2 *", "* * * * * *", "@every 1s",
		"@reboot", "", "*/0 * * * *", "0 */24 * * *", "60 * * * *", "0 0 * * 8", "0 0 * * 7-1",
		"0 0 * * 7-8", "0 0 * * 5-7/0",
		"0 0 * * 1-7/7", "0 0 * * 5-7/x", "0 0 7 * * 7", "@Daily", "+5 * * * *", "1,2,, * * * *", ", * * * *",
		"-1 * * * *", "a * * * *", "99999999999999999999 * * * *", "1/2/3 * * * *", "5-1 * * * *", "0 0 0 * *",
		"0 0 * 0 *", "0 0 * foo *", "0 0 * * 5-0", "*/60 * * * *", "0x5 * * * *", "1-2-3 * * * *", "* * * *",
		"\u0661 * * * *", "0 0 * jan-mon *"} {
		_, err := ParseSchedule(spec, time.UTC)
		if err == nil {
			t.Errorf("%q was accepted", spec)
		} else if strings.Contains(err.Error(), "strconv") || strings.Contains(err.Error(), "parse int") {
			t.Errorf("%q: %v", spec, err)
		}
	}
}

// FuzzSchedule searches for schedules that break the parser, never fire, or go back in time.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{
		"* * * * *", "TZ=0", "*/70 * * * *", "@daily", "0 0 29 2 1", "0 0 * * fri-sun/2", "30 1 * * 7",
	} {
		f.Add(s, int64(1_800_000_000))
	}
	zone := mustZone("America/Havana")
	f.Fuzz(func(t *testing.T, spec string, unix int64) {
		s, err := ParseSchedule(spec, zone)
		if err != nil {
			return
		}
		at := time.Unix(unix%4_000_000_000, 0)
		for range 3 {
			next := s.Next(at)
			if next.IsZero() {
				return // the next 29 February may be eight years away
			}
			if !next.After(at) {
				t.Fatalf("%q: after %s comes %s", spec, at, next)
			}
			at = next
		}
	})
}
