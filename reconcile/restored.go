package reconcile

import (
	"iter"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// MaxEarlierApplied is how many commits a status keeps that were applied before the last applied
// one.
const MaxEarlierApplied = 5

// earlierApplied returns the commits that were applied before the one that is applied now, the
// newest first. before is the status before the run, or nil.
func (s *Status) earlierApplied(before *Status) []AppliedAt {
	if before == nil || before.LastApplied == nil || before.LastApplied.Commit == s.LastApplied.Commit {
		return s.EarlierApplied
	}
	out := []AppliedAt{*before.LastApplied}
	for _, at := range before.EarlierApplied {
		known := at.Commit == s.LastApplied.Commit || at.Commit == before.LastApplied.Commit
		if !known && len(out) < MaxEarlierApplied {
			out = append(out, at)
		}
	}
	return out
}

// ManyUpdates reports whether more users differ from an earlier desired state than gate updates
// lets pass. Then the run looks for an earlier applied commit to which the declarations go back.
func (in PlanInput) ManyUpdates(before *Desired) bool {
	l := gateNamed(gateUpdates).tuned(in.Provisioner.Limits[gateUpdates])
	n := 0
	for key, u := range in.Desired.changedFrom(before) {
		if was := before.user(u, key); was != nil && was != u && !slices.Equal(was.Attributes, u.Attributes) {
			n++
		}
	}
	if n <= l.of(0) {
		return false
	}
	gate := &gateInput{ledger: in.Ledger}
	return n > l.of(gate.managedUsers())
}

// changedFrom returns the users who may differ from another state.
func (d *Desired) changedFrom(before *Desired) iter.Seq2[string, *DesiredUser] {
	if d.before == nil || d.before != before.source {
		return maps.All(d.Users)
	}
	return maps.All(restrict(d.Users, d.changed.Users))
}

// restored returns what an applied commit declared to which the merge goes back; nil if there is
// none.
func (in PreviewInput) restored(merged PlanInput) *Desired {
	status := merged.Status
	if in.Applied == nil || status == nil || merged.LastApplied == nil || !merged.ManyUpdates(merged.LastApplied) {
		return nil
	}
	applied := status.EarlierApplied
	if status.LastApplied != nil {
		applied = append([]AppliedAt{*status.LastApplied}, applied...)
	}
	for _, at := range applied {
		desired := desiredAt(in.Applied(at.Commit), in.Provisioner, at)
		if desired != nil && !merged.ManyUpdates(desired) {
			return desired
		}
	}
	return nil
}

// desiredAt returns what applied declarations desired; nil if they cannot be evaluated.
func desiredAt(d *schema.Declarations, provisioner string, at AppliedAt) *Desired {
	if d == nil || d.Provisioners[provisioner] == nil {
		return nil
	}
	desired, err := Desire(d, d.Provisioners[provisioner], at.Time)
	if err != nil {
		return nil
	}
	return desired
}
