package audit

import (
	"context"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// branchState is the state of a provisioner at one commit of the branch.
type branchState struct {
	head    string
	files   fs.FS
	status  *reconcile.Status
	ledger  *reconcile.Ledger
	cached  *cachedLedger // ledger with its files
	digest  string        // of status and ledger
	intents *intents
}

// readBranch reads the state of a provisioner at the head of the branch.
func (r *Recorder) readBranch(ctx context.Context, provisioner string) (*branchState, error) {
	head, files, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	b, err := readBranchState(files, provisioner, r.ledgerCache())
	if err != nil {
		return nil, err
	}
	b.head = head
	return b, nil
}

func readBranchState(files fs.FS, provisioner string, cache *ledgerCache) (*branchState, error) {
	b := &branchState{files: files}
	var err error
	if b.status, err = readStatus(files, provisioner); err != nil {
		return nil, err
	}
	if b.intents, err = readIntents(files, provisioner); err != nil {
		return nil, err
	}
	if b.cached, err = cache.read(files, provisioner); err != nil {
		return nil, err
	}
	b.ledger = b.cached.ledger
	status := []byte{}
	if b.status != nil {
		if status, err = fs.ReadFile(files, statusPath(provisioner)); err != nil {
			return nil, err
		}
	}
	b.digest = stateDigest(status, b.cached.digest)
	return b, nil
}

// stateDigest is the digest of a status file (empty: none) and of a ledger with its digest.
func stateDigest(status []byte, ledger string) string { return sum([]byte(sum(status) + " " + ledger)) }
