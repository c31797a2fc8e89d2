package schema

// Unmatched returns the warning for an approval that matches nothing that roster holds.
func (a *Approval) Unmatched(reason string) Problem {
	return approvalUnmatched.problem(a.Pos, joinPath("approvals", a.Key), "the approval "+reason)
}
