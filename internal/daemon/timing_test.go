package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/schema"
)

func TestTheStateHasTheNextRun(t *testing.T) {
	// The bubble's clock starts at midnight.
	runDaemon(t, declarations(2, `schedule: "*/10 * * * *"`), func(s *fixture) {
		s.wantRuns(t, "commit 0: applied")
		midnight := time.Now().Truncate(time.Hour)
		last := s.State().Provisioners["aws"]
		if last.Next == nil || last.Next.Trigger != "schedule" || last.Next.At.Before(midnight.Add(10*time.Minute)) ||
			last.Next.At.After(midnight.Add(10*time.Minute+6*time.Second)) {
			t.Errorf("after the first run, the next one is %+v", last.Next)
		}
		if last.Timing == nil || last.Timing.Schedule != "*/10 * * * *" || last.Timing.Mode != Enabled {
			t.Errorf("the timing is %+v", last.Timing)
		}
		advance(11 * time.Minute)
		if next := s.State().Provisioners["aws"].Next; next == nil || next.At.Before(midnight.Add(20*time.Minute)) {
			t.Errorf("after the second run, the next one is %+v", next)
		}
		s.repo.push(declarations(2, `enabled: false`))
		advance(time.Minute)
		last = s.State().Provisioners["aws"]
		if last.Timing.Mode != Disabled || last.Next == nil {
			t.Errorf("after it was disabled: %+v, %+v", last.Timing, last.Next)
		}
	})
}

func TestTheTimingIsThatOfTheDeclaration(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday
	later := now.Add(48 * time.Hour)
	pos := schema.Pos{File: "a.cue", Line: 3, Column: 1}
	for _, test := range []struct {
		name string
		p    schema.Provisioner
		want Timing
	}{
		{"a disabled provisioner is disabled", schema.Provisioner{}, Timing{Mode: Disabled}},
		{"a disabled provisioner with a pause is disabled", schema.Provisioner{Paused: &schema.Pause{Reason: "r"}},
			Timing{Mode: Disabled, PauseReason: "r"}},
		{"an enabled one has its jitter", schema.Provisioner{Enabled: true, Schedule: "@daily"},
			Timing{Mode: Enabled, Schedule: "@daily", Jitter: "30s"}},
		{"a pause has its reason and end",
			schema.Provisioner{Enabled: true, Paused: &schema.Pause{Reason: "move", Until: &schema.Date{End: later}}},
			Timing{Mode: Paused, PauseReason: "move", PauseEnds: later}},
		{"a pause that has ended is none",
			schema.Provisioner{Enabled: true, Paused: &schema.Pause{Reason: "move", Until: &schema.Date{End: now}}},
			Timing{Mode: Enabled}},
		{"a closed window says when it opens", schema.Provisioner{Enabled: true, Windows: map[string]*schema.Window{
			"night": {From: "20:00", To: "22:00"}, "friday": {Days: []string{"friday"}, From: "08:00", To: "10:00"}}},
			Timing{Mode: Enabled, Windows: []string{"friday 08:00-10:00", "20:00-22:00"},
				WindowOpens: now.Add(8 * time.Hour)}},
		{"an open window does not", schema.Provisioner{Enabled: true, Windows: map[string]*schema.Window{
			"day": {From: "08:00", To: "20:00"}}},
			Timing{Mode: Enabled, Windows: []string{"08:00-20:00"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.p.Timezone, test.p.Pos = time.UTC, pos
			test.want.Timezone, test.want.Position = "UTC", "a.cue:3:1"
			if diff := cmp.Diff(&test.want, timingOf(&test.p, 30*time.Second, now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
