package schema

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
