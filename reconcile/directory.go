package reconcile

import "errors"

// ErrUnauthorized says that the directory does not accept our credentials: nothing more is sent.
var ErrUnauthorized = errors.New("the directory does not accept our credentials")

// ErrUncertain says that a write may have taken effect although no answer proved it.
var ErrUncertain = errors.New("may have taken effect")

// MaxMembers is how many membership changes one request carries (AWS: CreateGroup, PatchGroup).
const MaxMembers = 100

// RemoteUser is a user as the directory holds it. Attributes include userName, active and, if there is one, externalId.
type RemoteUser struct {
	ID         string     `json:"id"`
	Attributes Attributes `json:"attributes"`
}

// ExternalID returns the externalId or "".
func (u RemoteUser) ExternalID() string { v, _ := u.Attributes.Get("externalId"); return v }

// UserName returns the userName.
func (u RemoteUser) UserName() string { v, _ := u.Attributes.Get("userName"); return v }

// RemoteGroup is a group as the directory holds it, without its members.
type RemoteGroup struct {
	ID          string `json:"id"`
	ExternalID  string `json:"externalId,omitempty"`
	DisplayName string `json:"displayName"`
}

// NewGroup is a group to be created.
type NewGroup struct {
	ExternalID, DisplayName string
	Members                 []string // user ids, at most MaxMembers
}

// GroupUpdate is what one request changes of a group. Empty strings leave a value as it is.
type GroupUpdate struct {
	DisplayName, ExternalID string
	Add, Remove             []string // user ids, together at most MaxMembers
}

// NewGroupUpdate returns the update that makes changes to a group's own attributes.
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

// CallReceipt is what the directory's answer leaves for the evidence.
type CallReceipt struct {
	RequestID string
}
