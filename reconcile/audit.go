package reconcile

import (
	"context"
	"errors"
	"time"
)

// Audit is where runs leave their evidence: intents, a journal, a ledger, a status and reports. One provisioner has one run at a time;
// Begin and End may be called concurrently within it.
type Audit interface {
	// Past returns what earlier runs left. It fails rather than guess: an unreadable ledger is an error, never an empty one.
	Past(ctx context.Context, provisioner string) (*Past, error)
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

// Errors of Audit that a run branches on.
var (
	// ErrLeased says that another process's intent for this provisioner is alive.
	ErrLeased = errors.New("another process is at work on this provisioner")
	// ErrLeaseLost says that our own intent was not renewed in time or was taken over.
	ErrLeaseLost = errors.New("the lease on this provisioner is lost")
)

// Past is what earlier runs of a provisioner left.
type Past struct {
	Status *Status // nil: no run has ever been concluded
	Ledger *Ledger // never nil
	// Interrupted is the run whose journal on this machine has no end; nil when there is none.
	Interrupted *Interrupted
	// Open is an intent without a report whose journal is not on this machine; nil when there is none.
	Open *Intent
	// Distrust says why the audit branch cannot be trusted to be what was left on it; empty when it can. Gate audit holds what takes
	// access away until it is empty.
	Distrust string
}

// Interrupted is a run that ended without a conclusion.
type Interrupted struct {
	Intent  Intent
	Entries []Entry // in the order written; a Begin without its End may or may not have taken effect
}

// Intent is the record that a run is about to write.
type Intent struct {
	Version     int       `json:"version"`
	Run         string    `json:"run"`
	Provisioner string    `json:"provisioner"`
	Identity    string    `json:"identity"`
	Digest      string    `json:"digest"`  // of the plan
	Changes     int       `json:"changes"` // released ones
	Commit      CommitRef `json:"commit"`
	Trigger     string    `json:"trigger"`
	Started     time.Time `json:"started"`
	Host        string    `json:"host,omitempty"`
	Roster      string    `json:"roster"`
}

// CommitRef names a commit of declarations.
type CommitRef struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"` // "Name <email>"
	Time    time.Time `json:"time,omitzero"`    // of the commit
	Branch  string    `json:"branch,omitempty"`
}

// Entry is one line of the journal: a write that is about to happen, or how it ended.
type Entry struct {
	Run         string `json:"run"`
	Provisioner string `json:"provisioner"`
	Seq         int    `json:"seq"` // of the write within the run, from 1; Begin and End share it
	// Changes are what the write carries out, with their outcomes once it has ended.
	Changes []Done    `json:"changes,omitempty"`
	Ended   bool      `json:"ended"`
	Time    time.Time `json:"time"`
}

// Status is what is known of a provisioner after its last run.
type Status struct {
	Version     int    `json:"version"`
	Provisioner string `json:"provisioner"`
	Identity    string `json:"identity"`
	// Applied is the commit and time at which no intended change remained; nil until then.
	Applied *AppliedAt `json:"applied,omitempty"`
	// EverEnabled says that a run in mode enabled was once concluded.
	EverEnabled bool `json:"everEnabled,omitempty"`
	// Contacted says that what the directory had before us was decided on: nothing remained held by gate firstContact.
	Contacted bool `json:"contacted,omitempty"`

	// Auth is the AuthFingerprint of the credentials that last read the directory.
	Auth string `json:"auth,omitempty"`

	Run        string     `json:"run"`
	Outcome    Outcome    `json:"outcome"`
	Commit     CommitRef  `json:"commit"`
	Finished   time.Time  `json:"finished"`
	Digest     string     `json:"digest"`
	HeldDigest string     `json:"heldDigest,omitempty"`
	Report     ReportLink `json:"report"` // filled in by Conclude
	// Removals are the removals of the last 24 hours, for the gates that count them.
	Removals []Removal `json:"removals,omitempty"`
	// Spent are approvals that were used, by digest; Seen is when those that are declared were first seen.
	Spent map[string]time.Time `json:"spent,omitempty"`
	Seen  map[string]time.Time `json:"seen,omitempty"`
	// Retired says that the provisioner was removed from Git and that nothing is left to be done for it.
	Retired bool `json:"retired,omitempty"`
}

// AppliedAt is a commit with the time that its declarations were evaluated at.
type AppliedAt struct {
	Commit string    `json:"commit"`
	Time   time.Time `json:"time"`
}

// Removal is a number of removals that a run carried out.
type Removal struct {
	Time  time.Time `json:"time"`
	Group string    `json:"group,omitempty"` // memberships of this group; empty: deactivations and deletions of users
	Count int       `json:"count"`
}

// ReportLink names a report by path and content.
type ReportLink struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Conclusion is everything that a run leaves.
type Conclusion struct {
	Report *Report
	Ledger *Ledger
	Status *Status
	// Trust says that somebody approved what Distrust held: the branch is trusted from here on.
	Trust bool
}

// Receipt says where a conclusion went.
type Receipt struct {
	Commit  string // on the audit branch; empty when it was only counted
	Report  ReportLink
	Repeats int // how often the last report has been repeated since
}
