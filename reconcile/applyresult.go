package reconcile

// ApplyResult is the outcome of applying a plan: the report lists it, and the view of the directory
// records it.
type ApplyResult struct {
	// Changes are those of the plan, in its order, each with its result.
	Changes []Done
	// Ledger is the ledger with what the writes changed in it.
	Ledger *Ledger
	// UserIDs are the directory's ids of users by key, with those that the run created.
	UserIDs map[string]string
	// Users are the users that were written, by key, as the directory returned them.
	Users map[string]RemoteUser
	// Groups are the groups that were created, by key, as the directory returned them.
	Groups map[string]RemoteGroup
	// Uncertain are the indexes of changes that may or may not have taken effect, because no answer
	// proved it.
	Uncertain map[int]bool
}

// NewApplyResult returns the result of a plan before anything is sent: changes that are held or
// wait have their result, all others have none.
func NewApplyResult(plan *Plan, ledger *Ledger) *ApplyResult {
	r := &ApplyResult{
		Changes: make([]Done, len(plan.Changes)), Ledger: ledger,
		UserIDs: make(map[string]string, len(plan.Linking.State.Users)),
		Users:   map[string]RemoteUser{}, Groups: map[string]RemoteGroup{}, Uncertain: map[int]bool{},
	}
	for i := range plan.Changes {
		c := &plan.Changes[i]
		r.Changes[i].Change = c
		switch {
		case c.Waiting() != "":
			r.Changes[i].Result = ResultWaiting
		case len(c.Held()) > 0:
			r.Changes[i].Result = ResultHeld
		}
	}
	for key, u := range plan.Linking.State.Users {
		r.UserIDs[key] = u.ID
	}
	return r
}

// MemberID returns the directory's id of the user that a member reference names; empty for a user
// that was not created.
func (r *ApplyResult) MemberID(member string) string {
	if id, ok := UnmanagedID(member); ok {
		return id
	}
	return r.UserIDs[member]
}
