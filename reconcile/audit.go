package reconcile

import (
	"errors"
	"time"
)

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
	// DistrustReason says why the audit branch cannot be trusted; empty if it can. Until it is
	// empty, gate audit holds the changes that remove access.
	DistrustReason string
}

// Interrupted is a run that ended without a report.
type Interrupted struct {
	Intent  Intent
	Entries []Entry // in order; a write with a BeginWrite but no EndWrite may have taken effect or not
}

// Intent announces that a run is about to write.
type Intent struct {
	Version         int       `json:"version"`
	Run             string    `json:"run"`
	Provisioner     string    `json:"provisioner"`
	Identity        string    `json:"identity"`
	Digest          string    `json:"digest"`          // of the plan
	ReleasedChanges int       `json:"releasedChanges"` // number of changes to be sent
	Commit          CommitRef `json:"commit"`
	Trigger         string    `json:"trigger"`
	Started         time.Time `json:"started"`
	Host            string    `json:"host,omitempty"`
	RosterVersion   string    `json:"rosterVersion"`
}

// CommitRef names a commit of declarations.
type CommitRef struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"` // "Name <email>"
	Time    time.Time `json:"time,omitzero"`    // of the commit
	Branch  string    `json:"branch,omitempty"`
}

// Short returns the first seven digits of the commit's id, or "(none)".
func (c CommitRef) Short() string {
	if c.ID == "" {
		return "(none)"
	}
	return c.ID[:min(7, len(c.ID))]
}

// Entry is a line of the journal: the beginning or the end of a write.
type Entry struct {
	Run         string `json:"run"`
	Provisioner string `json:"provisioner"`
	Seq         int    `json:"seq"` // of the write, from 1; the same at its beginning and its end
	// Changes are the changes of the write, with their results once it has ended.
	Changes []Done    `json:"changes,omitempty"`
	Ended   bool      `json:"ended"`
	Time    time.Time `json:"time"`
}

// Status is the state of a provisioner after its last run.
type Status struct {
	Version     int    `json:"version"`
	Provisioner string `json:"provisioner"`
	Identity    string `json:"identity"`
	// LastApplied is the last commit whose intended changes are all done, with the time of its
	// evaluation; nil if there is none.
	LastApplied *AppliedAt `json:"lastApplied,omitempty"`
	// EverEnabled is true after the first reported run in mode enabled.
	EverEnabled bool `json:"everEnabled,omitempty"`
	// AdoptionDecided is true once gate firstContact held nothing more: the initial adoption was
	// approved or rejected.
	AdoptionDecided bool `json:"adoptionDecided,omitempty"`

	// AuthFingerprint is the fingerprint of the credentials that last read the directory.
	AuthFingerprint string `json:"authFingerprint,omitempty"`

	Run        string     `json:"run"`
	Outcome    Outcome    `json:"outcome"`
	Commit     CommitRef  `json:"commit"`
	Finished   time.Time  `json:"finished"`
	Digest     string     `json:"digest"`
	HeldDigest string     `json:"heldDigest,omitempty"`
	Report     ReportLink `json:"report"` // set by CommitReport
	// Removals are the removals of the last 24 hours, which some gates count.
	Removals []Removal `json:"removals,omitempty"`
	// UsedApprovals is when each approval was used, ApprovalFirstSeen when a run first saw each
	// declared approval; both by digest.
	UsedApprovals     map[string]time.Time `json:"usedApprovals,omitempty"`
	ApprovalFirstSeen map[string]time.Time `json:"approvalFirstSeen,omitempty"`
	// Deprovisioned is true if the provisioner was removed from Git and its deprovisioning is
	// complete.
	Deprovisioned bool `json:"deprovisioned,omitempty"`
}

// AppliedAt is a commit with the time at which its declarations were evaluated.
type AppliedAt struct {
	Commit string    `json:"commit"`
	Time   time.Time `json:"time"`
}

// Removal is the number of removals of a run.
type Removal struct {
	Time  time.Time `json:"time"`
	Group string    `json:"group,omitempty"` // the group that lost members; empty: users deactivated or deleted
	Count int       `json:"count"`
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
