package reconcile

import "slices"

// dependOnRenamedUsers makes the memberships of a user with a renamed key depend on the change that
// writes the new key. While that change is held, the user in the directory may be another
// person.
func dependOnRenamedUsers(changes []Change, l *Linking) []Change {
	if len(l.RenamedUsers) == 0 {
		return changes
	}
	rename := map[string]Ref{}
	for i := range changes {
		if c := &changes[i]; c.Kind.OfUser() && l.RenamedUsers[c.Key] != "" && c.setsExternalID() {
			rename[c.Key] = c.Ref()
		}
	}
	for i := range changes {
		c := &changes[i]
		if ref, found := rename[c.Member]; found && c.Kind.OfMembership() {
			c.dependOn(ref)
		}
	}
	return order(changes)
}

// setsExternalID reports whether the change writes the key of its object to the directory.
func (c *Change) setsExternalID() bool {
	return slices.ContainsFunc(c.Attributes,
		func(a AttributeChange) bool { return a.Path == "externalId" && a.New == c.Key })
}
