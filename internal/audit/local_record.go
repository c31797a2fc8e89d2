package audit

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// localRecord is what this machine recorded of a provisioner on the branch. It shows whether the
// branch was rewound, rewritten or written by others. It also counts the runs that repeated the
// last report.
type localRecord struct {
	Version int `json:"version"`
	// Head is the last commit of the branch that was not broken; empty if this machine never read
	// one. Unless the branch is rewritten, the branch contains it.
	Head string `json:"head,omitempty"`
	// StateDigest is the digest of status and ledger at Head, and Report the newest report.
	StateDigest string               `json:"stateDigest,omitempty"`
	Report      reconcile.ReportLink `json:"report,omitzero"`
	// Status is the status at Head with the removals and the used approvals of earlier ones, so
	// that no later status can lose them.
	Status *reconcile.Status `json:"status,omitempty"`
	// Applied is the last commit that this machine applied completely, or that was applied when it
	// first read the branch; nil if there is none. Others may claim a later one.
	Applied *reconcile.AppliedAt `json:"applied,omitempty"`
	// Unproved are the entries of the ledger that commits of others added or changed.
	Unproved reconcile.UnprovedEntries `json:"unproved,omitzero"`
	// UnprovedReason is why the state at Head is not proved; empty if this machine wrote it.
	UnprovedReason string `json:"unprovedReason,omitempty"`
	// Dropped are the proved entries that others removed from the ledger or gave another id, and
	// that no run has looked up since; nil if there are none.
	Dropped *reconcile.Ledger `json:"dropped,omitempty"`
	// UndecidedMembers are the ids of adopted groups whose previous members were undecided when
	// this machine last reported, and others say that they are decided; nil if there are none.
	UndecidedMembers map[string]bool `json:"undecidedMembers,omitempty"`
	// Next is the state after a commit of this machine that has begun; nil if there is none.
	Next *nextState `json:"next,omitempty"`
	// Break is where the branch was found broken; nil if it is not.
	Break *branchBreak `json:"break,omitempty"`

	// LastReportSHA256 is that of the newest report, LastErrorsDigest the digest of its errors, and
	// Repeats the number of runs that repeated it.
	LastReportSHA256 string `json:"lastReportSha256,omitempty"`
	LastErrorsDigest string `json:"lastErrorsDigest,omitempty"`
	Repeats          int    `json:"repeats,omitempty"`
	// LastWritten is the digest of the newest report that this machine published; empty if it
	// published none.
	LastWritten string `json:"lastWritten,omitempty"`
}

// nextState is the state of the branch after a commit.
type nextState struct {
	StateDigest string                    `json:"stateDigest"`
	Unproved    reconcile.UnprovedEntries `json:"unproved,omitzero"`
	Dropped     *reconcile.Ledger         `json:"dropped,omitempty"`
}

// branchBreak is where a branch was found broken. StateDigest is the digest of status and ledger
// there.
type branchBreak struct {
	Head        string `json:"head"` // or reconcile.GoneBranch
	StateDigest string `json:"stateDigest"`
}

// repeatsOf returns how many runs repeated a report.
func (l *localRecord) repeatsOf(report reconcile.ReportLink) int {
	if report.SHA256 == "" || l.LastReportSHA256 != report.SHA256 {
		return 0
	}
	return l.Repeats
}

// sameErrors reports whether errors are those of the newest report.
func (l *localRecord) sameErrors(report reconcile.ReportLink, errors []string) bool {
	return len(errors) == 0 || l.LastReportSHA256 == report.SHA256 && l.LastErrorsDigest == errorsDigest(errors)
}

func (l *localRecord) setLastReport(report reconcile.ReportLink, errors []string) {
	l.LastReportSHA256, l.LastErrorsDigest, l.Repeats = report.SHA256, errorsDigest(errors), 0
}

var volatile = regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f]*`)

// errorsDigest is the digest of errors without the parts that differ each time: numbers, ports,
// times, request ids.
func errorsDigest(errors []string) string {
	if len(errors) == 0 {
		return ""
	}
	return sum([]byte(volatile.ReplaceAllString(strings.Join(errors, "\n"), "#")))
}

// localRecordLoss says what is lost with a damaged local record.
const localRecordLoss = "what this machine knew of the audit branch, so that the branch is unproved unless it is signed"

func (r *Recorder) readLocalRecord(provisioner string) (*localRecord, error) {
	l, err := readState[localRecord](r, r.localRecordPath(provisioner), localRecordLoss)
	if err != nil {
		return nil, err
	}
	if l == nil {
		l = &localRecord{}
	}
	l.Version = version
	return l, nil
}

// accept records the state at the head of the branch, which was assessed and is not broken. merge
// is unionStatus for a state that this machine wrote or that is signed, strictStatus for that of
// others.
func (l *localRecord) accept(
	b *branchState, a *assessment, merge func(s, known *reconcile.Status) *reconcile.Status,
) {
	if l.Head == "" && l.Applied == nil && b.status != nil {
		l.Applied = b.status.LastApplied
	}
	l.Head, l.StateDigest, l.Report = b.head, b.digest, reportOf(b.status)
	if l.Status = merge(b.status, l.Status); l.Status != nil {
		l.Status.Removals = slices.DeleteFunc(l.Status.Removals, func(removal reconcile.Removal) bool {
			return l.Status.Finished.Sub(removal.Time) > maxRemovalAge
		})
	}
	l.Unproved, l.UnprovedReason, l.Dropped = a.unproved, a.unprovedReason, a.dropped
	l.UndecidedMembers = unionIDs(a.undecided, nil)
	l.Next, l.Break = nil, nil
}

// acceptApplied records the last applied commit of a run of this machine that started at a time.
// A run that did not move it repeats what it found.
func (l *localRecord) acceptApplied(s *reconcile.Status, started time.Time) {
	if s != nil && s.LastApplied != nil && s.LastApplied.Time.Equal(started) {
		l.Applied = s.LastApplied
	}
}

// reviewedFrom returns the commit since which reviews are needed, if the status of others names
// another one as the last applied commit; nil if it does not.
func (l *localRecord) reviewedFrom(s *reconcile.Status) *reconcile.AppliedAt {
	switch {
	case l.Head == "" && l.Applied == nil || s == nil || s.LastApplied == nil:
		return nil
	case l.Applied == nil:
		return &reconcile.AppliedAt{}
	case l.Applied.Commit == s.LastApplied.Commit:
		return nil
	}
	return l.Applied
}

// recallTenant completes the record of a provisioner if the branch has a status of it and the
// record has none: with what this machine knows of the same tenant under another key. So no writer
// of the branch can make it forget the rules of a tenant that is renamed.
func (r *Recorder) recallTenant(provisioner string, record *localRecord, b *branchState) error {
	if record.Status != nil || b.status == nil {
		return nil
	}
	keys, err := r.recordedKeys()
	if err != nil {
		return err
	}
	for _, key := range keys {
		other, err := r.readLocalRecord(key)
		if err != nil {
			return err
		}
		if key == provisioner || other.Status == nil || other.Status.Identity != b.status.Identity ||
			record.Status != nil && !other.Status.Finished.After(record.Status.Finished) {
			continue
		}
		record.Status, record.Applied = other.Status, other.Applied
	}
	return nil
}

// maxRemovalAge is how long the local record keeps removals; gates count those of 24 hours.
const maxRemovalAge = 48 * time.Hour

// sameState reports whether the record has accepted this state of the branch.
func (l *localRecord) sameState(b *branchState) bool {
	return l.Head == b.head && l.StateDigest == b.digest && l.Next == nil && l.Break == nil
}

// TrustedHead returns the last commit of the audit branch that this machine did not find broken for
// a provisioner; "" if there is none.
func (r *Recorder) TrustedHead(provisioner string) (commit string, err error) {
	if err := checkName(provisioner); err != nil {
		return "", err
	}
	l, err := r.readLocalRecord(provisioner)
	if err != nil {
		return "", err
	}
	return l.Head, nil
}
