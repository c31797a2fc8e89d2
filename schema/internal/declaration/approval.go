package declaration

import (
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Approval releases changes that a gate holds. Key is the digest: "sha256:" and 64 hexadecimal
// digits. "audit:" with the head of a broken audit branch, or "audit:gone", releases gate audit.
type Approval struct {
	Key     string
	Pos     tree.Pos
	Reason  string
	Expires *Date // nil: it ends 24 hours after a run first saw it
}

// Expired reports whether the declared end of an approval has passed.
func (a *Approval) Expired(now time.Time) bool { return a.Expires != nil && a.Expires.Over(now) }

// Same reports whether two declarations of an approval are the same one: an edited declaration is
// another approval.
func (a *Approval) Same(b *Approval) bool {
	end := func(a *Approval) string {
		if a.Expires == nil {
			return ""
		}
		return a.Expires.Text
	}
	return a != nil && b != nil && a.Key == b.Key && a.Reason == b.Reason && end(a) == end(b)
}

// Unmatched returns the warning for an approval that matches nothing that roster holds.
func (a *Approval) Unmatched(reason string) tree.Problem {
	return tree.ApprovalUnmatched.Problem(a.Pos, tree.JoinPath("approvals", a.Key), "the approval "+reason)
}
