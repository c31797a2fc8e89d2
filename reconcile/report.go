package reconcile

import "time"

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run.
const (
	RunInSync      Outcome = "in sync"
	RunApplied     Outcome = "applied"
	RunHeld        Outcome = "held"
	RunPartial     Outcome = "partial"
	RunFailed      Outcome = "failed"
	RunInterrupted Outcome = "interrupted"
	// RunNeedsAuthorization: no credentials could be had. Nothing was sent, or nothing more; a run after somebody authorized goes on.
	RunNeedsAuthorization Outcome = "needs authorization"
)

// Result is how one change ended.
type Result string

// The results of a change. Nothing is dropped in silence: each change of a plan has one of these in its report.
const (
	ResultDone    Result = "done"
	ResultHeld    Result = "held"
	ResultSkipped Result = "skipped" // what it stands on failed, or the run stopped before it
	ResultFailed  Result = "failed"
	ResultUnknown Result = "unknown" // sent, but the run was interrupted before an answer, and it could not be looked up
	ResultWaiting Result = "waiting" // the provisioner's mode does not send it
)

// Done is a change with its result.
type Done struct {
	Change
	Result    Result        `json:"result"`
	Error     string        `json:"error,omitempty"`
	RequestID string        `json:"requestId,omitempty"`
	Took      time.Duration `json:"tookNs,omitempty"`
}

// Report is the evidence of one run, as it is committed.
type Report struct {
	Version     int       `json:"version"`
	Run         string    `json:"run"`
	Provisioner string    `json:"provisioner"`
	Identity    string    `json:"identity"`
	Outcome     Outcome   `json:"outcome"`
	Trigger     string    `json:"trigger"`
	Commit      CommitRef `json:"commit"`
	Started     time.Time `json:"started"`
	Finished    time.Time `json:"finished"`
	Digest      string    `json:"digest"`
	HeldDigest  string    `json:"heldDigest,omitempty"`
	// Remembered says that the run did not read everything; nil when it did.
	Remembered *Remembered `json:"remembered,omitempty"`
	Counts     Counts      `json:"counts"`
	Changes    []Done      `json:"changes"`
	// Parts are the files that hold the changes of a long report, in order; Changes is empty then. Filled in by Conclude.
	Parts []ReportLink `json:"parts,omitempty"`
	// Assertions are those that did not hold when the run looked, on what is declared or on what AWS held.
	Assertions []Violation `json:"assertions,omitempty"`
	Errors     []string    `json:"errors,omitempty"` // of the run, not of a change
	Warnings   []string    `json:"warnings,omitempty"`
	// Approvals are those that released something.
	Approvals []Approved `json:"approvals,omitempty"`
	// Repeats is how many runs since the previous report ended like it and were not committed.
	Repeats int `json:"repeats,omitempty"`
	// Ledger is the digest of the ledger that the run left: the SHA-256 of what `sha256sum ledger/<provisioner>/*.json` prints. Filled in
	// by Conclude, like Repeats and Previous.
	Ledger string `json:"ledger,omitempty"`
	// Previous is the report before this one in the provisioner's chain; nil for the first.
	Previous *ReportLink `json:"previous"`
	Roster   string      `json:"roster"`
}

// Seen is since when a change made outside would have been seen by the run; zero if it came to no plan.
func (r *Report) Seen() time.Time {
	switch {
	case r.Digest == "":
		return time.Time{}
	case r.Remembered != nil:
		return r.Remembered.Since
	}
	return r.Started
}

// Counts sums a run up.
type Counts struct {
	DesiredUsers   int `json:"desiredUsers"`
	DesiredGroups  int `json:"desiredGroups"`
	ObservedUsers  int `json:"observedUsers"`
	ObservedGroups int `json:"observedGroups"`
	Foreign        int `json:"foreign"`  // objects that are not ours, left alone
	Unlinked       int `json:"unlinked"` // objects that equal what is desired but are not ours yet
	Done           int `json:"done"`
	Held           int `json:"held"`
	Skipped        int `json:"skipped"`
	Failed         int `json:"failed"`
	Waiting        int `json:"waiting"`
	Unknown        int `json:"unknown"`
}
