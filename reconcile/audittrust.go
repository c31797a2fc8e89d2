package reconcile

import (
	"fmt"
	"time"
)

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

// TrustLevels are all levels of trust.
var TrustLevels = []TrustLevel{TrustProved, TrustUnproved, TrustBroken}

// GoneBranch is the Break of an audit branch that does not exist any more.
const GoneBranch = "gone"

// AuditTrust is the trust in the audit branch, as a run found it.
type AuditTrust struct {
	Level  TrustLevel `json:"level"`
	Reason string     `json:"reason,omitempty"` // why the branch is not proved
	// Break is the head at which the branch was found broken, or GoneBranch if there is no branch;
	// empty if it is not broken. `approvals: "audit:<Break>"` releases gate audit.
	Break string `json:"break,omitempty"`
}

// Broken reports whether the audit branch is broken.
func (t AuditTrust) Broken() bool { return t.Level == TrustBroken }

// Release returns the key of the approval that releases gate audit; "" if the branch is not broken.
func (t AuditTrust) Release() string {
	if !t.Broken() {
		return ""
	}
	return AuditApproval + t.Break
}

// AuditApproval is the prefix of the keys of approvals that release gate audit.
const AuditApproval = "audit:"

// UnprovedEntries are keys of ledger entries.
type UnprovedEntries struct {
	Users  map[string]bool `json:"users,omitempty"`
	Groups map[string]bool `json:"groups,omitempty"`
	// Unconfirmed has the references of unconfirmed objects.
	Unconfirmed map[string]bool `json:"unconfirmed,omitempty"`
}

// Count returns the number of entries.
func (u UnprovedEntries) Count() int { return len(u.Users) + len(u.Groups) + len(u.Unconfirmed) }

// AuditSummary is the trust in the audit branch, as plans, reports and pages show it.
type AuditSummary struct {
	Level  TrustLevel `json:"level"`
	Reason string     `json:"reason,omitempty"` // why the branch is not proved
	Break  string     `json:"break,omitempty"`  // see AuditTrust
	// Approval is the declaration that releases gate audit; empty if the branch is not broken.
	Approval string `json:"approval,omitempty"`
	// Released is true if an approval released gate audit.
	Released bool `json:"released,omitempty"`
	// UnprovedUsers and UnprovedGroups count the unproved entries of the ledger.
	UnprovedUsers  int `json:"unprovedUsers,omitempty"`
	UnprovedGroups int `json:"unprovedGroups,omitempty"`
}

// NewAuditSummary returns the summary of the trust in the audit branch. release is the approval
// that released gate audit, or nil.
func NewAuditSummary(t AuditTrust, u UnprovedEntries, release *Approved, now time.Time) *AuditSummary {
	return &AuditSummary{Level: t.Level, Reason: t.Reason, Break: t.Break, Approval: t.releaseText(now),
		Released: t.Broken() && release != nil, UnprovedUsers: len(u.Users), UnprovedGroups: len(u.Groups)}
}

// releaseText returns the declaration that releases gate audit, until the next day; "" if the
// branch is not broken.
func (t AuditTrust) releaseText(now time.Time) string {
	if !t.Broken() {
		return ""
	}
	return fmt.Sprintf("approvals: %q: {reason: \"...\", expires: %q}", t.Release(),
		now.UTC().AddDate(0, 0, 1).Format(time.DateOnly))
}

// Holds reports whether gate audit holds everything.
func (s *AuditSummary) Holds() bool { return s != nil && s.Level == TrustBroken && !s.Released }

// String returns the summary as one line; "" if the branch is proved.
func (s *AuditSummary) String() string {
	switch {
	case s == nil || s.Level == "" || s.Level == TrustProved:
		return ""
	case s.Released:
		return fmt.Sprintf("broken: %s; an approval releases it", s.Reason)
	case s.Level == TrustBroken:
		return fmt.Sprintf("broken: %s; everything is held until Git has %s", s.Reason, s.Approval)
	}
	return fmt.Sprintf("%s: %s", s.Level, s.Reason)
}
