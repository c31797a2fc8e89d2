package reconcile

import (
	"fmt"

	"github.com/seed-d64a251c/roster/schema"
)

// The gates of adoptions: of objects that the directory has and roster does not manage yet.

// holdFirstContact holds all adoptions until the first sync is complete, adoptions of objects that
// a lost run may have created, and removals of the members that an adopted group had before.
func holdFirstContact(in *gateInput, _ *schema.Limit) map[int]string {
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
		if in.status == nil || !in.status.AdoptionDecided {
			out[i] = "adopting existing objects on first sync needs approval"
		} else if in.createdByLostRun(c) {
			out[i] = fmt.Sprintf("the object has the declared externalId: run %s, whose journal is lost, "+
				"may have created it", in.lostRun.Run)
		}
	}
	for i := range in.changes {
		if c := &in.changes[i]; c.Kind == RemoveMember &&
			(adopting[c.Key] || in.ledger.Groups[c.Key].MembersUndecided) {
			out[i] = "the group was adopted: removing its previous members needs approval"
		}
	}
	return out
}

// createdByLostRun reports whether an adoption is of an object that a run with a lost journal may
// have created.
func (in *gateInput) createdByLostRun(c *Change) bool {
	_, object := in.conflict(c)
	return in.lostRun != nil && object.ExternalID == c.Key
}

// holdVanished holds the creation of a group that was deleted outside roster.
func holdVanished(in *gateInput, _ *schema.Limit) map[int]string {
	return in.where(func(c *Change) bool { return c.Kind == CreateGroup && in.linking.Groups[c.Key] == DeletedOutside },
		"the group was deleted outside, with its account assignments; a new group starts without them")
}

// holdAdoptable holds adoptions that the provisioner's adopt does not allow.
func holdAdoptable(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		situation, object := in.conflict(&in.changes[i])
		if situation == Adoptable && in.policy.Adopt == "never" && !in.createdByLostRun(&in.changes[i]) {
			out[i] = fmt.Sprintf(
				"the directory already has %q (id %s), which is unmanaged; adopt: \"match\" would adopt it",
				object.Name,
				object.ID,
			)
		}
	}
	return out
}

// holdForeignExternalID holds adoptions of objects with a foreign externalId.
func holdForeignExternalID(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		situation, object := in.conflict(&in.changes[i])
		if situation != ForeignExternalID {
			continue
		}
		out[i] = fmt.Sprintf(
			"%q (id %s) in the directory has a foreign externalId: %q",
			object.Name,
			object.ID,
			object.ExternalID,
		)
		if in.policy.Adopt != "take-over" {
			out[i] += "; only adopt: \"take-over\" can adopt it"
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
		return in.linking.Users[c.Key], in.linking.Conflicts["user/"+c.Key]
	}
	return in.linking.Groups[c.Key], in.linking.Conflicts["group/"+c.Key]
}

func unlessTakenOver(in *gateInput, _ *Change) bool { return in.policy.Adopt != "take-over" }

// holdNameTaken holds changes that take a name or an e-mail address which another object keeps. It
// also holds the early deletion of a user who waits for deletion and has such a name.
func holdNameTaken(in *gateInput, _ *schema.Limit) map[int]string {
	takers := map[string][]int{}
	for i := range in.changes {
		takes, _ := in.changes[i].names()
		for _, name := range takes {
			takers[name] = append(takers[name], i)
		}
	}
	out := map[int]string{}
	if len(takers) == 0 {
		return out
	}
	keeps := func(key, owner, space, path, value string) {
		for _, i := range takers[space+path+"/"+FoldName(value)] {
			if c := &in.changes[i]; c.Key != key && value != "" {
				out[i] = fmt.Sprintf("the %s %q is taken by %s", path, value, owner)
			}
		}
	}
	for key, u := range in.target.State.Users {
		if in.linking.State.Users[key] == nil {
			continue
		}
		owner := fmt.Sprintf("%q", key)
		if in.target.Leavers[key] != "" {
			owner += ", which left the scope; once it is deactivated, approval can delete it to free the name"
		}
		mail, _ := u.Attributes.Get("emails.value")
		keeps(key, owner, "user/", "userName", u.Name())
		keeps(key, owner, "user/", "emails.value", mail)
	}
	for key, g := range in.target.State.Groups {
		if in.linking.State.Groups[key] != nil {
			keeps(key, fmt.Sprintf("%q", key), "group/", "displayName", g.DisplayName)
		}
	}
	unmanaged := func(name, id string) string { return fmt.Sprintf("%q (id %s), which is unmanaged", name, id) }
	for i := range in.observed.Users {
		if u := &in.observed.Users[i]; in.linking.unmanaged(u.ID) {
			mail, _ := u.Attributes.Get("emails.value")
			keeps("", unmanaged(u.UserName(), u.ID), "user/", "userName", u.UserName())
			keeps("", unmanaged(u.UserName(), u.ID), "user/", "emails.value", mail)
		}
	}
	for _, g := range in.observed.Groups {
		if in.linking.unmanaged(g.ID) {
			keeps("", unmanaged(g.DisplayName, g.ID), "group/", "displayName", g.DisplayName)
		}
	}
	for i := range in.changes {
		if c := &in.changes[i]; c.Kind == DeleteUser && in.target.FreesName[c.Key] != "" {
			out[i] = fmt.Sprintf(
				"waits for deletion and has a name that %q needs; approval deletes it first",
				in.target.FreesName[c.Key],
			)
		}
	}
	return out
}

func unlessFreesName(in *gateInput, c *Change) bool { return c.Kind != DeleteUser }
