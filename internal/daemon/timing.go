package daemon

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// NextRun is when a provisioner runs next.
type NextRun struct {
	At time.Time `json:"at"`
	// Trigger is why: schedule, date or retry. It is "ask" if the forge is asked again first.
	Trigger string `json:"trigger"`
}

// Mode is whether a provisioner sends changes.
type Mode string

// The modes.
const (
	Enabled  Mode = "enabled"
	Disabled Mode = "disabled" // changes are planned and never sent
	Paused   Mode = "paused"   // changes wait for the end of the pause
)

// Timing is when a provisioner may run and send changes, as its newest valid commit declares.
type Timing struct {
	Mode Mode `json:"mode"`
	// Schedule is a cron expression in the timezone. Jitter is the longest delay of a scheduled
	// run, such as "30s"; "" for none.
	Schedule string `json:"schedule,omitempty"`
	Timezone string `json:"timezone"`
	Jitter   string `json:"jitter,omitempty"`
	// Windows are the times in which changes are sent, such as "Mon, Tue 09:00-17:00", sorted by
	// name. Without any they are always sent.
	Windows []string `json:"windows,omitempty"`
	// WindowOpens is when the next window opens; zero while one is open.
	WindowOpens time.Time `json:"windowOpens,omitzero"`
	// PauseEnds is zero if the pause has no end.
	PauseReason string    `json:"pauseReason,omitempty"`
	PauseEnds   time.Time `json:"pauseEnds,omitzero"`
	// Position is where the provisioner is declared, as file:line:column.
	Position string `json:"position"`
}

// timingOf returns the timing of a provisioner at a time.
func timingOf(p *schema.Provisioner, jitter time.Duration, now time.Time) *Timing {
	t := &Timing{Mode: Disabled, Schedule: p.Schedule, Timezone: p.Timezone.String(), Position: p.Pos.String()}
	if p.Enabled {
		t.Mode = Enabled
	}
	if jitter > 0 && p.Schedule != "" {
		t.Jitter = jitter.String()
	}
	if pause := p.Paused; pause != nil && (pause.Until == nil || now.Before(pause.Until.End)) {
		t.PauseReason = pause.Reason
		if p.Enabled {
			t.Mode = Paused
		}
		if pause.Until != nil {
			t.PauseEnds = pause.Until.End
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Windows)) {
		w := p.Windows[name]
		text := w.From + "-" + w.To
		if len(w.Days) > 0 && len(w.Days) < 7 {
			text = fmt.Sprintf("%s %s", strings.Join(w.Days, ", "), text)
		}
		t.Windows = append(t.Windows, text)
	}
	if open, opens := p.WindowOpen(now); !open {
		t.WindowOpens = opens
	}
	return t
}

// timing returns the timing of the provisioner, and its next run; nil if this process runs it now
// or not at all.
func (w *worker) timing() (*Timing, *NextRun) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.provisioner == nil {
		return nil, nil
	}
	var next *NextRun
	if w.next != nil {
		copied := *w.next
		next = &copied
	}
	return timingOf(w.provisioner, w.daemon.Jitter, w.daemon.Runner.Clock()), next
}

// waits records when the worker runs next; nil while it works, and when it has ended.
func (w *worker) waits(next *NextRun) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = next
}
