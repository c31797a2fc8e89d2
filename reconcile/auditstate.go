package reconcile

import (
	"errors"
	"fmt"
	"time"
)

// Errors of Audit.
var (
	// ErrLeased: the intent of another run of the provisioner has not expired.
	ErrLeased = errors.New("another process is running this provisioner")
	// ErrLeaseLost: the lease was not renewed in time, or another run has taken it over.
	ErrLeaseLost = errors.New("the lease on this provisioner is lost")
	// ErrUnreachable: the audit branch cannot be reached now. A later attempt may succeed.
	ErrUnreachable = errors.New("the audit branch is out of reach")
)

// LeaseError names the run or process that works on a provisioner. It is an ErrLeased.
type LeaseError struct {
	Provisioner string
	Run, Host   string    // of the holder; empty if only the lock on this machine is known
	Since       time.Time // zero: unknown
	Until       time.Time // when the lease expires, unless it is renewed; zero: unknown
	Lock        string    // the process that holds the lock on this machine; empty if the lease is on the branch
	// OutOfReach means that the audit branch is out of reach and another process wrote there last:
	// it may have the lease.
	OutOfReach bool
}

func (e *LeaseError) Error() string {
	if e.Lock != "" {
		return fmt.Sprintf("%s: %v: %s on this machine", e.Provisioner, ErrLeased, e.Lock)
	}
	if e.OutOfReach {
		return fmt.Sprintf("%s: the audit branch is out of reach, and another process wrote there last: "+
			"nothing is sent, because that process may have the lease; roster tries again at %s", e.Provisioner,
			e.Until.Format(time.RFC3339))
	}
	return fmt.Sprintf("%s: %v: run %s on %s since %s; its lease expires at %s unless it is renewed; "+
		"try again then", e.Provisioner,
		ErrLeased, e.Run, e.Host, e.Since.Format(time.RFC3339), e.Until.Format(time.RFC3339))
}

// Is makes a LeaseError an ErrLeased.
func (e *LeaseError) Is(target error) bool { return target == ErrLeased }

// AuditState is what the audit holds of the earlier runs of a provisioner.
type AuditState struct {
	Status *Status // nil: no run was ever reported
	// Ledger is never nil. It must not be changed: the Audit may share it. Clone copies it.
	Ledger *Ledger
	// Interrupted is a run with a journal on this machine but without a report; nil if there is
	// none.
	Interrupted *Interrupted
	// OpenIntents are the intents without a report whose journals are not on this machine, the
	// oldest first.
	OpenIntents []Intent
	// Leased is the live lease of another holder's run; nil if there is none. Nothing may be sent
	// until it ends.
	Leased *LeaseError
	// OpenUses are the approvals that the intents without a report have used, of this machine and
	// of others.
	OpenUses []ApprovalUse
	// Trust is how far the audit branch can be trusted.
	Trust AuditTrust
	// ReviewedFrom is the last applied commit that this machine knows of, if others claim another
	// one without a signature: changes since then need their review. Nil if the status is right. An
	// empty commit means that it knows none.
	ReviewedFrom *AppliedAt
	// Dropped are the entries that this machine knew as proved and that others removed from the
	// ledger or gave another id; nil if there are none. While AWS has the object under its key, it
	// is still owned.
	Dropped *Ledger
	// Unproved are the entries of the ledger that an unproved commit added or changed. Ownership of
	// their objects needs more evidence than the ledger.
	Unproved UnprovedEntries
	// JournalError is why the journal of this machine cannot be read; nil if it can. It may have
	// writes that are in no report, so no run of the provisioner may begin.
	JournalError error
	// Unreachable is why the audit branch is out of reach; empty if it is not. Then the state is
	// the one that was last read, with what this machine has not published, and BeginRun publishes
	// no intent.
	Unreachable string
}

// Interrupted is a run that ended without a report.
type Interrupted struct {
	Intent  Intent
	Entries []Entry // in order; a write with a BeginWrites but no EndWrite may have taken effect or not
}

// ReportLink identifies a report by its path and content.
type ReportLink struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// RunRecord is everything that a run records when it ends.
type RunRecord struct {
	Report *Report
	Ledger *Ledger
	Status *Status
	// Release is the approval that released gate audit; nil if there was none. The report then
	// starts a new chain.
	Release *Approved
	// Verified are unproved entries for which the run found the evidence of ownership. They are
	// proved from now on.
	Verified UnprovedEntries
	// Unproved are the unproved entries of a ledger that the run continues under another key of the
	// provisioner. They stay unproved.
	Unproved UnprovedEntries
	// TakenOver are the runs of AuditState.OpenIntents whose intents the report closes: what they
	// may have created is in the ledger.
	TakenOver []string
	// DroppedLookedUp is true if the run looked up AuditState.Dropped.
	DroppedLookedUp bool
}

// Receipt is where a run record was stored.
type Receipt struct {
	Commit  string // on the audit branch; empty if the run was only counted, or queued
	Report  ReportLink
	Repeats int // how many runs have repeated the last report
	// Queued is true if the report waits on this machine until it can be published.
	Queued bool
}
