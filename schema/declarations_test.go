package schema

import (
	"testing"
	"time"
)

func TestDateBegunAndOver(t *testing.T) {
	d := withCase(t, `timezone: "Europe/Amsterdam"
users: "u-3": {
	userId: "c", firstName: "C", lastName: "D", email: "c@example.com"
	validFrom: "2026-10-25", validUntil: "2026-10-25T12:00:00Z"
}
`)
	u := d.Users["u-3"]
	// The day on which the clocks go back has 25 hours.
	if got := u.ValidFrom.End.Sub(u.ValidFrom.Start); got != 25*time.Hour {
		t.Errorf("the day lasts %v", got)
	}
	begin := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name        string
		date        *Date
		at          time.Time
		begun, over bool
	}{
		{"a day before it", u.ValidFrom, begin.Add(-1), false, false},
		{"a day at its midnight", u.ValidFrom, begin, true, false},
		{"a day at its last moment", u.ValidFrom, begin.Add(25*time.Hour - 1), true, false},
		{"a day after it", u.ValidFrom, begin.Add(25 * time.Hour), true, true},
		{"an instant before it", u.ValidUntil, begin, false, false},
		{"an instant at it", u.ValidUntil, time.Date(2026, 10, 25, 12, 0, 0, 0, time.UTC), true, true},
	} {
		if c.date.Begun(c.at) != c.begun || c.date.Over(c.at) != c.over {
			t.Errorf("%s: begun %v, over %v", c.name, c.date.Begun(c.at), c.date.Over(c.at))
		}
	}
}
