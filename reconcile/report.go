package reconcile

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Outcome is the result of a run.
type Outcome string

// The outcomes of a run.
const (
	RunInSync  Outcome = "in sync"
	RunApplied Outcome = "applied"
	// RunWaiting: no change is held or failed, and some wait for enabled, a window or the end of a
	// pause.
	RunWaiting     Outcome = "waiting"
	RunHeld        Outcome = "held"
	RunPartial     Outcome = "partial"
	RunFailed      Outcome = "failed"
	RunInterrupted Outcome = "interrupted"
	// RunNeedsAuthorization: credentials could not be obtained. Nothing more was sent. The next run
	// after an authorization continues.
	RunNeedsAuthorization Outcome = "needs authorization"
)

// Result is the result of a change.
type Result string

// The results of a change. Every change of a plan has one of them in its report.
const (
	ResultDone    Result = "done"
	ResultHeld    Result = "held"
	ResultSkipped Result = "skipped" // a change it depends on failed, or the run stopped before it
	ResultFailed  Result = "failed"
	ResultUnknown Result = "unknown" // sent; no valid response proves whether it took effect
	ResultWaiting Result = "waiting" // the provisioner's mode or window does not send it
)

// Done is a change with its result. The change is that of the plan: a plan, the results of a run
// and its report hold each change once. It is never nil in what this package or a decoder returns.
type Done struct {
	*Change
	Result    Result        `json:"result"`
	Error     string        `json:"error,omitempty"`
	RequestID string        `json:"requestId,omitempty"`
	Duration  time.Duration `json:"durationNs,omitempty"`
	// SentBy is the earlier run that sent the write and got no response; nil if this run sent it.
	SentBy *Attempt `json:"sentBy,omitempty"`
}

// UnmarshalJSON decodes a change with its result. Without a change, the result has an empty one.
func (d *Done) UnmarshalJSON(data []byte) error {
	type plain Done
	d.Change = &Change{}
	return json.Unmarshal(data, (*plain)(d))
}

// Report is the record of one run, as it is committed.
type Report struct {
	Version     int     `json:"version"`
	Run         string  `json:"run"`
	Provisioner string  `json:"provisioner"`
	Identity    string  `json:"identity"`
	Outcome     Outcome `json:"outcome"`
	Trigger     string  `json:"trigger"`
	// RequestedBy is the caller of the API who asked for the run; "" if there is none.
	RequestedBy string    `json:"requestedBy,omitempty"`
	Commit      CommitRef `json:"commit"`
	Started     time.Time `json:"started"`
	Finished    time.Time `json:"finished"`
	Digest      string    `json:"digest"`
	HeldDigest  string    `json:"heldDigest,omitempty"`
	// HeldGroups are the held changes that an approval can release, by their cause.
	HeldGroups []HeldGroup `json:"heldGroups,omitempty"`
	// CachedRead is set if the run used the cached directory; nil if it read everything.
	CachedRead *CachedRead `json:"cachedRead,omitempty"`
	// FullRead is set if the run read everything because the cached directory does not count.
	FullRead *FullRead `json:"fullRead,omitempty"`
	// Loosened are the rules of the policy that the commit loosens, sorted by field.
	Loosened []Loosening `json:"loosened,omitempty"`
	// Audit is the trust in the audit branch, as the run found it.
	Audit   *AuditSummary `json:"audit,omitempty"`
	Counts  Counts        `json:"counts"`
	Changes []Done        `json:"changes"`
	// Summary is what the changes mean for people, as one line.
	Summary string `json:"summary,omitempty"`
	// Facts are what the sentences about the changes depend on; nil if there are none.
	Facts *EffectFacts `json:"facts,omitempty"`
	// Releases are the objects that leave the ledger and stay in the directory as they are.
	Releases []ReleasedObject `json:"releases,omitempty"`
	// Parts are the files with the changes of a long report, in order; Changes is then empty.
	// CommitReport sets it.
	Parts []ReportPart `json:"parts,omitempty"`
	// Index are the files with the parts that name each user and group, sorted by reference.
	// CommitReport sets it; nil for a report without parts, or of format version 1.
	Index []ReportIndex `json:"index,omitempty"`
	// Violations are the assertions that did not hold, on the declared or the observed state.
	Violations []Violation `json:"violations,omitempty"`
	Errors     []string    `json:"errors,omitempty"` // of the run, not of a change
	// Quarantine is the quarantine of the provisioner after the run; nil if there is none.
	Quarantine *Quarantine `json:"quarantine,omitempty"`
	Warnings   []string    `json:"warnings,omitempty"`
	// Approvals are the approvals that released changes.
	Approvals []Approved `json:"approvals,omitempty"`
	// Repeats is the number of runs that repeated the previous report and were not reported.
	Repeats int `json:"repeats,omitempty"`
	// LedgerDigest is the digest of the ledger after the run: the SHA-256 of the output of
	// `sha256sum ledger/<provisioner>/*.json`. CommitReport sets it, and Repeats
	// and Previous.
	LedgerDigest string `json:"ledgerDigest,omitempty"`
	// StatusDigest is the SHA-256 of the status after the run, without its link to this report.
	// CommitReport sets it.
	StatusDigest string `json:"statusDigest,omitempty"`
	// Previous is the report before this one in the provisioner's chain; nil for the first.
	Previous *ReportLink `json:"previous"`
	// StartsChain is set if the report starts a new chain after an approval released a broken audit
	// branch. CommitReport sets it.
	StartsChain   *ChainStart `json:"startsChain,omitempty"`
	RosterVersion string      `json:"rosterVersion"`
}

// ReportPart is a file with some of the changes of a long report.
type ReportPart struct {
	ReportLink
	Changes int `json:"changes,omitempty"` // number of changes; 0 in format version 1
}

// ReportIndex is a file of the index of a long report. It has the users and groups from First to
// Last.
type ReportIndex struct {
	ReportLink
	First string `json:"first"` // a reference, see UserRef and GroupRef
	Last  string `json:"last"`
}

// ChangeCount returns the number of changes of the report, with those in its parts. It is not known
// for a report of format version 1 with parts.
func (r *Report) ChangeCount() int {
	n := len(r.Changes)
	for _, part := range r.Parts {
		n += part.Changes
	}
	return n
}

// ChainStart names what a new chain of reports starts from.
type ChainStart struct {
	Head     string `json:"head"`     // of the broken branch, or GoneBranch
	Approval string `json:"approval"` // key of the approval that released it
	Reason   string `json:"reason"`   // of the approval
	Position string `json:"position"` // file:line:column of the approval
}

// ObservedSince returns the time since which the run would have observed a change made outside
// roster; zero if the run made no plan.
func (r *Report) ObservedSince() time.Time {
	switch {
	case r.Digest == "":
		return time.Time{}
	case r.CachedRead != nil:
		return r.CachedRead.OldestRead
	}
	return r.Started
}

// Record sets a plan, the results of its changes and the outcome that follows from them and from
// the ledger after the run.
func (r *Report) Record(plan *Plan, results []Done, ledger *Ledger) {
	r.Digest, r.Changes, r.Counts, r.Warnings = plan.Digest, results, plan.Counts, plan.Notices
	r.Audit, r.Loosened, r.Releases, r.Facts = plan.Audit, plan.Loosened, plan.Releases, plan.Facts
	r.Approvals, r.Violations = plan.Approvals, plan.Violations
	r.CachedRead, r.FullRead = plan.CachedRead, plan.FullRead
	r.HeldDigest, r.HeldGroups = heldDigestOf(plan, results), heldGroupsOf(plan, results)
	r.Count()
	r.Outcome = r.outcome(plan.Entries(ledger))
}

// Counts are the numbers of a run.
type Counts struct {
	DesiredUsers   int `json:"desiredUsers"`
	DesiredGroups  int `json:"desiredGroups"`
	ObservedUsers  int `json:"observedUsers"`
	ObservedGroups int `json:"observedGroups"`
	Unmanaged      int `json:"unmanaged"` // objects that roster does not manage
	Adoptable      int `json:"adoptable"` // unmanaged objects that equal the desired state
	Done           int `json:"done"`
	Held           int `json:"held"`
	Skipped        int `json:"skipped"`
	Failed         int `json:"failed"`
	Waiting        int `json:"waiting"`
	Unknown        int `json:"unknown"`
	// NotSent are the changes that the report does not list, because the directory refused all
	// calls before they were sent.
	NotSent int `json:"notSent,omitempty"`
}

// Count counts the changes by their results.
func (r *Report) Count() {
	c := &r.Counts
	c.Done, c.Held, c.Skipped, c.Failed, c.Waiting, c.Unknown = 0, 0, 0, 0, 0, 0
	for i := range r.Changes {
		switch r.Changes[i].Result {
		case ResultDone:
			c.Done++
		case ResultHeld:
			c.Held++
		case ResultSkipped:
			c.Skipped++
		case ResultFailed:
			c.Failed++
		case ResultWaiting:
			c.Waiting++
		case ResultUnknown:
			c.Unknown++
		}
	}
}

// CountNotSent removes the skipped changes of a run that a refusal of the whole directory stopped,
// and counts them.
func (r *Report) CountNotSent() {
	listed := slices.DeleteFunc(slices.Clone(r.Changes), func(d Done) bool { return d.Result == ResultSkipped })
	r.Counts.NotSent += len(r.Changes) - len(listed)
	r.Changes = listed
	r.Count()
}

// outcome returns the outcome that follows from the worst results. A run that does not know yet
// what the directory has is never in sync.
func (r *Report) outcome(ledger *Ledger) Outcome {
	c := r.Counts
	switch {
	case c.Failed+c.Skipped+c.Unknown > 0:
		return RunPartial
	case c.Held > 0, r.Audit.Holds():
		return RunHeld
	case c.Waiting > 0, ledger.MissedCount() > 0:
		return RunWaiting
	case c.Done > 0:
		return RunApplied
	}
	return RunInSync
}

// intendedDone reports whether every intended change is done. Drift does not matter.
func (r *Report) intendedDone() bool {
	return !slices.ContainsFunc(r.Changes, func(d Done) bool { return d.Origin == Intended && d.Result != ResultDone })
}

// removals counts the removals without an approval or a reviewed date, for the gates that count
// those of 24 hours.
func (r *Report) removals() []Removal {
	users, groups := 0, map[string]int{}
	for i := range r.Changes {
		d := &r.Changes[i]
		if d.Result != ResultDone && d.Result != ResultUnknown ||
			d.Approval() != "" || d.Reason.ReviewedEnd { // these do not count toward the limits
			continue
		}
		switch {
		case d.Kind.countedBy(gateMaxRemovals):
			users++
		case d.Kind.OfMembership() && d.Kind.countedBy(gateMemberRemovals):
			groups[d.Key]++
		}
	}
	var out []Removal
	if users > 0 {
		out = append(out, Removal{Time: r.Finished, Count: users})
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, Removal{Time: r.Finished, Group: key, Count: groups[key]})
	}
	return out
}
