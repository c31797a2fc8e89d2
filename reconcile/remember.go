package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// recall returns what is remembered of the directory, nil if it cannot be relied on: another process has run since, a run was cut off, or
// the audit branch is not what we left.
func (r *Runner) recall(p *schema.Provisioner, past *AuditState) *Recollection {
	if r.Memory == nil || past.Status == nil || past.Interrupted != nil || past.OpenIntent != nil || past.DistrustReason != "" {
		return nil
	}
	known := r.Memory.Recall(p.Key)
	if known == nil || known.Check() != nil || known.Identity != p.Identity() || known.Run != past.Status.Run {
		return nil
	}
	return known
}

// keep hands on what is known of the directory after a run: under the run that the status names from here on.
func (s *session) keep(run string, receipt Receipt) {
	if s.Memory == nil {
		return
	}
	if s.was != "" {
		s.Memory.Keep(s.was, nil)
	}
	if s.memory == nil {
		s.Memory.Keep(s.provisioner.Key, nil)
		return
	}
	r := *s.memory
	if r.Run = run; receipt.Commit == "" { // only counted: the status is still the one before
		r.Run = s.past.Status.Run
	}
	s.Memory.Keep(s.provisioner.Key, &r)
}

// remember brings what was seen up to date with what was written since: by what the directory answered, and by what it accepted.
func (v *sight) remember(a *applier) {
	gains, losses := map[string][]string{}, map[string][]string{} // user ids by group id
	for i := range a.results {
		switch d := &a.results[i]; {
		case a.uncertain[i]:
			v.doubt(d)
		case d.Result != ResultDone:
		case d.Kind == AddMember:
			gains[d.ID] = append(gains[d.ID], a.memberID(d.Member))
		case d.Kind == RemoveMember:
			losses[d.ID] = append(losses[d.ID], a.memberID(d.Member))
		case d.Kind.OfUser():
			v.wroteUser(d, a.answers[d.Key])
		default:
			v.wroteGroup(d, a.now())
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
	slices.SortFunc(v.Unverified, wish.compare)
	v.Unverified = slices.Compact(v.Unverified)
}

func (v *sight) wroteUser(d *Done, answer RemoteUser) {
	switch {
	case d.Kind == DeleteUser:
		v.dropUser(d.ID)
	case answer.ID != "": // nothing was sent for an adoption that only the ledger sees
		v.putUser(answer)
	}
}

func (v *sight) wroteGroup(d *Done, at time.Time) {
	if d.Kind == DeleteGroup {
		v.dropGroup(d.ID)
		return
	}
	g := RemoteGroup{ID: d.ID}
	if have := v.group(d.ID); have != nil {
		g = *have
	}
	update := groupUpdate(d.Attributes)
	g.DisplayName, g.ExternalID = cmp.Or(update.DisplayName, g.DisplayName), cmp.Or(update.ExternalID, g.ExternalID)
	v.putGroup(g)
	if d.Kind == CreateGroup {
		v.putMembers(d.ID, nil, at)
	}
}

// doubt notes what has to be looked up before the next plan, since nobody knows what a write came to.
func (v *sight) doubt(d *Done) {
	w := wish{seeGroup, d.ID}
	switch {
	case d.Member != "":
		w.Kind = seeMembers
	case d.Kind.OfUser():
		w.Kind = seeUser
	}
	if d.ID == "" { // a creation
		w = wish{seeGroupKey, d.Key}
		if d.Kind.OfUser() {
			w.Kind = seeUserKey
		}
	}
	v.Unverified = append(v.Unverified, w)
}
