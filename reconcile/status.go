package reconcile

import (
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Status is the state of a provisioner after its last run.
type Status struct {
	Version     int    `json:"version"`
	Provisioner string `json:"provisioner"`
	Identity    string `json:"identity"`
	// LastApplied is the last commit whose intended changes are all done, with the time of its
	// evaluation; nil if there is none.
	LastApplied *AppliedAt `json:"lastApplied,omitempty"`
	// EarlierApplied are the commits that were applied before, the newest first.
	EarlierApplied []AppliedAt `json:"earlierApplied,omitempty"`
	// PolicyCommit is the commit whose policy is in force: usually the last applied one. A commit
	// that loosens the policy without the review that it requires does not become it.
	PolicyCommit string `json:"policyCommit,omitempty"`
	// Loosened are the rules that later commits loosen, each with the report that named it first.
	Loosened []Loosening `json:"loosened,omitempty"`
	// EverEnabled is true after the first reported run in mode enabled.
	EverEnabled bool `json:"everEnabled,omitempty"`
	// AdoptionDecided is true once gate firstContact held nothing more: the initial adoption was
	// approved or rejected.
	AdoptionDecided bool `json:"adoptionDecided,omitempty"`
	// AdoptionUnconfirmed is true while AdoptionDecided comes from a status that is not proved.
	// Gate firstContact then holds adoptions until an object in the directory confirms it.
	AdoptionUnconfirmed bool `json:"adoptionUnconfirmed,omitempty"`

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
	// ShortenedEnds are the end dates that may be edits when they pass.
	ShortenedEnds []ShortenedEnd `json:"shortenedEnds,omitempty"`
	// UsedApprovals are the approvals that were used, ApprovalFirstSeen when a run first saw each
	// declared approval; both sorted by digest and commit.
	UsedApprovals     []ApprovalUse `json:"usedApprovals,omitempty"`
	ApprovalFirstSeen []FirstSeen   `json:"approvalFirstSeen,omitempty"`
	// Causes are the causes of the held changes, so that later runs need not find them again.
	Causes []CauseOfChanges `json:"causes,omitempty"`
	// Review are the review rules that were in force after the last applied commit. They count
	// until a reviewed merge replaces them, under whatever key the tenant is declared.
	Review []ReviewRule `json:"review,omitempty"`
	// Interrupted are the runs that were interrupted since the last run that could send everything,
	// the oldest first. What they were allowed is not held again.
	Interrupted []InterruptedRun `json:"interrupted,omitempty"`
	// Deprovisioned is true if the provisioner was removed from Git and its deprovisioning is
	// complete.
	Deprovisioned bool `json:"deprovisioned,omitempty"`
}

// ReviewRule is a review rule in a status.
type ReviewRule struct {
	Approvals int      `json:"approvals"`
	By        []string `json:"by,omitempty"`
}

// ReviewRules returns the review rules of a status.
func (s *Status) ReviewRules() []schema.Review {
	if s == nil {
		return nil
	}
	var out []schema.Review
	for _, rule := range s.Review {
		out = append(out, schema.Review{Required: true, Approvals: rule.Approvals, By: rule.By})
	}
	return out
}

// UnionRules returns the review rules of two statuses, without those that another covers.
func UnionRules(a, b []ReviewRule) []ReviewRule {
	rules := append((&Status{Review: a}).ReviewRules(), (&Status{Review: b}).ReviewRules()...)
	return storedRules(StrictestRules(rules...))
}

func storedRules(rules []schema.Review) []ReviewRule {
	var out []ReviewRule
	for _, rule := range rules {
		out = append(out, ReviewRule{Approvals: rule.Approvals, By: rule.By})
	}
	return out
}

// PolicyInForce returns the commit whose policy is in force; "" if there is none yet.
func (s *Status) PolicyInForce() string {
	switch {
	case s == nil:
		return ""
	case s.PolicyCommit == "" && s.LastApplied != nil:
		return s.LastApplied.Commit
	}
	return s.PolicyCommit
}

// RunID returns the run that wrote the status; "" if there is no status.
func (s *Status) RunID() string {
	if s == nil {
		return ""
	}
	return s.Run
}

// LastAppliedCommit returns the commit that was last applied; "" if there is none.
func (s *Status) LastAppliedCommit() string {
	if s == nil || s.LastApplied == nil {
		return ""
	}
	return s.LastApplied.Commit
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
