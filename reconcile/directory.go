package reconcile

import (
	"errors"
	"slices"
	"time"
)

// ErrUnauthorized means that the directory rejects the credentials: nothing more is sent.
var ErrUnauthorized = errors.New("the directory rejects the credentials")

// ErrForbidden means that the directory refuses a call, although it accepts the credentials: a call
// for one object, or every call from this address. RefusedError says which of them.
var ErrForbidden = errors.New("the directory refuses the call")

// ErrNotSent means that a call of WithSending was not sent.
var ErrNotSent = errors.New("not sent")

// ErrUncertain means that a write may have taken effect, although no answer proved it.
var ErrUncertain = errors.New("may have taken effect")

// MaxMembers is the maximum number of membership changes in a request (AWS: CreateGroup,
// PatchGroup).
const MaxMembers = 100

// RemoteUser is a user of the directory. Attributes include userName, active and, if there is one,
// externalId.
type RemoteUser struct {
	ID         string     `json:"id"`
	Attributes Attributes `json:"attributes"`
	// Created is when the directory created the user; zero if it does not say.
	Created time.Time `json:"created,omitzero"`
}

// Equal reports whether two users are the same in all fields.
func (u RemoteUser) Equal(v RemoteUser) bool {
	return u.ID == v.ID && u.Created.Equal(v.Created) && slices.Equal(u.Attributes, v.Attributes)
}

// ExternalID returns the externalId or "".
func (u RemoteUser) ExternalID() string { v, _ := u.Attributes.Get("externalId"); return v }

// UserName returns the userName.
func (u RemoteUser) UserName() string { v, _ := u.Attributes.Get("userName"); return v }

// RemoteGroup is a group of the directory, without its members.
type RemoteGroup struct {
	ID          string    `json:"id"`
	ExternalID  string    `json:"externalId,omitempty"`
	DisplayName string    `json:"displayName"`
	Created     time.Time `json:"created,omitzero"` // as of a RemoteUser
}

// Equal reports whether two groups are the same in all fields.
func (g RemoteGroup) Equal(h RemoteGroup) bool {
	return g.ID == h.ID && g.ExternalID == h.ExternalID && g.DisplayName == h.DisplayName &&
		g.Created.Equal(h.Created)
}

// NewGroup is a group to be created.
type NewGroup struct {
	ExternalID, DisplayName string
	Members                 []string // user ids, at most MaxMembers
}

// GroupUpdate is the changes of a group in one request. Empty strings leave a value unchanged.
type GroupUpdate struct {
	DisplayName, ExternalID string
	Add, Remove             []string // user ids, together at most MaxMembers
}

// NewGroupUpdate returns the update for changes of a group's own attributes.
func NewGroupUpdate(changes []AttributeChange) GroupUpdate {
	var u GroupUpdate
	for _, c := range changes {
		switch c.Path {
		case "displayName":
			u.DisplayName = c.New
		case "externalId":
			u.ExternalID = c.New
		}
	}
	return u
}

// CallReceipt is the part of the directory's answer that is recorded.
type CallReceipt struct {
	RequestID string
}
