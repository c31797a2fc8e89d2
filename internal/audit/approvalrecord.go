package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// maxApprovalReports limits the reports of a provisioner that ReadApprovals reads.
const maxApprovalReports = 2000

// ReadApprovals reads what the audit branch has about the approvals of some digests, for a
// provisioner. files is the branch at one commit. It returns fs.ErrNotExist if there are no
// reports. It ends at the first problem of the chain and does not check signatures.
func ReadApprovals(files fs.FS, provisioner string, digests []string) (*reconcile.ApprovalRecord, error) {
	status, err := readStatus(files, provisioner)
	if err != nil {
		return nil, err
	}
	out := &reconcile.ApprovalRecord{Provisioner: provisioner, Status: status, Printed: map[string]*reconcile.Report{}}
	missing := map[string]bool{}
	for _, digest := range digests {
		missing[digest] = true
	}
	n := 0
	for l, err := range Chain(files, provisioner) {
		if err != nil {
			return nil, err
		}
		if n++; l.Problem != "" || n > maxApprovalReports || out.Newest != nil && len(missing) == 0 {
			break
		}
		report := l.Report
		found := []string{}
		for digest := range missing {
			if report.Printed(digest) {
				found = append(found, digest)
			}
		}
		if out.Newest == nil || len(found) > 0 {
			if report, err = readWholeReport(files, l); err != nil {
				return nil, err
			}
		}
		if out.Newest == nil {
			out.Newest = report
		}
		for _, digest := range found {
			out.Printed[digest] = report
			delete(missing, digest)
		}
	}
	if out.Newest == nil {
		return nil, fs.ErrNotExist
	}
	return out, nil
}

// Approvals reads what the audit branch has about the approvals of some digests, for each
// provisioner with reports.
func (r *Recorder) Approvals(ctx context.Context, digests []string) ([]reconcile.ApprovalRecord, error) {
	head, err := r.Store.Head(ctx)
	if err != nil || head == "" {
		return nil, err
	}
	files, err := r.Store.Files(ctx, head)
	if err != nil {
		return nil, err
	}
	keys, err := Provisioners(files)
	if err != nil {
		return nil, err
	}
	var out []reconcile.ApprovalRecord
	for _, key := range keys {
		record, err := ReadApprovals(files, key, digests)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the reports of %s: %w", key, err)
		}
		out = append(out, *record)
	}
	return out, nil
}
