package reconcile

import "slices"

// The users whose key changed without a one-to-one step by `previously`. Without a hold they would
// lose their access at once.

// findRekeyed finds the leavers who are probably still declared: under a key that roster does not
// manage yet, or as a further earlier key of a user who keeps another object. They are not released
// from the ledger. A leaver whose key is still declared has not got another one.
func (t *Target) findRekeyed(l *Linking, desired *Desired) {
	if len(t.Leavers) == 0 {
		return
	}
	newcomers := map[string]string{} // unique name -> key
	for key, u := range desired.Users {
		for _, old := range u.Previously {
			if _, leaver := t.Leavers[old]; leaver {
				t.Merged[old] = key
			}
		}
		_, contradicted := l.Contradicted[UserRef(key)]
		if have := l.State.Users[key]; have == nil || have.NotOwned || contradicted {
			for _, name := range uniqueNames(key, u.Attributes) {
				newcomers[name] = key
			}
		}
	}
	for key := range t.Leavers {
		have := l.State.Users[key]
		if t.FreesName[key] != "" || t.Merged[key] != "" || have.NotOwned || desired.Declared[key] != nil {
			continue
		}
		for _, name := range uniqueNames(have.ExternalID(), have.Attributes) {
			if newcomer := newcomers[name]; newcomer != "" {
				t.Rekeyed[key] = newcomer
				break
			}
		}
	}
	t.ReleasedUsers = slices.DeleteFunc(t.ReleasedUsers,
		func(key string) bool { return t.Rekeyed[key] != "" || t.Merged[key] != "" })
}

// uniqueNames returns the names of a user that no other user may have: the userName, the primary
// email address and the externalId.
func uniqueNames(externalID string, attributes Attributes) []string {
	var out []string
	for _, path := range [...]string{"userName", "emails.value"} {
		if value, _ := attributes.Get(path); value != "" {
			out = append(out, path+"/"+FoldName(value))
		}
	}
	if externalID != "" {
		out = append(out, "externalId/"+FoldName(externalID))
	}
	return out
}

// holdRekeyed adds the changes of leavers who are probably still declared. The creation of the user
// with the new key is held too: its name is kept, or freed by one of these changes.
func (in *gateInput) holdRekeyed(out map[int]string) {
	for i := range in.changes {
		c := &in.changes[i]
		key := c.Member
		if c.Kind.OfUser() {
			key = c.Key
		}
		if newcomer := in.target.Rekeyed[key]; newcomer != "" && (c.Kind.OfUser() || c.Kind == RemoveMember) {
			out[i] = rekeyedReason(key, newcomer)
		}
	}
}

// holdMerged adds the changes of leavers whose key is an earlier key of a user who keeps another
// object. If the user was deactivated already, that was decided before.
func (in *gateInput) holdMerged(out map[int]string) {
	for i := range in.changes {
		c := &in.changes[i]
		key := c.Member
		if c.Kind.OfUser() {
			key = c.Key
		}
		newKey := in.target.Merged[key]
		if newKey != "" && in.ledger.Users[key].LeftScopeAt == nil && (c.Kind.OfUser() || c.Kind == RemoveMember) {
			out[i] = mergedReason(key, newKey)
		}
	}
}
