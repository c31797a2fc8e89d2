package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// Attributes are a user's SCIM attributes, sorted by path.
type Attributes = schema.Attributes

// Origin is where a change comes from.
type Origin string

// Intended changes come from a difference between the last applied and the current declarations.
// All other changes are drift: the directory was changed outside roster.
const (
	Intended Origin = "intended"
	Drift    Origin = "drift"
)

// Change is one difference between two states of a directory.
type Change struct {
	Kind Kind   `json:"kind"`
	Key  string `json:"key"`          // the user's or group's key
	ID   string `json:"id,omitempty"` // the directory's id; empty for an object to be created
	Name string `json:"name"`         // userName or displayName

	// Member and MemberName are the user of an add-member or remove-member: a key, or for an
	// unmanaged user "#" and the directory's id.
	Member     string `json:"member,omitempty"`
	MemberName string `json:"memberName,omitempty"`

	Attributes []AttributeChange `json:"attributes,omitempty"` // sorted by path

	Origin Origin `json:"origin"`
	Reason Reason `json:"reason"`
	// Cause is what brought the change. Held changes are grouped by it.
	Cause Cause `json:"cause,omitzero"`
	// Decision is what was decided about the change; nil if it is sent and depends on no other.
	// Most of a million changes have none.
	*Decision

	// The rest is not part of its JSON.

	Outside    bool `json:"-"` // it is drift, whatever earlier runs did
	Redeclared bool `json:"-"` // it goes back to the last applied commit, see setCauses
}

// Decision is what was decided about a change: whether it is sent, and after which others. Copies
// of a change share it, so it is never modified.
type Decision struct {
	// DependsOn lists the changes that this one depends on. It is held with them, and skipped if
	// one of them fails.
	DependsOn []Ref `json:"dependsOn,omitempty"`
	// Held lists the gates that hold the change; empty means released.
	Held []Hold `json:"held,omitempty"`
	// Approval is the digest of the approval that released the change; empty if there is none.
	Approval string `json:"approval,omitempty"`
	// Waiting is why the provisioner's mode or window does not send the change; empty if it does.
	Waiting string `json:"waiting,omitempty"`
}

// decision returns the decision about the change, for reading.
func (c *Change) decision() Decision {
	if c.Decision == nil {
		return Decision{}
	}
	return *c.Decision
}

// DependsOn returns the changes that this one depends on.
func (c *Change) DependsOn() []Ref { return c.decision().DependsOn }

// Held returns the gates that hold the change; none means released.
func (c *Change) Held() []Hold { return c.decision().Held }

// Approval returns the digest of the approval that released the change, or "".
func (c *Change) Approval() string { return c.decision().Approval }

// Waiting returns why the mode or window does not send the change, or "".
func (c *Change) Waiting() string { return c.decision().Waiting }

// decide replaces the decision by one that set has changed.
func (c *Change) decide(set func(*Decision)) {
	d := c.decision()
	set(&d)
	c.Decision = &d
	if len(d.DependsOn) == 0 && len(d.Held) == 0 && d.Approval == "" && d.Waiting == "" {
		c.Decision = nil
	}
}

// hold replaces the gates that hold the change.
func (c *Change) hold(holds []Hold) { c.decide(func(d *Decision) { d.Held = holds }) }

// addHold adds a gate that holds the change.
func (c *Change) addHold(h Hold) { c.hold(append(slices.Clip(c.Held()), h)) }

// dependOn adds a change that this one depends on.
func (c *Change) dependOn(r Ref) {
	c.decide(func(d *Decision) { d.DependsOn = append(slices.Clip(d.DependsOn), r) })
}

// wait sets why the change is not sent.
func (c *Change) wait(reason string) { c.decide(func(d *Decision) { d.Waiting = reason }) }

// AttributeChange is the change of one attribute. An empty Old means that it was absent, an empty
// New that it is removed.
type AttributeChange struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Reason is why a change is made.
type Reason struct {
	Text     string `json:"text"`               // for example `member of "platform"`, or "changed outside"
	Position string `json:"position,omitempty"` // file:line:column of the declaration
	Via      string `json:"via,omitempty"`      // how a membership came about: "", `include "sre"`, "where"
	// ReviewedEnd is true if the access ends on a reviewed date: no limit counts the change.
	ReviewedEnd bool `json:"reviewedEnd,omitempty"`
	// LeftScope is true if the user left the scope: deleteAfterDays begins to count.
	LeftScope bool `json:"leftScope,omitempty"`
}

// CauseKind is the kind of a cause.
type CauseKind string

// The kinds of causes.
const (
	CauseCommit CauseKind = "commit" // a commit on the first-parent history of the branch
	CauseBefore CauseKind = "before" // a commit before the oldest one that was evaluated
	CauseDrift  CauseKind = "drift"
	CauseDate   CauseKind = "date" // a declared date was reached
)

// Cause is what brought a change.
type Cause struct {
	Kind CauseKind `json:"kind"`
	// Commit is the commit that brought the change, or the oldest commit that was evaluated. It is
	// empty for drift and dates.
	Commit string `json:"commit,omitempty"`
}

// Hold is a gate that holds a change, with its reason.
type Hold struct {
	Gate   string `json:"gate"`
	Reason string `json:"reason"`
	// NotApprovable is true if no approval releases it: the declarations must change.
	NotApprovable bool `json:"notApprovable,omitempty"`
}

// Ref identifies a change within its plan.
type Ref struct {
	Kind   Kind   `json:"kind"`
	Key    string `json:"key"`
	Member string `json:"member,omitempty"`
}

// Ref returns the change's identity within its plan.
func (c *Change) Ref() Ref { return Ref{c.Kind, c.Key, c.Member} }

// Subject returns what the change is about: a user or group with its key, or a membership.
func (c *Change) Subject() string {
	if c.Kind.OfMembership() {
		return fmt.Sprintf("%s %s %s", cmp.Or(c.MemberName, c.Member), c.Kind.Preposition(), c.Name)
	}
	return fmt.Sprintf("%s (%s)", c.Name, c.Key)
}

// String returns kind, key and member.
func (r Ref) String() string {
	if r.Member != "" {
		return fmt.Sprintf("%s %s %s", r.Kind, r.Key, r.Member)
	}
	return fmt.Sprintf("%s %s", r.Kind, r.Key)
}

// Compare orders references by the order of kinds, then by key and member.
func (r Ref) Compare(s Ref) int {
	if r.Kind != s.Kind { // a list of a million changes is sorted: most have the same kind
		if c := cmp.Compare(r.Kind.Info().Rank, s.Kind.Info().Rank); c != 0 {
			return c
		}
	}
	if c := strings.Compare(r.Key, s.Key); c != 0 {
		return c
	}
	return cmp.Or(strings.Compare(r.Member, s.Member), strings.Compare(string(r.Kind), string(s.Kind)))
}

// CountChanges returns a number of changes with the noun: "1 change", "2 changes".
func CountChanges(n int) string { return schema.Count(n, "change") }
