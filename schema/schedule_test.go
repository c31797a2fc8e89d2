package schema

import (
	"testing"
	"time"
)

func TestSchedules(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSchedule("30 6 * * 1-5", amsterdam)
	if err != nil {
		t.Fatal(err)
	}
	// A Friday, after half past six in Amsterdam.
	got := s.Next(time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 11, 30, 5, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, spec := range []string{"TZ=0", "TZ=", "CRON_TZ=UTC * * * * *", "0 0 31 2 *", "* * * * * *", "@every 1s",
		"@reboot", "", "*/0 * * * *", "0 */24 * * *", "60 * * * *"} {
		if err := CheckSchedule(spec); err == nil {
			t.Errorf("%q was accepted", spec)
		}
	}
}

// FuzzSchedule searches for schedules that break the parser or never fire.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"* * * * *", "TZ=0", "*/70 * * * *", "@daily", "0 0 29 2 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		if s, err := ParseSchedule(spec, time.UTC); err == nil &&
			s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
			t.Errorf("%q never fires", spec)
		}
	})
}
