package reconcile

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// Attributes are a user's SCIM attributes, sorted by path.
type Attributes = schema.Attributes

// Kind is what a change does to one object.
type Kind string

// The kinds of changes. Rename, activate and deactivate carry whatever else changes on the same user, because AWS takes it in one call.
const (
	AdoptUser      Kind = "adopt-user"
	AdoptGroup     Kind = "adopt-group"
	CreateUser     Kind = "create-user"
	ActivateUser   Kind = "activate-user"
	RenameUser     Kind = "rename-user"
	UpdateUser     Kind = "update-user"
	CreateGroup    Kind = "create-group"
	RenameGroup    Kind = "rename-group"
	UpdateGroup    Kind = "update-group"
	AddMember      Kind = "add-member"
	RemoveMember   Kind = "remove-member"
	DeactivateUser Kind = "deactivate-user"
	DeleteGroup    Kind = "delete-group"
	DeleteUser     Kind = "delete-user"
)

// ranks is the order table: nobody loses a membership before everybody has gained theirs, and what cannot be undone comes last.
// Dependencies between changes beat it.
var ranks = map[Kind]int{
	AdoptUser: 0, AdoptGroup: 0,
	CreateUser:   1,
	SetAsideUser: 2, UpdateUser: 2, ActivateUser: 2, RenameUser: 2,
	CreateGroup:   3,
	SetAsideGroup: 4, UpdateGroup: 4, RenameGroup: 4,
	AddMember:      5,
	RemoveMember:   6,
	DeactivateUser: 7,
	DeleteGroup:    8,
	DeleteUser:     9,
}

// OfUser reports whether the change's object is a user.
func (k Kind) OfUser() bool {
	switch k {
	case AdoptUser, CreateUser, SetAsideUser, ActivateUser, RenameUser, UpdateUser, DeactivateUser, DeleteUser:
		return true
	}
	return false
}

// TakesAccess reports whether somebody can do less after the change.
func (k Kind) TakesAccess() bool {
	switch k {
	case RemoveMember, DeactivateUser, DeleteGroup, DeleteUser:
		return true
	}
	return false
}

// Origin says whether Git or something outside asked for a change.
type Origin string

// Intended changes follow from a difference between what was last applied and what is declared now; drift is everything else.
const (
	Intended Origin = "intended"
	Drift    Origin = "drift"
)

// Change is one difference between two states of a directory.
type Change struct {
	Kind Kind   `json:"kind"`
	Key  string `json:"key"`          // the user's or group's key
	ID   string `json:"id,omitempty"` // AWS's id, empty for what is yet to be created
	Name string `json:"name"`         // userName or displayName, for people

	// Member and MemberName are the user of an add-member or remove-member: a key, or "#" and an AWS id for somebody who is not ours.
	Member     string `json:"member,omitempty"`
	MemberName string `json:"memberName,omitempty"`

	Attributes []AttributeChange `json:"attributes,omitempty"` // sorted by path

	Origin Origin `json:"origin"`
	Reason Reason `json:"reason"`
	// On names the changes that this one stands on: held with them, skipped when they fail.
	On []Ref `json:"on,omitempty"`
	// Held says which gates hold the change; empty means released.
	Held []Hold `json:"held,omitempty"`
	// Approved is the digest of the approval that released the change; empty when nothing held it.
	Approved string `json:"approved,omitempty"`
	// Waiting says that the provisioner's mode does not send the change; empty means that it does.
	Waiting string `json:"waiting,omitempty"`
}

// AttributeChange is the change of one value; an empty Old means that it was absent, an empty New that it will be.
type AttributeChange struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Reason says why a change is wanted.
type Reason struct {
	Text string `json:"text"`           // for example `member of "platform"`, or "changed outside"
	At   string `json:"at,omitempty"`   // file:line:column of the declaration
	Rule string `json:"rule,omitempty"` // how a membership came about: "", `include "sre"`, "where"
	// Leaves says that the person is no longer in scope: the wait for deletion begins.
	Leaves bool `json:"leaves,omitempty"`
}

// Hold is one gate's word against a change.
type Hold struct {
	Gate string `json:"gate"`
	Why  string `json:"why"`
	// Final says that no approval releases it: another declaration has to.
	Final bool `json:"final,omitempty"`
}

// Ref identifies a change within its plan.
type Ref struct {
	Kind   Kind   `json:"kind"`
	Key    string `json:"key"`
	Member string `json:"member,omitempty"`
}

// Ref returns the change's identity within its plan.
func (c *Change) Ref() Ref { return Ref{c.Kind, c.Key, c.Member} }

// String is a line for logs: kind, key, member.
func (r Ref) String() string {
	if r.Member != "" {
		return fmt.Sprintf("%s %s %s", r.Kind, r.Key, r.Member)
	}
	return fmt.Sprintf("%s %s", r.Kind, r.Key)
}

// Compare orders references by the order table, then by key and member.
func (r Ref) Compare(s Ref) int {
	return cmp.Or(cmp.Compare(ranks[r.Kind], ranks[s.Kind]), strings.Compare(r.Key, s.Key),
		strings.Compare(r.Member, s.Member), strings.Compare(string(r.Kind), string(s.Kind)))
}
