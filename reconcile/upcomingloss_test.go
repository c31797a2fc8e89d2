package reconcile

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

// TestManyUpcomingEndsAreAnnounced has rows below, at and above the limits, and the first day of an
// announcement.
func TestManyUpcomingEndsAreAnnounced(t *testing.T) {
	const day = 24
	for _, tt := range []struct {
		name  string
		plan  func(f *datedFixture)
		hours float64 // of the plan
		want  []string
	}{
		{"five contracts end", func(f *datedFixture) { f.valid(1, 5, 2*day) }, 0, nil},
		{"six contracts end", func(f *datedFixture) { f.valid(1, 6, 2*day) }, 0,
			[]string{"on 2026-11-26T09:00:00Z 6 users lose all access at once"}},
		{"six contracts end on two days", func(f *datedFixture) { f.valid(1, 3, 2*day); f.valid(4, 6, 3*day) }, 0, nil},
		{"six contracts end in more than seven days", func(f *datedFixture) { f.valid(1, 6, 8*day) }, 0, nil},
		{"six contracts end in seven days", func(f *datedFixture) { f.valid(1, 6, 8*day) }, day,
			[]string{"on 2026-12-02T09:00:00Z 6 users lose all access at once"}},
		{"six contracts have ended", func(f *datedFixture) { f.valid(1, 6, 2*day) }, 2 * day, nil},
		{"six members of ten", func(f *datedFixture) { f.member("h", 1, 6, 2*day) }, 0,
			[]string{`on 2026-11-26T09:00:00Z 6 users lose their membership in "h" at once`}},
		{"six users lose their only membership", func(f *datedFixture) { f.member("g", 15, 20, 2*day) }, 0,
			[]string{"on 2026-11-26T09:00:00Z 6 users lose all access at once"}},
		{"six users keep another membership", func(f *datedFixture) { f.member("g", 1, 6, 2*day) }, 0, nil},
		{"the gate is off", func(f *datedFixture) {
			f.in.Provisioner.Limits[gateMaxRemovals] = &schema.Limit{Off: true, Reason: "we know"}
			f.valid(1, 6, 2*day)
		}, 0, nil},
		{"the gate is turned off by the same commit", func(f *datedFixture) {
			f.valid(1, 6, 2*day)
			f.loosen(func(p *schema.Provisioner) {
				p.Limits = map[string]*schema.Limit{gateMaxRemovals: {Off: true, Reason: "we know"}}
			})
		}, 0, []string{"on 2026-11-26T09:00:00Z 6 users lose all access at once"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newDatedFixture(t)
			tt.plan(f)
			f.run(0)
			notices := slices.DeleteFunc(f.run(tt.hours).Notices,
				func(n string) bool { return !strings.Contains(n, "at once") })
			if len(notices) != len(tt.want) {
				t.Fatalf("the plan announces %q, want %q", notices, tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(notices[i], want+";") {
					t.Errorf("the plan announces %q, want %q", notices[i], want)
				}
			}
		})
	}
}
