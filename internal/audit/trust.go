package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// checkTrust returns why the branch cannot be trusted, or "". If it can, and save is set, it
// records the head.
func (r *Recorder) checkTrust(
	ctx context.Context, provisioner string, b *branchState, save bool,
) (reason string, err error) {
	record, err := r.readLocalRecord(provisioner)
	if err != nil {
		return "", err
	}
	if reason, err = r.distrustReason(ctx, record, b); err != nil || reason != "" || !save {
		return reason, err
	}
	return "", r.trustHead(provisioner, record, b.head, b.digest)
}

// distrustReason returns why the branch may not be what earlier runs left, or "".
func (r *Recorder) distrustReason(ctx context.Context, record *localRecord, b *branchState) (string, error) {
	if record.TrustedHead == "" && b.status == nil && len(b.ledger.Users)+len(b.ledger.Groups) == 0 {
		return "", nil // there is nothing to trust
	}
	if reason, err := r.rewriteReason(ctx, record, b.head); err != nil || reason != "" {
		return reason, err
	}
	if r.CheckSignatures != nil {
		if err := r.CheckSignatures(ctx, record.TrustedHead, b.head); err != nil {
			if ctx.Err() != nil {
				return "", err
			}
			return "the signatures of the audit branch do not verify: " + err.Error(), nil
		}
	} else if b.digest != record.StateDigest && b.digest != record.NextStateDigest {
		if record.StateDigest == "" {
			return "the audit branch has a status and a ledger, but this machine has no record of them " +
				"and the commits are not signed", nil
		}
		return "the status or the ledger was changed since this machine last wrote them, " +
			"and the commits of the audit branch are not signed", nil
	}
	return newestReportReason(b)
}

// rewriteReason returns a reason if the branch does not contain the last trusted commit.
func (r *Recorder) rewriteReason(ctx context.Context, record *localRecord, head string) (string, error) {
	if record.TrustedHead == "" {
		return "", nil
	}
	if head != "" {
		ok, err := r.Store.IsAncestor(ctx, record.TrustedHead, head)
		if err != nil {
			return "", fmt.Errorf("compare the audit branch with its last trusted head: %w", err)
		}
		if ok {
			return "", nil
		}
	}
	return fmt.Sprintf(
		"the audit branch was rewound or rewritten: it no longer contains commit %s, which this machine trusted",
		short(record.TrustedHead)), nil
}

// newestReportReason returns a reason if the newest report is not what the status names.
func newestReportReason(b *branchState) (string, error) {
	if b.status == nil {
		return "", nil
	}
	data, err := fs.ReadFile(b.files, b.status.Report.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return fmt.Sprintf("the status names a report that does not exist: %q", b.status.Report.Path), nil
	case err != nil:
		return "", err
	case sum(data) != b.status.Report.SHA256:
		return fmt.Sprintf("report %s was changed after it was written", b.status.Report.Path), nil
	}
	return "", nil
}
