package reconcile

import (
	"errors"
	"time"
)

// Errors of Audit.
var (
	// ErrLeased means that the intent of another process for this provisioner is live.
	ErrLeased = errors.New("another process is running this provisioner")
	// ErrLeaseLost means that the run's own intent was not renewed in time or was taken over.
	ErrLeaseLost = errors.New("the lease on this provisioner is lost")
)

// AuditState is what the audit holds of the earlier runs of a provisioner.
type AuditState struct {
	Status *Status // nil if no run has been reported yet
	Ledger *Ledger // never nil
	// Interrupted is the run whose journal on this machine has no end; nil if there is none.
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
	Entries []Entry // in the order written; a write with Begin and no End may have taken effect
}

// Intent is the record that a run publishes before its first write.
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

// Entry is one line of the journal: a write before it is sent, or its results.
type Entry struct {
	Run         string `json:"run"`
	Provisioner string `json:"provisioner"`
	Seq         int    `json:"seq"` // number of the write within the run, from 1; the same for Begin and End
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
	// LastApplied is the last commit, with its time, of which no intended change remained; nil if
	// there is none.
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
	Report     ReportLink `json:"report"` // set by Conclude
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

// AppliedAt is a commit with the time that its declarations were evaluated at.
type AppliedAt struct {
	Commit string    `json:"commit"`
	Time   time.Time `json:"time"`
}

// Removal is a number of removals that a run made.
type Removal struct {
	Time  time.Time `json:"time"`
	Group string    `json:"group,omitempty"` // memberships of this group; empty: deactivations and deletions of users
	Count int       `json:"count"`
}

// ReportLink names a report by path and digest.
type ReportLink struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Conclusion is all that a run publishes at its end.
type Conclusion struct {
	Report *Report
	Ledger *Ledger
	Status *Status
	// TrustBranch is true if an approval released gate audit: the branch is trusted from this
	// report on.
	TrustBranch bool
}

// Receipt says where a conclusion was published.
type Receipt struct {
	Commit  string // on the audit branch; empty if the run was only counted
	Report  ReportLink
	Repeats int // number of runs since then that repeated the last report
}
