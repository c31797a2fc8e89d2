package reconcile

import (
	"context"
	"errors"
	"iter"
)

// Reader reads a directory. Its methods may be called concurrently. A listing yields an error rather than end early: a sequence that
// ends without one was ended by the directory explicitly.
type Reader interface {
	Users(ctx context.Context) iter.Seq2[RemoteUser, error]
	Groups(ctx context.Context) iter.Seq2[RemoteGroup, error]
	// Members yields the user ids of a group, GroupsOf the group ids of a user. An object that does not exist yields nothing.
	Members(ctx context.Context, groupID string) iter.Seq2[string, error]
	GroupsOf(ctx context.Context, userID string) iter.Seq2[string, error]
}

// Finder looks single objects up by what we named them. ok is false only when the directory said that there is none.
type Finder interface {
	UserByExternalID(ctx context.Context, externalID string) (u RemoteUser, ok bool, err error)
	GroupByExternalID(ctx context.Context, externalID string) (g RemoteGroup, ok bool, err error)
	UserByName(ctx context.Context, userName string) (u RemoteUser, ok bool, err error)
	GroupByName(ctx context.Context, displayName string) (g RemoteGroup, ok bool, err error)
}

// Getter looks single objects up by the directory's ids. ok is false only when the directory said that there is none.
type Getter interface {
	User(ctx context.Context, id string) (u RemoteUser, ok bool, err error)
	Group(ctx context.Context, id string) (g RemoteGroup, ok bool, err error)
}

// Writer changes a directory. Its methods may be called concurrently for different objects. Errors: ErrUnauthorized, fs.ErrExist for a
// name that is taken, fs.ErrNotExist for an object that is gone; deleting what is gone is no error.
type Writer interface {
	// CreateUser creates a user; attributes include userName, active and externalId.
	CreateUser(ctx context.Context, attributes Attributes) (RemoteUser, CallReceipt, error)
	// UpdateUser brings a user from what was read to what is wanted, in one request.
	UpdateUser(ctx context.Context, have RemoteUser, want Attributes) (RemoteUser, CallReceipt, error)
	DeleteUser(ctx context.Context, id string) (CallReceipt, error)
	// CreateGroup creates a group with at most 100 members.
	CreateGroup(ctx context.Context, g NewGroup) (RemoteGroup, CallReceipt, error)
	// UpdateGroup makes at most 100 membership changes, additions first, in one request.
	UpdateGroup(ctx context.Context, id string, u GroupUpdate) (CallReceipt, error)
	DeleteGroup(ctx context.Context, id string) (CallReceipt, error)
}

// Directory is one tenant's users and groups, read and written.
type Directory interface {
	Reader
	Finder
	Getter
	Writer
}

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

// CallReceipt is what the directory's answer leaves for the evidence.
type CallReceipt struct {
	RequestID string
}
