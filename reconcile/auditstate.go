package reconcile

import "errors"

// Errors of Audit.
var (
	// ErrLeased: the intent of another run of the provisioner has not expired.
	ErrLeased = errors.New("another process is running this provisioner")
	// ErrLeaseLost: the lease was not renewed in time, or another run has taken it over.
	ErrLeaseLost = errors.New("the lease on this provisioner is lost")
)

// AuditState is what the audit holds of the earlier runs of a provisioner.
type AuditState struct {
	Status *Status // nil: no run was ever reported
	Ledger *Ledger // never nil
	// Interrupted is a run with a journal on this machine but without a report; nil if there is
	// none.
	Interrupted *Interrupted
	// OpenIntent is an intent without a report whose journal is not on this machine; nil if there
	// is none.
	OpenIntent *Intent
	// Trust is how far the audit branch can be trusted.
	Trust AuditTrust
	// Unproved are the entries of the ledger that an unproved commit added or changed. Ownership of
	// their objects needs more evidence than the ledger.
	Unproved UnprovedEntries
	// DistrustReason says why the audit branch cannot be trusted; empty if it can. Until it is
	// empty, gate audit holds the changes that remove access.
	DistrustReason string
}

// TrustLevel is how far the audit branch can be trusted.
type TrustLevel string

// The levels of trust.
const (
	// TrustProved: an allowed key signed every commit since the last read, or this machine wrote
	// the head and no entry of the ledger is unproved.
	TrustProved TrustLevel = "proved"
	// TrustUnproved: commits of others properly continue what this machine knows, or this machine
	// knows nothing.
	TrustUnproved TrustLevel = "unproved"
	// TrustBroken: the branch is not what earlier runs left. Gate audit holds everything.
	TrustBroken TrustLevel = "broken"
)

// AuditTrust is the trust in the audit branch, as a run found it.
type AuditTrust struct {
	Level  TrustLevel `json:"level"`
	Reason string     `json:"reason,omitempty"` // why the branch is not proved
	// Break is the head at which the branch was found broken, or "gone" if there is no branch;
	// empty if it is not broken. `approvals: "audit:<Break>"` releases gate audit.
	Break string `json:"break,omitempty"`
}

// UnprovedEntries are keys of ledger entries.
type UnprovedEntries struct{ Users, Groups map[string]bool }

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
	// TrustBranch is true if an approval released gate audit: the branch is trusted from this
	// report on.
	TrustBranch bool
}

// Receipt is where a run record was stored.
type Receipt struct {
	Commit  string // on the audit branch; empty if the run was only counted
	Report  ReportLink
	Repeats int // how many runs have repeated the last report
}
