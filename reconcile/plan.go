package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
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
	At          time.Time `json:"at"`              // when the directory was read
	Mode        Mode      `json:"mode"`
	Scope       string    `json:"scope"`
	Digest      string    `json:"digest"`
	HeldDigest  string    `json:"heldDigest,omitempty"`
	Counts      Counts    `json:"counts"`
	Changes     []Change  `json:"changes"`
	Notices     []string  `json:"notices,omitempty"`

	linking *Linking
	target  *target
	spent   []string // approvals that released something
}

// PlanInput is what a plan is a function of.
type PlanInput struct {
	Provisioner *schema.Provisioner
	Want        *Desired
	Last        *Desired // what was last applied; nil when nothing was, or it cannot be known
	Observed    *Observed
	Ledger      *Ledger
	Status      *Status // nil: no run was ever concluded
	Approvals   map[string]*schema.Approval
	Commit      CommitRef
	Now         time.Time
	// Rewound says why Commit does not descend from what was last applied, Distrust why the audit branch cannot be trusted; empty when
	// all is well.
	Rewound, Distrust string
}

// NewPlan decides what has to change. Same input, same plan and digest.
func NewPlan(in PlanInput) *Plan {
	linking := Link(in.Observed, in.Ledger, in.Want)
	target := aim(linking, in.Want, in.Ledger, in.Provisioner, in.Now)
	p := &Plan{Version: 1, Provisioner: in.Provisioner.Key, Identity: in.Provisioner.Identity(), Commit: in.Commit, At: in.Observed.At,
		Mode: modeOf(in), Scope: scopeOf(in.Provisioner), linking: linking, target: target}
	unlinked := settleUnlinked(linking, target, in.Provisioner)
	p.Changes = Diff(linking.State, target.State)
	why := &reasons{want: in.Want, last: in.Last, linking: linking, target: target}
	for i := range p.Changes {
		why.explain(&p.Changes[i])
	}
	p.Notices = applyGates(&gateInput{changes: p.Changes, want: in.Want, last: in.Last, linking: linking, target: target,
		ledger: in.Ledger, status: in.Status, policy: in.Provisioner, now: in.Now, rewound: in.Rewound, distrust: in.Distrust})
	p.approve(in)
	p.wait()
	if notice := modeNotice(p.Mode, in.Provisioner); notice != "" {
		p.Notices = append(p.Notices, notice)
	}
	p.Counts = Counts{DesiredUsers: len(in.Want.Users), DesiredGroups: len(in.Want.Groups), ObservedUsers: len(in.Observed.Users),
		ObservedGroups: len(in.Observed.Groups), Foreign: linking.Foreign, Unlinked: unlinked}
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

func modeOf(in PlanInput) Mode {
	p := in.Provisioner
	switch {
	case p.Paused != nil && (p.Paused.Until == nil || !p.Paused.Until.Over(in.Now)):
		return ModePaused
	case p.Enabled:
		return ModeEnabled
	case in.Status != nil && in.Status.EverEnabled:
		return ModeDisabled
	}
	return ModeNeverEnabled
}

// modeNotice says why a provisioner sends less than everything; empty when it does not.
func modeNotice(m Mode, p *schema.Provisioner) string {
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
	return fmt.Sprintf("groups %s", quoteList(p.Groups))
}

// settleUnlinked drops the adoptions that nobody asked for and that would change nothing: with adopt "never", an object that already
// equals what is desired is counted and otherwise left alone.
func settleUnlinked(l *Linking, t *target, p *schema.Provisioner) int {
	if p.Adopt != "never" && p.Adopt != "" {
		return 0
	}
	n := 0
	for key, situation := range l.Users {
		have := l.State.Users[key]
		if situation != Unlinked || have == nil || t.State.Users[key] == nil {
			continue
		}
		differences := diffAttributes(have.Attributes, t.State.Users[key].Attributes)
		if len(differences) == 0 || len(differences) == 1 && differences[0].Path == "externalId" {
			t.State.Users[key].Unclaimed, t.State.Users[key].Attributes = true, have.Attributes
			n++
		}
	}
	for key, situation := range l.Groups {
		have, want := l.State.Groups[key], t.State.Groups[key]
		if situation == Unlinked && have != nil && want != nil && have.DisplayName == want.DisplayName && slices.Equal(have.Members, want.Members) {
			want.Unclaimed, want.ExternalID = true, have.ExternalID
			n++
		}
	}
	return n
}

// wait keeps back what the provisioner's mode does not send.
func (p *Plan) wait() {
	for i := range p.Changes {
		c := &p.Changes[i]
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
		return c.Origin == Intended && p.target.Left[c.Member] != ""
	}
	return false
}

// Released reports whether the change may be sent.
func (c *Change) Released() bool { return len(c.Held) == 0 && c.Waiting == "" }

// Released counts the changes that may be sent.
func (p *Plan) Released() int { return len(p.Changes) - p.Counts.Held - p.Counts.Waiting }

// heldDigest is the digest of what gates hold, or "".
func (p *Plan) heldDigest() string {
	held := func(c *Change) bool { return len(c.Held) > 0 && c.Waiting == "" }
	if !slices.ContainsFunc(p.Changes, func(c Change) bool { return held(&c) }) {
		return ""
	}
	return digest(p.Identity, p.Changes, held)
}

// approve releases the held changes if a live approval names exactly their digest.
func (p *Plan) approve(in PlanInput) {
	held := p.heldDigest()
	a := in.Approvals[held]
	if held == "" || a == nil || a.Expires != nil && a.Expires.Over(in.Now) {
		return
	}
	if in.Status != nil && !in.Status.Spent[held].IsZero() {
		p.Notices = append(p.Notices, fmt.Sprintf("approval %s was used up at %s", held, in.Status.Spent[held].Format(time.RFC3339)))
		return
	}
	for i := range p.Changes {
		if c := &p.Changes[i]; len(c.Held) > 0 && approvable(c) {
			c.Held = nil
		}
	}
	holdDependants(p.Changes)
	p.spent = append(p.spent, held)
	p.Notices = append(p.Notices, fmt.Sprintf("approved: %s (%s)", a.Reason, a.Pos))
}

// approvable reports whether a word in Git is enough: what adopt forbids and names that are taken need another declaration.
func approvable(c *Change) bool {
	return !slices.ContainsFunc(c.Held, func(h Hold) bool { return h.Gate == "adopt" || h.Gate == "collision" })
}

// digest is SHA-256 over the sorted set of (provisioner identity, kind, key, AWS id, attribute, new value) of the selected changes. Reasons,
// lines, commits and times are not in it: the same effect has the same digest.
func digest(identity string, changes []Change, selected func(*Change) bool) string {
	order := make([]int, 0, len(changes))
	for i := range changes {
		if selected(&changes[i]) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return changes[i].Ref().Compare(changes[j].Ref()) })
	h := sha256.New()
	line := func(c *Change, attribute, value string) {
		for _, field := range [...]string{identity, string(c.Kind), c.Key, c.ID, attribute, value} {
			io.WriteString(h, field)
			h.Write([]byte{0})
		}
	}
	for _, i := range order {
		c := &changes[i]
		switch {
		case c.Member != "":
			line(c, "members", c.Member)
		case len(c.Attributes) == 0:
			line(c, "", "")
		}
		for _, a := range c.Attributes {
			line(c, a.Path, a.New)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func quoteList(names []string) string {
	out := ""
	for i, n := range names {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%q", n)
	}
	return out
}
