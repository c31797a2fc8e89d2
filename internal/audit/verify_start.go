package audit

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
)

// chainStart returns what the oldest report of the chain starts from; nil if it is the first report
// ever.
func (v *verifier) chainStart() *reconcile.ChainStart {
	if v.Since != nil {
		return v.Since.StartsChain
	}
	if len(v.links) == 0 {
		return nil
	}
	return v.links[len(v.links)-1].Report.StartsChain
}

// signedSince returns the commit after which the commits of the branch must be signed. A release
// accepts the commits up to the broken head.
func (v *verifier) signedSince() string {
	if v.Since != nil {
		return v.Since.Head
	}
	if start := v.chainStart(); start != nil && start.Head != reconcile.GoneBranch {
		return start.Head
	}
	return ""
}

// checkStart accepts a chain that starts again after a break, if the branch contains the head that
// its first report names.
func (v *verifier) checkStart(ctx context.Context) error {
	start := v.chainStart()
	if start == nil || v.Since != nil { // the earlier verification has checked it
		return nil
	}
	v.proof.StartsChain = start
	oldest := v.links[len(v.links)-1].Path
	v.proof.addAboutReports("what happened before %s: it starts a new chain after %s, because %s released the broken "+
		"branch (%s, %s)", oldest, startName(start), start.Approval, start.Reason, start.Position)
	if start.Approval != reconcile.AuditApproval+start.Head {
		v.proof.addFailure(oldest, "it starts a new chain after %s, but names the approval %s", startName(start),
			start.Approval)
	}
	if start.Head == reconcile.GoneBranch || v.History == nil {
		return nil
	}
	for commit, err := range v.History {
		if err != nil || ctx.Err() != nil {
			return err
		}
		if commit.ID == start.Head {
			v.before = commit.Files
			return nil
		}
	}
	v.proof.addFailure(oldest, "it starts a new chain after %s, which the branch does not contain", startName(start))
	return nil
}

func startName(s *reconcile.ChainStart) string {
	if s.Head == reconcile.GoneBranch {
		return "the branch was gone"
	}
	return fmt.Sprintf("commit %s", s.Head)
}

// beforeStart reports whether a report that the chain does not name is older than the start of the
// chain. Without the history of the branch, every such report may be.
func (v *verifier) beforeStart(name string) (bool, error) {
	start := v.chainStart()
	switch {
	case start == nil || start.Head == reconcile.GoneBranch:
		return false, nil
	case v.History == nil:
		return true, nil
	case v.before == nil:
		return false, nil
	}
	return exists(v.before, name)
}

// precedesStart reports whether a commit, older than those of the chain, is before the start of the
// chain.
func (v *verifier) precedesStart(commit BranchCommit) bool {
	if v.chainStart() == nil {
		return false
	}
	s, err := readStatus(commit.Files, v.Provisioner)
	if err != nil || s == nil {
		return true
	}
	_, ok := v.position[s.Report]
	return !ok
}
