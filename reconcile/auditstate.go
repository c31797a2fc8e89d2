package reconcile

import "errors"

// Errors of Audit.
var (
	// ErrLeased: the intent of another run of the provisioner has not expired.
	ErrLeased = errors.New("another process is running this provisioner")
	// ErrLeaseLost: the lease was not renewed in time, or another run has taken it over.
	ErrLeaseLost = errors.New("the lease on this provisioner is lost")
	// ErrUnreachable: the audit branch cannot be reached now. A later attempt may succeed.
	ErrUnreachable = errors.New("the audit branch is out of reach")
)

// AuditState is what the audit holds of the earlier runs of a provisioner.
type AuditState struct {
	Status *Status // nil: no run was ever reported
	Ledger *Ledger // never nil
	// Interrupted is a run with a journal on this machine but without a report; nil if there is
	// none.
	Interrupted *Interrupted
	// OpenIntents are the intents without a report whose journals are not on this machine, the
	// oldest first.
	OpenIntents []Intent
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
	// Unreachable is why the audit branch is out of reach; empty if it is not. Then the state is
	// the one that was last read, with what this machine has not published, and BeginRun publishes
	// no intent.
	Unreachable string
}

// Interrupted is a run that ended without a report.
type Interrupted struct {
	Intent  Intent
	Entries []Entry // in order; a write with a BeginWrite but no EndWrite may have taken effect or not
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
