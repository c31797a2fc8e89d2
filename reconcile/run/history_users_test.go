package run_test

import (
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// checkUsers checks that roster activates no user whom an administrator deactivated, and creates no
// user whom it manages already, without an approval. The state is that before the run.
func (h *history) checkUsers(before awssim.State, past *reconcile.AuditState, r *reconcile.Report) {
	exists := func(id string) bool {
		return slices.ContainsFunc(before.Users, func(u awssim.User) bool { return u.ID == id })
	}
	for i := range r.Changes {
		d := &r.Changes[i]
		if !d.Kind.OfUser() || d.Result != reconcile.ResultDone || d.Approval() != "" {
			continue
		}
		owned, managed := past.Ledger.Users[d.Key]
		deactivated := owned.LeftScopeAt != nil || owned.InactiveSince != nil
		if d.Kind == reconcile.ActivateUser && managed && h.switchedOff[d.ID] && !deactivated {
			h.Fatalf("%s was deactivated by an administrator and is activated\n%s", d.Subject(), reportText(r))
		}
		if d.Kind != reconcile.CreateUser {
			continue
		}
		if managed {
			h.Fatalf("%s was deleted outside and is created again\n%s", d.Subject(), reportText(r))
		}
		if h.org.users[d.Key] == nil {
			continue
		}
		old, wasManaged := past.Ledger.Users[h.org.previousKey(d.Key)]
		if wasManaged && exists(old.ID) {
			h.Fatalf("%s has another key and is created again\n%s", d.Subject(), reportText(r))
		}
	}
}
