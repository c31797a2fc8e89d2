package app

import (
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// desiredCache keeps the desired states of the newest declarations for explanations of a daemon,
// because each is computed from all users. It may be used concurrently.
type desiredCache struct {
	mu           sync.Mutex
	declarations *schema.Declarations
	states       map[string]datedState // by provisioner
}

// datedState is a desired state that is right from a time on, until a date passes.
type datedState struct {
	desired *reconcile.Desired
	from    time.Time
	until   time.Time // zero: no date passes
}

// desire returns what reconcile.Desire returns. A nil cache computes it each time.
func (c *desiredCache) desire(
	d *schema.Declarations, p *schema.Provisioner, now time.Time,
) (*reconcile.Desired, error) {
	if c == nil {
		return reconcile.Desire(d, p, now)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.declarations != d {
		c.declarations, c.states = d, map[string]datedState{}
	}
	state, found := c.states[p.Key]
	if found && !now.Before(state.from) && (state.until.IsZero() || now.Before(state.until)) {
		return state.desired, nil
	}
	desired, err := reconcile.Desire(d, p, now)
	if err != nil {
		return nil, err
	}
	c.states[p.Key] = datedState{desired, now, d.NextDate(now)}
	return desired, nil
}
