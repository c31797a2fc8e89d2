package reconcile

import "maps"

// The gates of adoptions: of objects that the directory has and roster does not manage yet.

// holdFirstContact holds all adoptions until the first sync is complete, adoptions of objects that
// a lost run may have created, and removals of the members that an adopted group had before.
func holdInitialAdoption(in *gateInput, _ limit) map[int]string {
	out := map[int]string{}
	adopting := map[string]bool{}
	for i := range in.changes {
		c := &in.changes[i]
		if c.Kind.Action() != ActionAdopt {
			continue
		}
		if c.Kind.OfGroup() {
			adopting[c.Key] = true
		}
		switch {
		case in.status == nil || !in.status.AdoptionDecided:
			out[i] = firstSyncReason()
		case in.status.AdoptionUnconfirmed && !in.linking.AdoptionConfirmed:
			out[i] = unconfirmedAdoptionReason()
		case in.createdByLostRun(c):
			out[i] = lostRunReason(in.lostRun.Run)
		}
	}
	for i := range in.changes {
		if c := &in.changes[i]; c.Kind == RemoveMember &&
			(adopting[c.Key] || in.linking.ownedGroup(in.ledger, c.Key).MembersUndecided) {
			out[i] = previousMembersReason()
		}
	}
	return out
}

// decidesAdoption reports whether a gate must decide about the initial adoption although it is off:
// the policy in force comes from the same status as the decision, which nothing confirms.
func (in *gateInput) decidesAdoption(g gate) bool {
	return g.name == gateInitialAdoption && in.status != nil && in.status.AdoptionUnconfirmed &&
		!in.linking.AdoptionConfirmed
}

// createdByLostRun reports whether an adoption is of an object that a run with a lost journal may
// have created.
func (in *gateInput) createdByLostRun(c *Change) bool {
	_, object := in.conflict(c)
	return in.lostRun != nil && object.ExternalID == c.Key
}

// holdDeletedOutside holds the creation of users and groups that were deleted outside roster, and
// the adoption of those that were created again outside roster.
func holdDeletedOutside(in *gateInput, _ limit) map[int]string {
	out := in.where(
		func(c *Change) bool { return c.Kind == CreateUser && in.linking.Users[c.Key] == DeletedOutside },
		deletedUserReason())
	groups := in.where(
		func(c *Change) bool { return c.Kind == CreateGroup && in.linking.Groups[c.Key] == DeletedOutside },
		deletedGroupReason())
	maps.Copy(out, groups)
	for i := range in.changes {
		if c := &in.changes[i]; in.linking.recreates(c) {
			_, object := in.conflict(c)
			out[i] = recreatedReason(c.Kind, object)
		}
	}
	return out
}

// holdAdoptable holds adoptions that the provisioner's adopt does not allow. An approval allows the
// adoption of a recreated object, which gate vanished holds.
func holdAdoptable(in *gateInput, _ limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		c := &in.changes[i]
		situation, object := in.conflict(c)
		if situation == Adoptable && in.policy.Adopt == "never" && !in.createdByLostRun(c) && !in.linking.recreates(c) {
			out[i] = adoptReason(object)
		}
	}
	return out
}

// holdForeignExternalID holds adoptions of objects with a foreign externalId.
func holdForeignExternalID(in *gateInput, _ limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		situation, object := in.conflict(&in.changes[i])
		if situation == ForeignExternalID {
			out[i] = foreignExternalIDReason(object, in.policy.Adopt == "take-over")
		}
	}
	return out
}

// conflict returns the situation of an adoption and the object to be adopted.
func (in *gateInput) conflict(c *Change) (Situation, ConflictingObject) {
	switch {
	case c.Kind.Action() != ActionAdopt:
		return "", ConflictingObject{}
	case c.Kind.OfUser():
		return in.linking.Users[c.Key], in.linking.Conflicts[UserRef(c.Key)]
	}
	return in.linking.Groups[c.Key], in.linking.Conflicts[GroupRef(c.Key)]
}

func unlessTakenOver(in *gateInput, _ *Change) bool { return in.policy.Adopt != "take-over" }

// holdNameTaken holds changes that take a name or an email address which another object keeps. It
// also holds the early deletion of a user who waits for deletion and has such a name.
func holdNameTaken(in *gateInput, _ limit) map[int]string {
	takers := map[string][]int{}
	for i := range in.changes {
		takes, _ := in.changes[i].names()
		for _, name := range takes {
			takers[name] = append(takers[name], i)
		}
	}
	out := map[int]string{}
	in.holdRekeyed(out)
	if len(takers) == 0 {
		return out
	}
	first := map[int]string{} // of several owners, the reason names the first by attribute and key
	keeps := func(key, owner, space, path, value string) {
		for _, i := range takers[space+path+"/"+FoldName(value)] {
			c := &in.changes[i]
			named, found := first[i]
			if c.Key == key || value == "" || found && named <= path+" "+key {
				continue
			}
			first[i] = path + " " + key
			contradiction, contradicted := in.linking.Contradicted[space+key]
			switch {
			case key == "":
			case contradicted && contradiction.Reason != "": // no change of the owner frees the name
				owner = contradictedOwner(key, contradiction)
			case in.target.Leavers[key] != "":
				owner = in.leaverOwner(key, c)
			}
			out[i] = nameTakenReason(path, value, owner)
		}
	}
	keepsUser := func(key, owner string, a Attributes) {
		for _, path := range [...]string{"userName", "emails.value", "externalId"} {
			value, _ := a.Get(path)
			keeps(key, owner, "user/", path, value)
		}
	}
	for key, u := range in.target.State.Users {
		if in.linking.State.Users[key] == nil {
			continue
		}
		keepsUser(key, managedOwner(key), u.Attributes)
	}
	for key, g := range in.target.State.Groups {
		if in.linking.State.Groups[key] != nil {
			keeps(key, managedOwner(key), "group/", "displayName", g.DisplayName)
			keeps(key, managedOwner(key), "group/", "externalId", g.ExternalID)
		}
	}
	for i := range in.observed.Users {
		if u := &in.observed.Users[i]; in.linking.unmanaged(u.ID) {
			keepsUser("", unmanagedOwner(u.UserName(), u.ID), u.Attributes)
		}
	}
	for _, g := range in.observed.Groups {
		if in.linking.unmanaged(g.ID) {
			keeps("", unmanagedOwner(g.DisplayName, g.ID), "group/", "displayName", g.DisplayName)
			keeps("", unmanagedOwner(g.DisplayName, g.ID), "group/", "externalId", g.ExternalID)
		}
	}
	for i := range in.changes {
		if c := &in.changes[i]; c.Kind == DeleteUser && in.target.FreesName[c.Key] != "" {
			out[i] = in.freesNameReason(c.Key, in.target.FreesName[c.Key])
		}
	}
	return out
}

// takesKeptName reports whether a change takes a name that another object keeps. The changes of the
// user who frees the name do not.
func takesKeptName(in *gateInput, c *Change) bool {
	return c.Kind != DeleteUser && c.Kind != RemoveMember && in.target.Rekeyed[c.Key] == ""
}
