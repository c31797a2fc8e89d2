package reconcile

import (
	"context"
	"iter"

	"github.com/seed-d64a251c/roster/schema"
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

// Audit is where runs leave their evidence: intents, a journal, a ledger, a status and reports. One provisioner has one run at a time;
// Begin and End may be called concurrently within it.
type Audit interface {
	// Past returns what earlier runs left. It fails rather than guess: an unreadable ledger is an error, never an empty one.
	Past(ctx context.Context, provisioner string) (*AuditState, error)
	// Intend proves that evidence can be written: it opens the journal, then publishes the intent. ErrLeased when another's is alive.
	Intend(ctx context.Context, in Intent) error
	// Begin and End enclose one write. Begin returns only when the entry is on disk; without it the write must not happen.
	// Both fail with ErrLeaseLost when the intent could not be renewed.
	Begin(e Entry) error
	End(e Entry) error
	// Conclude publishes the report of a run with the ledger and status that follow from it, and closes its journal.
	// A report that says what the last one said is counted, not published; Receipt.Commit is then empty.
	Conclude(ctx context.Context, c Conclusion) (Receipt, error)
}

// Archive answers what earlier runs have left. It may be called concurrently.
type Archive interface {
	// Provisioners names those that have a status, sorted.
	Provisioners(ctx context.Context) ([]string, error)
	// HeldReport finds the report that printed a held digest, in a chain that verifies up to it: fs.ErrNotExist when there is none.
	HeldReport(ctx context.Context, provisioner, digest string) (*Report, error)
}

// Source is where declarations come from. Both methods may be called concurrently.
type Source interface {
	// Declarations loads and checks a commit: schema.Problems if it is invalid, fs.ErrNotExist if there is no such commit.
	Declarations(ctx context.Context, commit string) (*schema.Declarations, error)
	// IsAncestor reports whether b descends from a, or is a: fs.ErrNotExist if a is not there any more.
	IsAncestor(ctx context.Context, a, b string) (bool, error)
}

// Reviewer knows what people approved. A forge is one.
type Reviewer interface {
	// Approved lists what the merges between two commits of the branch, from excluded and to included, come to when each is made of
	// what was approved. It may be called concurrently. An error holds what would need the answer; it fails no run.
	Approved(ctx context.Context, from, to string) ([]ReviewedMerge, error)
}
