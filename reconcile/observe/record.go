package observe

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Record updates the view with what was written: with the directory's answers, or, where it answers
// without content, with what it accepted. Writes without an answer become unverified.
func (v *View) Record(r *reconcile.ApplyResult, at time.Time) {
	added, removed := map[string][]string{}, map[string][]string{} // user ids by group id
	if len(r.Users) >= manyAdded {
		defer v.indexOfUsers().addMany(len(r.Users))()
	}
	if len(r.Groups) >= manyAdded {
		defer v.indexOfGroups().addMany(len(r.Groups))()
	}
	for i := range r.Changes {
		d := &r.Changes[i]
		if d.Member != "" && len(v.GroupsOf) > 0 {
			delete(v.GroupsOf, r.MemberID(d.Member))
		}
		switch {
		case r.Uncertain[i]:
			v.addUnverified(d)
			v.Recent.forget(d)
		case d.Result == reconcile.ResultFailed:
			v.Recent.forget(d)
		case d.Result != reconcile.ResultDone, d.Kind.Action() == reconcile.ActionRelease:
		case d.Kind.OfMembership() && d.Kind.Action() == reconcile.ActionDelete:
			removed[d.ID] = append(removed[d.ID], r.MemberID(d.Member))
		case d.Kind.OfMembership():
			added[d.ID] = append(added[d.ID], r.MemberID(d.Member))
		case d.Kind.OfUser():
			v.recordUser(d, r.Users[d.Key], at)
		default:
			v.recordGroup(d, r.Groups[d.Key], at)
		}
	}
	for group, ids := range added {
		members := append(slices.Clone(v.Observed.Members[group]), ids...)
		slices.Sort(members)
		v.Observed.Members[group] = slices.Compact(members)
	}
	for group, ids := range removed {
		slices.Sort(ids)
		v.Observed.Members[group] = slices.DeleteFunc(slices.Clone(v.Observed.Members[group]), func(id string) bool {
			_, found := slices.BinarySearch(ids, id)
			return found
		})
	}
	slices.SortFunc(v.Unverified, lookup.compare)
	v.Unverified = slices.Compact(v.Unverified)
}

func (v *View) recordUser(d *reconcile.Done, answer reconcile.RemoteUser, at time.Time) {
	switch {
	case d.Kind.Action() == reconcile.ActionDelete:
		v.dropUser(d.ID)
	case answer.ID != "": // an adoption that changes only the ledger has no answer
		if have := v.user(answer.ID); have != nil && answer.Created.IsZero() {
			answer.Created = have.Created
		}
		v.putUser(answer)
		v.Recent.note(lookupUser, answer.ID, at)
	}
}

func (v *View) recordGroup(d *reconcile.Done, created reconcile.RemoteGroup, at time.Time) {
	if d.Kind.Action() == reconcile.ActionDelete {
		v.dropGroup(d.ID)
		return
	}
	g := reconcile.RemoteGroup{ID: d.ID}
	if created.ID == d.ID {
		g = created
	}
	if have := v.group(d.ID); have != nil {
		g = *have
	}
	update := reconcile.NewGroupUpdate(d.Attributes)
	g.DisplayName = cmp.Or(update.DisplayName, g.DisplayName)
	g.ExternalID = cmp.Or(update.ExternalID, g.ExternalID)
	v.putGroup(g)
	v.Recent.note(lookupGroup, d.ID, at)
	if d.Kind.Action() == reconcile.ActionCreate {
		v.putMembers(d.ID, nil, at)
	}
}

// addUnverified adds the lookup of the object of a change whose write had no answer.
func (v *View) addUnverified(d *reconcile.Done) {
	l := lookup{lookupGroup, d.ID}
	switch {
	case d.Member != "":
		l.Kind = lookupMembers
	case d.Kind.OfUser():
		l.Kind = lookupUser
	}
	if d.ID == "" { // a creation
		l = lookup{lookupGroupKey, d.Key}
		if d.Kind.OfUser() {
			l.Kind = lookupUserKey
		}
	}
	v.Unverified = append(v.Unverified, l)
}
