package app

import (
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
)

func active(u *reconcile.DesiredUser) bool { return u != nil && u.Active }

func TestDesiredStatesAreComputedAgainWhenADatePasses(t *testing.T) {
	d := reconciletest.Load(t, reconciletest.People(3)+reconciletest.Group("a", "A", 1, 1)+`
users: u2: validUntil: "2026-11-30"
users: u3: validFrom: "2026-12-05"
groups: b: {displayName: "B", members: u1: until: "2026-12-10"}
`)
	p, c := d.Provisioners["aws"], &desiredCache{}
	at := func(day string) time.Time {
		when, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return when.Add(12 * time.Hour)
	}
	var last *reconcile.Desired
	for _, row := range []struct {
		day   string
		again bool
	}{
		{"2026-11-20", true}, {"2026-11-20", false}, {"2026-11-30", false}, {"2026-12-01", true}, {"2026-12-04", false},
		{"2026-12-05", true}, {"2026-12-10", false}, {"2026-12-11", true}, {"2027-12-11", false}, {"2026-11-20", true},
	} {
		got, err := c.desire(d, p, at(row.day))
		if err != nil {
			t.Fatal(err)
		}
		want, err := reconcile.Desire(d, p, at(row.day))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Users) != len(want.Users) || got.Users["u2"].Active != want.Users["u2"].Active ||
			active(got.Users["u3"]) != active(want.Users["u3"]) ||
			len(got.Membership.Group("b")) != len(want.Membership.Group("b")) {
			t.Errorf("on %s the cached state differs from the computed one", row.day)
		}
		if again := got != last; again != row.again {
			t.Errorf("on %s the state was computed again: %t, want %t", row.day, again, row.again)
		}
		last = got
	}
	other := reconciletest.Load(t, reconciletest.People(3))
	if got, err := c.desire(other, other.Provisioners["aws"], at("2026-11-20")); err != nil || got == last {
		t.Errorf("other declarations have the same state, %v", err)
	}
}
