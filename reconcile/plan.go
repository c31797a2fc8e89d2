package reconcile

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Mode says what a provisioner may send.
type Mode string

// The modes of a provisioner.
const (
	ModeEnabled      Mode = "enabled"
	ModeDisabled     Mode = "disabled"      // only deprovisioning of our people who left or became inactive
	ModeNeverEnabled Mode = "never enabled" // nothing yet
	ModePaused       Mode = "paused"        // nothing
)

// Plan is everything that would have to change, in order, with what holds it. It is a value: pure, total, sorted and printable.
type Plan struct {
	Version     int       `json:"version"`
	Provisioner string    `json:"provisioner"`
	Identity    string    `json:"identity"`
	Commit      CommitRef `json:"commit"`
	Dirty       bool      `json:"dirty,omitempty"` // made from files that are not committed
	ReadAt      time.Time `json:"readAt"`          // when the oldest part of the directory was read
	// CachedRead is set if the plan is based in part on the cached directory; nil if everything was
	// read.
	CachedRead *CachedRead `json:"cachedRead,omitempty"`
	Mode       Mode        `json:"mode"`
	Scope      string      `json:"scope"`
	Digest     string      `json:"digest"`
	HeldDigest string      `json:"heldDigest,omitempty"`
	Counts     Counts      `json:"counts"`
	Changes    []Change    `json:"changes"`
	Notices    []string    `json:"notices,omitempty"`
	// Approvals are the approvals that released changes.
	Approvals []Approved `json:"approvals,omitempty"`
	// Violations are the assertions that do not hold, on the declared or the observed state.
	Violations []Violation `json:"violations,omitempty"`
	// Expiring lists the access that ends within the next 30 days, the soonest first.
	Expiring []UpcomingExpiry `json:"expiring,omitempty"`
	// Unmanaged are the objects of the directory that roster does not manage.
	Unmanaged []UnmanagedObject `json:"unmanaged,omitempty"`

	// What follows is for carrying the plan out, and is not printed.

	Linking   *Linking `json:"-"`
	Target    *Target  `json:"-"`
	Overruled []Hold   `json:"-"` // what approvals released
	Removed   bool     `json:"-"` // the provisioner is no longer declared
}

func (p *Plan) AddNotice(format string, args ...any) {
	p.Notices = append(p.Notices, fmt.Sprintf(format, args...))
}

// PlanInput is what a plan is a function of.
type PlanInput struct {
	Provisioner *schema.Provisioner
	Desired     *Desired
	LastApplied *Desired // what was last applied; nil when nothing was, or it cannot be known
	Observed    *Observed
	Ledger      *Ledger
	Status      *Status // nil: no run was ever concluded
	Approvals   map[string]*schema.Approval
	// HeldReports are the reports that printed the digests which approvals name, as far as a verified chain has them.
	HeldReports map[string]*Report
	Redactor    *Redactor // as those reports were written
	Commit      CommitRef
	Now         time.Time
	// Lost is an interrupted run whose journal is lost: what it made has our externalId and is not in the ledger. Nil when there is none.
	LostRun *Intent
	// Edit says what an edited mapping touches; nil when none was edited since what was last applied.
	MappingEdit *MappingEdit
	// Rewound says why Commit does not descend from what was last applied, Distrust why the audit branch cannot be trusted; empty when
	// all is well.
	HistoryReason, DistrustReason string
	Reviewed                      *Reviewed // what was approved; nil where no review is required
}

// NewPlan decides what has to change. Same input, same plan and digest.
func NewPlan(in PlanInput) *Plan {
	linking := Link(in.Observed, in.Ledger, in.Desired)
	target := newTarget(linking, in.Desired, in.Ledger, in.Provisioner, in.Now)
	p := &Plan{Version: 1, Provisioner: in.Provisioner.Key, Identity: in.Provisioner.Identity(), Commit: in.Commit, ReadAt: in.Observed.ReadAt,
		Mode: ModeOf(in.Provisioner, in.Status, in.Now), Scope: scopeOf(in.Provisioner), Linking: linking, Target: target, Removed: in.Desired.Removed}
	unlinked := skipUnrequestedAdoptions(linking, target, in)
	p.Changes = Diff(linking.State, target.State)
	why := &reasons{desired: in.Desired, lastApplied: in.LastApplied, linking: linking, target: target, ledger: in.Ledger}
	for i := range p.Changes {
		why.setReason(&p.Changes[i])
	}
	p.Notices = applyGates(&gateInput{changes: p.Changes, desired: in.Desired, lastApplied: in.LastApplied, linking: linking, target: target,
		ledger: in.Ledger, status: in.Status, policy: in.Provisioner, now: in.Now, historyReason: in.HistoryReason, distrustReason: in.DistrustReason, lostRun: in.LostRun,
		observed: in.Observed, reviewed: in.Reviewed})
	p.approve(in)
	p.holdBack(in)
	p.Notices = append(p.Notices, overQuota(in.Desired)...)
	if in.MappingEdit != nil {
		p.AddNotice("%s", in.MappingEdit)
	}
	p.Expiring = expiring(in.Desired, in.Now)
	p.Counts = Counts{DesiredUsers: len(in.Desired.Users), DesiredGroups: len(in.Desired.Groups), ObservedUsers: len(in.Observed.Users),
		ObservedGroups: len(in.Observed.Groups), Unmanaged: len(linking.Unmanaged), Adoptable: unlinked}
	p.Unmanaged = linking.Unmanaged
	for i := range p.Changes {
		switch c := &p.Changes[i]; {
		case c.Waiting != "":
			p.Counts.Waiting++
		case len(c.Held) > 0:
			p.Counts.Held++
		}
	}
	p.Digest = digest(p.Identity, p.Changes, func(*Change) bool { return true })
	p.HeldDigest = p.heldDigest()
	return p
}

// ModeOf returns what a provisioner may send at now. A nil status says that no run was ever concluded.
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

// Notice says why a provisioner sends less than everything; empty when it does not.
func (m Mode) Notice(p *schema.Provisioner) string {
	switch m {
	case ModePaused:
		until := ""
		if p.Paused.Until != nil {
			until = " until " + p.Paused.Until.Text
		}
		return fmt.Sprintf("paused%s: %s; nothing is sent", until, p.Paused.Reason)
	case ModeDisabled:
		return "disabled: only people of ours who left or became inactive lose their access; everything else waits for enabled: true"
	case ModeNeverEnabled:
		return "disabled, and never enabled yet: nothing is sent until enabled: true"
	}
	return ""
}

func scopeOf(p *schema.Provisioner) string {
	if p.AllUsers {
		return "all users"
	}
	return fmt.Sprintf("groups %s", schema.QuoteList(p.Groups))
}

// settleUnlinked drops the adoptions that nobody asked for and that would change nothing: with adopt "never", an object that already
// equals what is desired is counted and otherwise left alone.
func skipUnrequestedAdoptions(l *Linking, t *Target, in PlanInput) int {
	if in.Provisioner.Adopt != "never" && in.Provisioner.Adopt != "" || in.LostRun != nil { // what a lost run has made is proposed, not counted
		return 0
	}
	n := 0
	for key, situation := range l.Users {
		have := l.State.Users[key]
		if situation != Adoptable || have == nil || t.State.Users[key] == nil {
			continue
		}
		differences := diffAttributes(have.Attributes, t.State.Users[key].Attributes)
		if len(differences) == 0 || len(differences) == 1 && differences[0].Path == "externalId" {
			t.State.Users[key].NotOwned, t.State.Users[key].Attributes = true, have.Attributes
			n++
		}
	}
	for key, situation := range l.Groups {
		have, want := l.State.Groups[key], t.State.Groups[key]
		if situation == Adoptable && have != nil && want != nil && have.DisplayName == want.DisplayName && slices.Equal(have.Members, want.Members) {
			want.NotOwned, want.ExternalID = true, have.ExternalID
			n++
		}
	}
	return n
}

// wait keeps back what the provisioner's mode does not send, and everything outside of its windows.
func (p *Plan) holdBack(in PlanInput) {
	if notice := p.Mode.Notice(in.Provisioner); notice != "" {
		p.AddNotice("%s", notice)
	}
	open, opens := in.Provisioner.WindowOpen(in.Now)
	if !open && p.Mode != ModePaused && p.Mode != ModeNeverEnabled {
		p.AddNotice("outside of its windows: nothing is sent until %s", opens.Format(time.RFC3339))
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if !open {
			c.Waiting = "outside of its windows"
		}
		switch p.Mode {
		case ModePaused:
			c.Waiting = "paused"
		case ModeNeverEnabled:
			c.Waiting = "waiting for enable"
		case ModeDisabled:
			if !p.deprovisions(c) {
				c.Waiting = "waiting for enable"
			} else if c.Kind == DeactivateUser { // nothing but the access is taken
				c.Attributes = slices.DeleteFunc(slices.Clone(c.Attributes), func(a AttributeChange) bool { return a.Path != "active" })
			}
		}
	}
}

// deprovisions reports whether the change takes access from somebody of ours who left the scope or became inactive.
func (p *Plan) deprovisions(c *Change) bool {
	switch c.Kind {
	case DeactivateUser, DeleteUser:
		return c.Origin == Intended
	case RemoveMember:
		return c.Origin == Intended && p.Target.Leavers[c.Member] != ""
	}
	return false
}

// Released reports whether the change may be sent.
func (c *Change) Released() bool { return len(c.Held) == 0 && c.Waiting == "" }

// Released counts the changes that may be sent.
func (p *Plan) Released() int { return len(p.Changes) - p.Counts.Held - p.Counts.Waiting }
