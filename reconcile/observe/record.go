package observe

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Recall returns what is remembered of the directory, nil if it cannot be relied on: another process has run since, a run was cut off, or
// the audit branch is not what we left.
func LoadCached(memory Cache, p *schema.Provisioner, past *reconcile.AuditState) *CachedDirectory {
	if memory == nil || past.Status == nil || past.Interrupted != nil || past.OpenIntent != nil || past.DistrustReason != "" {
		return nil
	}
	known := memory.Load(p.Key)
	if known == nil || known.Check() != nil || known.Identity != p.Identity() || known.Run != past.Status.Run {
		return nil
	}
	return known
}

// Record brings what was seen up to date with what was written since: by what the directory answered, and by what it accepted.
func (v *View) Record(r *reconcile.ApplyResult, at time.Time) {
	gains, losses := map[string][]string{}, map[string][]string{} // user ids by group id
	for i := range r.Changes {
		switch d := &r.Changes[i]; {
		case r.Uncertain[i]:
			v.addUnverified(d)
		case d.Result != reconcile.ResultDone:
		case d.Kind == reconcile.AddMember:
			gains[d.ID] = append(gains[d.ID], r.MemberID(d.Member))
		case d.Kind == reconcile.RemoveMember:
			losses[d.ID] = append(losses[d.ID], r.MemberID(d.Member))
		case d.Kind.OfUser():
			v.wroteUser(d, r.Users[d.Key])
		default:
			v.wroteGroup(d, at)
		}
	}
	for group, ids := range gains {
		members := append(slices.Clone(v.Observed.Members[group]), ids...)
		slices.Sort(members)
		v.Observed.Members[group] = slices.Compact(members)
	}
	for group, ids := range losses {
		slices.Sort(ids)
		v.Observed.Members[group] = slices.DeleteFunc(slices.Clone(v.Observed.Members[group]), func(id string) bool {
			_, gone := slices.BinarySearch(ids, id)
			return gone
		})
	}
	slices.SortFunc(v.Unverified, lookup.compare)
	v.Unverified = slices.Compact(v.Unverified)
}

func (v *View) wroteUser(d *reconcile.Done, answer reconcile.RemoteUser) {
	switch {
	case d.Kind == reconcile.DeleteUser:
		v.dropUser(d.ID)
	case answer.ID != "": // nothing was sent for an adoption that only the ledger sees
		v.putUser(answer)
	}
}

func (v *View) wroteGroup(d *reconcile.Done, at time.Time) {
	if d.Kind == reconcile.DeleteGroup {
		v.dropGroup(d.ID)
		return
	}
	g := reconcile.RemoteGroup{ID: d.ID}
	if have := v.group(d.ID); have != nil {
		g = *have
	}
	update := reconcile.NewGroupUpdate(d.Attributes)
	g.DisplayName, g.ExternalID = cmp.Or(update.DisplayName, g.DisplayName), cmp.Or(update.ExternalID, g.ExternalID)
	v.putGroup(g)
	if d.Kind == reconcile.CreateGroup {
		v.putMembers(d.ID, nil, at)
	}
}

// doubt notes what has to be looked up before the next plan, since nobody knows what a write came to.
func (v *View) addUnverified(d *reconcile.Done) {
	w := lookup{lookupGroup, d.ID}
	switch {
	case d.Member != "":
		w.Kind = lookupMembers
	case d.Kind.OfUser():
		w.Kind = lookupUser
	}
	if d.ID == "" { // a creation
		w = lookup{lookupGroupKey, d.Key}
		if d.Kind.OfUser() {
			w.Kind = lookupUserKey
		}
	}
	v.Unverified = append(v.Unverified, w)
}
