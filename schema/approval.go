package schema

import "github.com/seed-d64a251c/roster/schema/internal/tree"

// Unmatched returns the warning for an approval that matches nothing that roster holds.
func (a *Approval) Unmatched(reason string) tree.Problem {
	return tree.ApprovalUnmatched.Problem(a.Pos, tree.JoinPath("approvals", a.Key), "the approval "+reason)
}
