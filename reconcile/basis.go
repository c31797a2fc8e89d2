package reconcile

import (
	"maps"
	"slices"
)

// Basis is what a plan leaves for the next plan of the same provisioner: its inputs, and which keys
// were not in sync. Like a plan it never changes, and the caller passes it on.
//
// A user or group is in sync if the desired state, the ledger and the directory agree about it: it
// is desired, owned and linked by its key, has the desired values and members, has no earlier keys,
// and its entry has no date but that of an inactive user. While none of the three changes, such an
// object has no change in a plan, and decides about the changes of others only by being counted, by
// its names and by its memberships. So the next plan needs only the other objects, see part.
type Basis struct {
	desired  *Desired
	observed *Observed
	ledger   *Ledger
	// The keys that were not in sync, and the ids of the objects in the directory that have no key
	// which was.
	users, groups, userIDs, groupIDs map[string]bool
	keyByID                          layeredMap      // the keys of linked objects
	notCreated                       map[string]bool // the users in scope who are not created, as in a Target
}

// Desired returns the desired state of the plan.
func (b *Basis) Desired() *Desired {
	if b == nil {
		return nil
	}
	return b.desired
}

// layeredMap is an immutable map. A changed copy shares all but the changed entries.
type layeredMap struct{ base, top map[string]string } // an empty value in top is a deleted entry

func (m layeredMap) get(key string) string {
	if v, found := m.top[key]; found {
		return v
	}
	return m.base[key]
}

// with returns the map with changed entries. An empty value deletes an entry.
func (m layeredMap) with(changed map[string]string) layeredMap {
	if len(changed) == 0 {
		return m
	}
	out := layeredMap{base: m.base, top: make(map[string]string, len(m.top)+len(changed))}
	maps.Copy(out.top, m.top)
	maps.Copy(out.top, changed)
	if len(out.top) < 64+len(out.base)/8 {
		return out
	}
	base := maps.Clone(out.base)
	maps.Copy(base, out.top)
	maps.DeleteFunc(base, func(_, value string) bool { return value == "" })
	return layeredMap{base: base}
}

// newBasis returns the basis that a plan leaves. whole is the input of the plan; in is the part of
// it that the plan is made from, or the same.
func newBasis(whole, in PlanInput, p *Plan) *Basis {
	b := &Basis{
		desired: whole.Desired, observed: whole.Observed, ledger: whole.Ledger,
		users: map[string]bool{}, groups: map[string]bool{}, userIDs: map[string]bool{}, groupIDs: map[string]bool{},
	}
	addOutOfSync(b.users, in.Desired.Users, in.Ledger.Users, p.Linking.State.Users, func(key string) bool {
		return p.userInSync(in, key)
	})
	addOutOfSync(b.groups, in.Desired.Groups, in.Ledger.Groups, p.Linking.State.Groups, func(key string) bool {
		return p.groupInSync(in, key)
	})
	for i := range in.Observed.Users {
		id := in.Observed.Users[i].ID
		if key := p.Linking.keyByID[id]; key == "" || b.users[key] {
			b.userIDs[id] = true
		}
	}
	for i := range in.Observed.Groups {
		id := in.Observed.Groups[i].ID
		if key := p.Linking.keyByID[id]; key == "" || b.groups[key] {
			b.groupIDs[id] = true
		}
	}
	if in.rest == nil {
		b.keyByID, b.notCreated = layeredMap{base: p.Linking.keyByID}, p.Target.notCreated
		return b
	}
	keys := map[string]string{} // an id without a key is no longer that of a linked object
	for _, ids := range []map[string]bool{in.rest.part.userIDs, in.rest.part.groupIDs} {
		for id := range ids {
			keys[id] = p.Linking.keyByID[id]
		}
	}
	b.keyByID = in.rest.keyByID.with(keys)
	b.notCreated = p.Target.notCreated // no user in sync is one of them
	return b
}

// addOutOfSync adds the keys of desired, owned and linked objects that are not in sync.
func addOutOfSync[D, S any](out map[string]bool, desired map[string]D, ledger map[string]Owned, linked map[string]S,
	inSync func(string) bool) {
	for key := range desired {
		if !inSync(key) {
			out[key] = true
		}
	}
	for key := range ledger {
		if _, found := desired[key]; !found {
			out[key] = true
		}
	}
	for key := range linked {
		if _, found := desired[key]; !found {
			out[key] = true
		}
	}
}

// userInSync reports whether a desired user is in sync.
func (p *Plan) userInSync(in PlanInput, key string) bool {
	l := p.Linking
	want, have := in.Desired.Users[key], l.State.Users[key]
	if have == nil || have.NotOwned || have.ActivateApart || p.Target.State.Users[key] != have ||
		len(want.Previously) > 0 || l.Users[key] != "" || have.ExternalID() != key {
		return false
	}
	owned, found := in.Ledger.Users[key]
	if !found || owned.ID != have.ID || (owned != Owned{ID: owned.ID, InactiveSince: owned.InactiveSince}) ||
		have.Active() != (owned.InactiveSince == nil) {
		return false
	}
	return len(l.Contradicted) == 0 || !l.isContradicted(UserRef(key))
}

// groupInSync reports whether a desired group is in sync.
func (p *Plan) groupInSync(in PlanInput, key string) bool {
	l := p.Linking
	want, have, target := in.Desired.Groups[key], l.State.Groups[key], p.Target.State.Groups[key]
	if have == nil || have.NotOwned || target == nil || len(want.Previously) > 0 || l.Groups[key] != "" ||
		have.ExternalID != key || have.DisplayName != want.DisplayName || target.NotOwned ||
		!slices.Equal(have.Members, target.Members) {
		return false
	}
	owned, found := in.Ledger.Groups[key]
	return found && owned == Owned{ID: have.ID} && (len(l.Contradicted) == 0 || !l.isContradicted(GroupRef(key)))
}

func (l *Linking) isContradicted(ref string) bool {
	_, found := l.Contradicted[ref]
	return found
}
