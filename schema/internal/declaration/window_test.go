package declaration

import (
	"testing"
	"time"
)

func TestWindowOpen(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		windows []Window
		now     string // in Amsterdam; 25 November 2026 is a Wednesday
		opens   string // empty if it is open
	}{
		{"no windows are always open", nil, "2026-11-25 03:00", ""},
		{"inside", []Window{{From: "08:00", To: "18:00"}}, "2026-11-25 08:00", ""},
		{"the end is not inside", []Window{{From: "08:00", To: "18:00"}}, "2026-11-25 18:00", "2026-11-26 08:00"},
		{"before it opens", []Window{{From: "08:00", To: "18:00"}}, "2026-11-25 07:59", "2026-11-25 08:00"},
		{"to midnight", []Window{{From: "20:00", To: "24:00"}}, "2026-11-25 23:59", ""},
		{"across midnight, in the evening", []Window{{From: "22:00", To: "04:00"}}, "2026-11-25 23:00", ""},
		{"across midnight, in the morning", []Window{{From: "22:00", To: "04:00"}}, "2026-11-26 03:59", ""},
		{"across midnight, at noon", []Window{{From: "22:00", To: "04:00"}}, "2026-11-26 12:00", "2026-11-26 22:00"},
		{
			"a night that starts on its day", []Window{{Days: []string{"wednesday"}, From: "22:00", To: "04:00"}},
			"2026-11-26 03:00", "",
		},
		{
			"a night that starts on another day", []Window{{Days: []string{"thursday"}, From: "22:00", To: "04:00"}},
			"2026-11-26 03:00", "2026-11-26 22:00",
		},
		{
			"next week", []Window{{Days: []string{"wednesday"}, From: "08:00", To: "09:00"}}, "2026-11-25 10:00",
			"2026-12-02 08:00",
		},
		{
			"the soonest of two",
			[]Window{{From: "20:00", To: "21:00"}, {Days: []string{"wednesday"}, From: "12:00", To: "13:00"}},
			"2026-11-25 10:00", "2026-11-25 12:00",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := &Provisioner{Timezone: amsterdam, Windows: map[string]*Window{}}
			for i := range row.windows {
				p.Windows[string(rune('a'+i))] = &row.windows[i]
			}
			at := func(text string) time.Time {
				out, err := time.ParseInLocation("2006-01-02 15:04", text, amsterdam)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			open, opens := p.WindowOpen(at(row.now))
			if open != (row.opens == "") {
				t.Errorf("open is %v, want %v", open, row.opens == "")
			}
			if row.opens != "" && !opens.Equal(at(row.opens)) {
				t.Errorf("opens %v, want %s", opens.In(amsterdam), row.opens)
			}
		})
	}
}

// TestWindowsOnTheDayOfSummerTime opens windows at the times that a clock on the wall shows.
func TestWindowsOnTheDayOfSummerTime(t *testing.T) {
	for _, tt := range []struct {
		day, from, to string
		open          time.Duration
	}{
		{"2027-03-28", "02:00", "03:00", 0}, // the clock goes from 02:00 to 03:00
		{"2027-03-28", "02:30", "03:15", 15 * time.Minute},
		{"2027-03-28", "01:30", "02:30", 30 * time.Minute},
		{"2027-03-28", "01:00", "04:00", 2 * time.Hour},
		{"2027-03-28", "00:00", "24:00", 23 * time.Hour},
		{"2027-03-27", "02:00", "03:00", time.Hour},
		{"2027-10-31", "00:00", "24:00", 25 * time.Hour},
		{"2026-04-24", "00:00", "02:00", time.Hour}, // in Cairo, midnight does not exist
	} {
		name := "Europe/Berlin"
		if tt.day == "2026-04-24" {
			name = "Africa/Cairo"
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		noon, err := time.ParseInLocation(time.DateTime, tt.day+" 12:00:00", zone)
		if err != nil {
			t.Fatal(err)
		}
		p := &Provisioner{Timezone: zone, Windows: map[string]*Window{"w": {From: tt.from, To: tt.to}}}
		var open time.Duration
		for minute := range 28 * 60 {
			at := noon.Add(time.Duration(minute-14*60) * time.Minute)
			if ok, _ := p.WindowOpen(at); ok && at.Day() == noon.Day() {
				open += time.Minute
			}
		}
		if open != tt.open {
			t.Errorf("%s to %s is open for %s on %s, want %s", tt.from, tt.to, open, tt.day, tt.open)
		}
	}
}
