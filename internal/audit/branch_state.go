package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// branchState is the state of a provisioner at one commit of the branch.
type branchState struct {
	head   string
	files  fs.FS
	status *reconcile.Status // nil: there is none, or it is malformed
	// ledger is empty if it is malformed; cached has its files, and is nil then.
	ledger  *reconcile.Ledger
	cached  *cachedLedger
	digest  string // of the files of status and ledger, malformed or not
	intents *intents
	// problem is why a file is not one that roster wrote; nil if there is no such file.
	problem *MalformedError
}

// readBranch reads the state of a provisioner at the head of the branch.
func (r *Recorder) readBranch(ctx context.Context, provisioner string) (*branchState, error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	return r.stateAt(head, provisioner)
}

// stateAt reads the state of a provisioner at a head of the branch.
func (r *Recorder) stateAt(head branchHead, provisioner string) (*branchState, error) {
	b, err := readBranchState(head.files, provisioner, r.ledgerCache())
	if err != nil {
		return nil, err
	}
	b.head = head.commit
	return b, nil
}

// readBranchState reads the state of a provisioner. A malformed file is not an error: it is a
// problem of the state.
func readBranchState(files fs.FS, provisioner string, cache *ledgerCache) (*branchState, error) {
	b := &branchState{files: files, ledger: reconcile.NewLedger()}
	var err error
	if b.status, err = readStatus(files, provisioner); err != nil && !b.note(err) {
		return nil, err
	}
	if b.intents, err = readIntents(files, provisioner); err != nil {
		if !b.note(err) {
			return nil, err
		}
		b.intents = &intents{Version: version}
	}
	ledgerDigest := ""
	switch b.cached, err = cache.read(files, provisioner); {
	case err == nil:
		b.ledger, ledgerDigest = b.cached.ledger, b.cached.digest
	case b.note(err):
		if ledgerDigest, err = (&ledgerHistory{sums: map[string]string{}}).digest(files, provisioner); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	status, err := readContent(files, statusPath(provisioner))
	switch {
	case malformed(err):
		status = []byte(err.Error())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	b.digest = stateDigest(status, ledgerDigest)
	return b, nil
}

// note notes the first malformed file. It returns false for other errors.
func (b *branchState) note(err error) bool {
	var problem *MalformedError
	if !errors.As(err, &problem) {
		return false
	}
	if b.problem == nil {
		b.problem = problem
	}
	return true
}

// hasEntries reports whether the ledger has entries.
func (b *branchState) hasEntries() bool {
	return len(b.ledger.Users)+len(b.ledger.Groups)+len(b.ledger.Unconfirmed) > 0
}

// stateDigest is the digest of a status file (empty: none) and of a ledger with its digest.
func stateDigest(status []byte, ledger string) string { return sum([]byte(sum(status) + " " + ledger)) }

// statusDigest is the digest of a status without the link to its report, which has this digest.
func statusDigest(s *reconcile.Status) (string, error) {
	plain := *s
	plain.Report = reconcile.ReportLink{}
	data, err := encode(&plain)
	if err != nil {
		return "", fmt.Errorf("encode the status: %w", err)
	}
	return sum(data), nil
}
