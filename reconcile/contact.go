package reconcile

import (
	"fmt"

	"github.com/seed-d64a251c/roster/schema"
)

// The gates at the border between what is ours and what the directory has besides.

// holdFirstContact holds what makes ours what was there before us: all of it in the first run, what a lost run may have made, and who was in
// a group before it was taken over.
func holdFirstContact(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	adopting := map[string]bool{}
	for i := range in.changes {
		switch c := &in.changes[i]; c.Kind {
		case AdoptGroup, AdoptUser:
			if c.Kind == AdoptGroup {
				adopting[c.Key] = true
			}
			if in.status == nil || !in.status.AdoptionDecided {
				out[i] = "first contact with this directory: adopting what the directory already has needs a word"
			} else if in.createdByLostRun(c) {
				out[i] = fmt.Sprintf("it has our externalId; run %s, whose journal is lost, may have made it", in.lostRun.Run)
			}
		}
	}
	for i := range in.changes {
		if c := &in.changes[i]; c.Kind == RemoveMember && (adopting[c.Key] || in.ledger.Groups[c.Key].MembersUndecided) {
			out[i] = "the group was taken over; who was in it before loses access only with a word"
		}
	}
	return out
}

// fromLost reports whether an adoption is of something that a run may have made whose journal is lost.
func (in *gateInput) createdByLostRun(c *Change) bool {
	_, holder := in.conflict(c)
	return in.lostRun != nil && holder.ExternalID == c.Key
}

func holdVanished(in *gateInput, _ *schema.Limit) map[int]string {
	return in.where(func(c *Change) bool { return c.Kind == CreateGroup && in.linking.Groups[c.Key] == Deleted },
		"the group was deleted outside, and its account assignments with it; a new one starts without them")
}

func holdAdoptable(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		situation, holder := in.conflict(&in.changes[i])
		if situation == Adoptable && in.policy.Adopt == "never" && !in.createdByLostRun(&in.changes[i]) {
			out[i] = fmt.Sprintf("the directory already has %q (id %s), which is not ours; adopt: \"match\" would take it over", holder.Name, holder.ID)
		}
	}
	return out
}

func holdForeignExternalID(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		situation, holder := in.conflict(&in.changes[i])
		if situation != ForeignExternalID {
			continue
		}
		out[i] = fmt.Sprintf("the directory's %q (id %s) has the externalId %q of somebody else", holder.Name, holder.ID, holder.ExternalID)
		if in.policy.Adopt != "take-over" {
			out[i] += "; only adopt: \"take-over\" can take it"
		}
	}
	return out
}

func (in *gateInput) conflict(c *Change) (Situation, ConflictingObject) {
	switch c.Kind {
	case AdoptUser:
		return in.linking.Users[c.Key], in.linking.Conflicts["user/"+c.Key]
	case AdoptGroup:
		return in.linking.Groups[c.Key], in.linking.Conflicts["group/"+c.Key]
	}
	return "", ConflictingObject{}
}

func unlessTakenOver(in *gateInput, _ *Change) bool { return in.policy.Adopt != "take-over" }

// holdCollision holds whatever takes a name or an e-mail address that somebody else keeps. Who only waits for deletion makes way once that
// is approved.
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
	kept := func(space, path, value, holder, whose string) {
		for _, i := range takers[space+path+"/"+FoldName(value)] {
			if c := &in.changes[i]; c.Key != holder && value != "" {
				out[i] = fmt.Sprintf("the %s %q is held by %s", path, value, whose)
			}
		}
	}
	for key, u := range in.target.State.Users {
		if in.linking.State.Users[key] == nil {
			continue
		}
		whose := fmt.Sprintf("%q", key)
		if in.target.Leavers[key] != "" {
			whose += ", who leaves; once deactivated it can make way"
		}
		mail, _ := u.Attributes.Get("emails.value")
		kept("user/", "userName", u.Name(), key, whose)
		kept("user/", "emails.value", mail, key, whose)
	}
	for key, g := range in.target.State.Groups {
		if in.linking.State.Groups[key] != nil {
			kept("group/", "displayName", g.DisplayName, key, fmt.Sprintf("%q", key))
		}
	}
	foreign := func(name, id string) string { return fmt.Sprintf("%q (id %s), which is not ours", name, id) }
	for i := range in.observed.Users {
		if u := &in.observed.Users[i]; in.linking.unmanaged(u.ID) {
			mail, _ := u.Attributes.Get("emails.value")
			kept("user/", "userName", u.UserName(), "", foreign(u.UserName(), u.ID))
			kept("user/", "emails.value", mail, "", foreign(u.UserName(), u.ID))
		}
	}
	for _, g := range in.observed.Groups {
		if in.linking.unmanaged(g.ID) {
			kept("group/", "displayName", g.DisplayName, "", foreign(g.DisplayName, g.ID))
		}
	}
	for i := range in.changes {
		if c := &in.changes[i]; c.Kind == DeleteUser && in.target.FreesName[c.Key] != "" {
			out[i] = fmt.Sprintf("waits for deletion and holds a name that %q needs; approval deletes it first", in.target.FreesName[c.Key])
		}
	}
	return out
}

func unlessFreesName(in *gateInput, c *Change) bool { return c.Kind != DeleteUser }
