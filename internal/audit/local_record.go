package audit

import (
	"regexp"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// localRecord is what this machine recorded of a provisioner on the branch. It shows whether the
// branch was rewound, rewritten or written by others, and counts the runs that repeated the last
// report.
type localRecord struct {
	Version int `json:"version"`
	// TrustedHead is the last trusted commit of the branch. Unless the branch is rewritten, the
	// branch contains it.
	TrustedHead string `json:"trustedHead,omitempty"`
	// StateDigest is the digest of status and ledger at TrustedHead. NextStateDigest is the digest
	// after a commit that has begun.
	StateDigest     string `json:"stateDigest,omitempty"`
	NextStateDigest string `json:"nextStateDigest,omitempty"`

	// LastReportSHA256 is that of the newest report, LastErrorsDigest the digest of its errors, and
	// Repeats the number of runs that repeated it.
	LastReportSHA256 string `json:"lastReportSha256,omitempty"`
	LastErrorsDigest string `json:"lastErrorsDigest,omitempty"`
	Repeats          int    `json:"repeats,omitempty"`
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

// localRecordAdvice says what to do about a damaged local record. distrustReason returns the reason
// of the gate.
const localRecordAdvice = "restore it or remove it; without it, removals are held for approval " +
	"unless the audit branch is signed"

func (r *Recorder) readLocalRecord(provisioner string) (*localRecord, error) {
	l := &localRecord{}
	if _, err := readState(r.localRecordPath(provisioner), l, localRecordAdvice); err != nil {
		return nil, err
	}
	l.Version = version
	return l, nil
}

// trustHead records a trusted head.
func (r *Recorder) trustHead(provisioner string, l *localRecord, head, digest string) error {
	if head == "" || l.TrustedHead == head && l.StateDigest == digest && l.NextStateDigest == "" {
		return nil
	}
	l.TrustedHead, l.StateDigest, l.NextStateDigest = head, digest, ""
	return r.writeState(r.localRecordPath(provisioner), l)
}

// TrustedHead returns the last commit of the audit branch that this machine trusted for a
// provisioner; "" if there is none.
func (r *Recorder) TrustedHead(provisioner string) (commit string, err error) {
	if err := checkName(provisioner); err != nil {
		return "", err
	}
	l, err := r.readLocalRecord(provisioner)
	if err != nil {
		return "", err
	}
	return l.TrustedHead, nil
}
