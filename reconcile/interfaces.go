package reconcile

import (
	"context"
	"iter"

	"github.com/seed-d64a251c/roster/schema"
)

// Reader reads a directory. Its methods may be called concurrently. A listing that is cut short
// yields an error. A listing without an error is complete.
type Reader interface {
	Users(ctx context.Context) iter.Seq2[RemoteUser, error]
	Groups(ctx context.Context) iter.Seq2[RemoteGroup, error]
	// Members yields the user ids of a group, GroupsOf the group ids of a user. For an object that
	// does not exist they yield nothing.
	Members(ctx context.Context, groupID string) iter.Seq2[string, error]
	GroupsOf(ctx context.Context, userID string) iter.Seq2[string, error]
}

// Finder looks up single objects by externalId or name. ok is false only if the directory answered
// that there is no such object.
type Finder interface {
	UserByExternalID(ctx context.Context, externalID string) (u RemoteUser, ok bool, err error)
	GroupByExternalID(ctx context.Context, externalID string) (g RemoteGroup, ok bool, err error)
	UserByName(ctx context.Context, userName string) (u RemoteUser, ok bool, err error)
	GroupByName(ctx context.Context, displayName string) (g RemoteGroup, ok bool, err error)
}

// Getter looks up single objects by id. ok is false only if the directory answered that there is no
// such object.
type Getter interface {
	User(ctx context.Context, id string) (u RemoteUser, ok bool, err error)
	Group(ctx context.Context, id string) (g RemoteGroup, ok bool, err error)
}

// Writer changes a directory. Its methods may be called concurrently for different objects. Errors:
// ErrUnauthorized; ErrForbidden; ErrNotSent; ErrUncertain; fs.ErrExist for a name that is taken;
// fs.ErrNotExist for an object that does not exist. The deletion of an object that does not exist
// succeeds.
type Writer interface {
	// CreateUser creates a user; attributes include userName, active and externalId.
	CreateUser(ctx context.Context, attributes Attributes) (RemoteUser, CallReceipt, error)
	// UpdateUser changes a user from have, as it was read, to want in one request.
	UpdateUser(ctx context.Context, have RemoteUser, want Attributes) (RemoteUser, CallReceipt, error)
	DeleteUser(ctx context.Context, id string) (CallReceipt, error)
	// CreateGroup creates a group with at most MaxMembers members.
	CreateGroup(ctx context.Context, g NewGroup) (RemoteGroup, CallReceipt, error)
	// UpdateGroup makes at most MaxMembers membership changes, additions first, in one request.
	UpdateGroup(ctx context.Context, id string, u GroupUpdate) (CallReceipt, error)
	DeleteGroup(ctx context.Context, id string) (CallReceipt, error)
}

type sendingKey struct{}

// WithSending returns a context whose calls of a Writer send requests only until sending ends. A
// call that is not sent by then ends with ErrNotSent. Calls in flight are not interrupted.
func WithSending(ctx, sending context.Context) context.Context {
	return context.WithValue(ctx, sendingKey{}, sending)
}

// Sending returns the context of WithSending, or ctx.
func Sending(ctx context.Context) context.Context {
	if sending, ok := ctx.Value(sendingKey{}).(context.Context); ok {
		return sending
	}
	return ctx
}

// Directory reads and writes the users and groups of one tenant.
type Directory interface {
	Reader
	Finder
	Getter
	Writer
}

// Audit stores the records of runs: intents, journal, ledger, status and reports. A provisioner has
// one run at a time. BeginWrites and EndWrite may be called concurrently in a run.
type Audit interface {
	// LoadState returns what the earlier runs left. An unreadable record is an error, never an
	// empty one. It and the other methods return ErrUnreachable if the audit branch cannot be
	// reached, unless they can continue without it.
	LoadState(ctx context.Context, provisioner string) (*AuditState, error)
	// BeginRun creates the journal and publishes the intent, which proves that both can be written.
	// It returns ErrLeased if another run is active.
	BeginRun(ctx context.Context, in Intent) error
	// BeginWrites returns when the beginnings of some writes are on disk, and EndWrite when the end
	// of one is in the journal. If BeginWrites fails, none of the writes must happen. Both return
	// ErrLeaseLost if the lease could not be renewed.
	BeginWrites(entries ...Entry) error
	EndWrite(e Entry) error
	// CheckLease returns an ErrLeaseLost if a run must not send any more. It is called before each
	// request of a write, because the machine may have slept since BeginWrites.
	CheckLease(provisioner, run string) error
	// CommitReport publishes the report of a run with its ledger and status, and closes the
	// journal. A report that repeats the last one is counted, not published; Receipt.Commit is then
	// empty.
	CommitReport(ctx context.Context, c RunRecord) (Receipt, error)
}

// Archive reads the records of earlier runs. Its methods may be called concurrently.
type Archive interface {
	// Provisioners returns the provisioners that have a status, sorted.
	Provisioners(ctx context.Context) ([]string, error)
	// SearchReports returns the newest report for which match is true, with all of its parts. match
	// is called for each report of the chain, the newest first, without the changes in parts. The
	// chain must verify up to the report. It returns fs.ErrNotExist if there is none.
	SearchReports(ctx context.Context, provisioner string, match func(*Report) (bool, error)) (*Report, error)
	// SearchManifests is like SearchReports, but the report is without the changes in its parts.
	SearchManifests(ctx context.Context, provisioner string, match func(*Report) (bool, error)) (*Report, error)
	// Provenance returns the provenances of objects by the directory's id, each list with the
	// newest first, and those of attempts by the reference of the object, without the facts of Git.
	// It searches the chains of the provisioners in their order, the newest chain first, as far as
	// they verify.
	Provenance(ctx context.Context, provisioners []string, q ProvenanceQuery) (map[string][]Provenance, error)
}

// Source reads declarations from Git. Its methods may be called concurrently.
type Source interface {
	// Declarations loads and checks a commit. It returns schema.Problems for an invalid commit, and
	// fs.ErrNotExist if there is no such commit.
	Declarations(ctx context.Context, commit string) (*schema.Declarations, error)
	// IsAncestor reports whether b descends from a or is a. It returns fs.ErrNotExist if a does not
	// exist any more.
	IsAncestor(ctx context.Context, a, b string) (bool, error)
	// FirstParents returns the first-parent history after from up to to, the oldest first; at most
	// the newest MaxFirstParents commits. An empty from means the whole history. It returns
	// fs.ErrNotExist if from is not one of these commits.
	FirstParents(ctx context.Context, from, to string) ([]CommitRef, error)
	// ApprovalCommits returns for each digest the commit on the first-parent history of head that
	// last added or changed the approval of that digest. It leaves out digests that head does not
	// approve, or has approved for more than MaxFirstParents commits.
	ApprovalCommits(ctx context.Context, head string, digests []string) (map[string]CommitRef, error)
}

// MaxFirstParents is the number of commits that a search in the first-parent history reads.
const MaxFirstParents = 500

// Reviewer returns what was reviewed. A forge implements it.
type Reviewer interface {
	// Approved returns the merges between two commits of the branch, without from and with to, each
	// as it was approved. It may be called concurrently. An error holds the changes that need a
	// review; it does not fail the run.
	Approved(ctx context.Context, from, to string) ([]ReviewedMerge, error)
}

// CommitReviewer returns how one commit of the branch was reviewed. A forge implements it, and
// without a forge the signatures of commits. It may be called concurrently. An error means that the
// review is not known now; it does not fail the run.
type CommitReviewer interface {
	ReviewCommit(ctx context.Context, commit string) (CommitReview, error)
}

// CommitReview is how one commit of the branch was reviewed.
type CommitReview struct {
	// PullRequest names the pull request that brought the commit, for example "pull request 12";
	// empty for a direct push.
	PullRequest string
	// Authors are the accounts that opened the pull request, or authored or pushed a commit of it.
	// Without a forge they are the signers of the commit.
	Authors []string
	// Approvers are the accounts that approved what was merged, without Authors.
	Approvers []string
	// Unknown says why the forge cannot tell who authored or pushed; empty if it can. Such a review
	// is insufficient.
	Unknown string
}
