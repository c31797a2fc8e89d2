package observe

import (
	"context"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ConfirmMissing looks up the objects of the ledger that the directory did not list and that are
// not desired. It returns those that are not found. A failed lookup proves nothing. One listing is
// not enough: a ledger that drops a user who waits for deletion leaves that user in AWS for ever.
// An object that is found is looked up again by the next run, before it plans. Groups that are no
// longer pushed were not listed; they are released without a lookup.
func (r *Reader) ConfirmMissing(
	ctx context.Context, v *View, plan *reconcile.Plan, ledger *reconcile.Ledger,
) reconcile.Missing {
	out := reconcile.Missing{Users: map[string]bool{}, Groups: map[string]bool{}}
	if plan.Mode == reconcile.ModePaused || plan.Mode == reconcile.ModeNeverEnabled {
		return out
	}
	renamedUsers, renamedGroups := map[string]bool{}, map[string]bool{} // earlier keys
	for _, old := range plan.Linking.RenamedUsers {
		renamedUsers[old] = true
	}
	for _, old := range plan.Linking.RenamedGroups {
		renamedGroups[old] = true
	}
	ledger = plan.Entries(ledger)
	var refusal *reconcile.RefusedError // of a lookup: the others would be refused as well
	for key := range ledger.Users {
		// A user in scope who is declared inactive is not created.
		inScope := plan.Linking.Users[key] == reconcile.DeletedOutside
		known := plan.Linking.State.Users[key] != nil || plan.Target.State.Users[key] != nil
		if !inScope && !renamedUsers[key] && !known && refusal == nil {
			u, found, err := r.Directory.UserByExternalID(ctx, key)
			refusal = reconcile.RefusalOf(err)
			out.Users[key] = err == nil && !found
			if err == nil && found {
				v.Unverified = append(v.Unverified, lookup{lookupUser, u.ID})
				out.Unlisted++
			}
		}
	}
	for key := range ledger.Groups {
		switch {
		case renamedGroups[key] || plan.Linking.State.Groups[key] != nil || plan.Target.State.Groups[key] != nil:
		case !r.Provisioner.PushGroups: // the plan releases them
		case refusal != nil:
		default:
			g, found, err := r.Directory.GroupByExternalID(ctx, key)
			refusal = reconcile.RefusalOf(err)
			out.Groups[key] = err == nil && !found
			if err == nil && found {
				v.Unverified = append(v.Unverified, lookup{lookupGroup, g.ID})
				out.Unlisted++
			}
		}
	}
	return out
}
