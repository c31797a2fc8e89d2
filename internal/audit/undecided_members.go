package audit

import (
	"maps"

	"github.com/seed-d64a251c/roster/reconcile"
)

// The removal of the members that an adopted group had before needs an approval until it is
// decided. The ledger says so. Another writer of the branch may say that it is decided, so this
// machine remembers what it knew until its next report.

// newlyDecided returns the ids of groups whose previous members are undecided in the known ledger
// but not in that of the branch.
func newlyDecided(known, branch *reconcile.Ledger) map[string]bool {
	undecided := map[string]bool{}
	for _, owned := range known.Groups {
		if owned.MembersUndecided {
			undecided[owned.ID] = true
		}
	}
	out := map[string]bool{}
	for _, owned := range branch.Groups {
		if undecided[owned.ID] && !owned.MembersUndecided {
			out[owned.ID] = true
		}
	}
	return out
}

// withUndecided returns a ledger in which the previous members of the groups with ids are
// undecided. It does not change the given ledger.
func withUndecided(l *reconcile.Ledger, ids map[string]bool) *reconcile.Ledger {
	if len(ids) == 0 {
		return l
	}
	out := l.Clone()
	for key, owned := range out.Groups {
		owned.MembersUndecided = owned.MembersUndecided || ids[owned.ID]
		out.Groups[key] = owned
	}
	return out
}

// unionIDs returns the ids in either set; nil if there are none.
func unionIDs(a, b map[string]bool) map[string]bool {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := map[string]bool{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}
