package reconcile

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Mode is what a provisioner may send.
type Mode string

// The modes of a provisioner.
const (
	ModeEnabled      Mode = "enabled"
	ModeDisabled     Mode = "disabled"      // only deprovisioning of users who left the scope or became inactive
	ModeNeverEnabled Mode = "never enabled" // nothing
	ModePaused       Mode = "paused"        // nothing
)

// ModeOf returns what a provisioner may send at now. The status is nil if no run has been reported
// yet.
func ModeOf(p *schema.Provisioner, status *Status, now time.Time) Mode {
	switch {
	case p.Paused != nil && (p.Paused.Until == nil || !p.Paused.Until.Over(now)):
		return ModePaused
	case p.Enabled:
		return ModeEnabled
	case status != nil && status.EverEnabled:
		return ModeDisabled
	}
	return ModeNeverEnabled
}

// Notice returns why a provisioner does not send everything; "" if it does.
func (m Mode) Notice(p *schema.Provisioner) string {
	switch m {
	case ModePaused:
		until := ""
		if p.Paused.Until != nil {
			until = " until " + p.Paused.Until.Text
		}
		return fmt.Sprintf("paused%s: %s; nothing is sent", until, p.Paused.Reason)
	case ModeDisabled:
		return "disabled: only users who left the scope or became inactive are deprovisioned; " +
			"everything else waits for enabled: true"
	case ModeNeverEnabled:
		return "disabled, and never enabled: nothing is sent until enabled: true"
	}
	return ""
}

// holdBack sets Waiting for changes that the provisioner's mode does not send, and for all changes
// outside its windows.
func (p *Plan) holdBack(in PlanInput) {
	if notice := p.Mode.Notice(in.Provisioner); notice != "" {
		p.AddNotice("%s", notice)
	}
	open, opens := in.Provisioner.WindowOpen(in.Now)
	if !open && p.Mode != ModePaused && p.Mode != ModeNeverEnabled {
		p.AddNotice("outside the windows: nothing is sent until %s", opens.Format(time.RFC3339))
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if !open {
			c.wait("outside the windows")
		}
		switch p.Mode {
		case ModePaused:
			c.wait("paused")
		case ModeNeverEnabled:
			c.wait("waiting for enable")
		case ModeDisabled:
			if !p.deprovisions(c) {
				c.wait("waiting for enable")
			} else if c.Kind.OfUser() { // no other attribute is changed
				other := func(a AttributeChange) bool { return a.Path != "active" }
				c.Attributes = slices.DeleteFunc(slices.Clone(c.Attributes), other)
			}
		}
	}
}

// sendsNothing reports whether the provisioner's mode or windows send no change of the plan.
func (p *Plan) sendsNothing() bool {
	return p.Mode == ModePaused || p.Mode == ModeNeverEnabled ||
		len(p.Changes) > 0 && !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Waiting() == "" })
}

// deprovisions reports whether the change takes access from a managed user who left the scope or
// became inactive.
func (p *Plan) deprovisions(c *Change) bool {
	switch {
	case !c.Kind.TakesAccess():
		return false
	case c.Kind.OfUser():
		return c.Origin == Intended
	case c.Kind.OfMembership():
		return c.Origin == Intended && p.Target.Leavers[c.Member] != ""
	}
	return false
}
