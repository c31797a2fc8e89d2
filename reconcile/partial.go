package reconcile

import (
	"maps"
	"slices"
)

// rest describes the objects in sync that a part of a plan's input leaves out.
type rest struct {
	users, groups int
	keyByID       layeredMap // of all linked objects
	part          *part
}

// leftOut returns the key of the user in sync with an id; "" if the part has the user, or the id is
// not that of a linked one.
func (r *rest) leftOut(id string) string {
	if r == nil || r.part.userIDs[id] {
		return ""
	}
	return r.keyByID.get(id)
}

func (r *rest) userCount() int {
	if r == nil {
		return 0
	}
	return r.users
}

func (r *rest) groupCount() int {
	if r == nil {
		return 0
	}
	return r.groups
}

// NextPlan returns NewPlan(in) with the basis for the plan after it. If basis is that of an earlier
// plan of the provisioner, only what changed since then is compared and linked again. The plan and
// its digest are the same.
func NextPlan(basis *Basis, in PlanInput) *Plan {
	if p := partialPlan(basis, in); p != nil {
		return p
	}
	p := NewPlan(in)
	p.Basis = newBasis(in, in, p)
	return p
}

// maxPartialRounds is how often a part of the input grows because its plan concerns further
// objects. Then the plan is made from the whole input.
const maxPartialRounds = 8

// partialPlan makes a plan from a part of the input; nil if the part is not sufficient.
func partialPlan(basis *Basis, in PlanInput) *Plan {
	part := newPart(basis, in)
	if part == nil {
		return nil
	}
	for range maxPartialRounds {
		if !part.grow() {
			return nil
		}
		small, consistent := part.input()
		if !consistent {
			return nil
		}
		p := NewPlan(small)
		if !part.addGroupsOf(p) {
			p.Basis = newBasis(in, small, p)
			return p
		}
	}
	return nil
}

// part is the part of a plan's input with the objects that may have changes, and with all those
// that decide about these changes.
//
//	in the part                                  | because
//	---------------------------------------------+-----------------------------------------------
//	keys and objects that were not in sync       | they may have changes without an edit
//	users and groups that are desired differently| they may have changes
//	objects that were read or written since      | they may differ from the desired state
//	keys whose ledger entry changed              | they may be linked to another object
//	the object of each entry, and the entry of   | they are linked to each other
//	each object                                  |
//	earlier keys                                 | the object may have another key
//	members that a group gets or loses           | the change names the user
//	holders of names that a user or group takes  | they may keep the name, or free it
//	holders of the names of leavers              | they may be the same people
//	groups of users who lose access              | gate memberRemovals counts their members
//	groups of users who are linked otherwise,    | they have other members, although nothing
//	or only now are (not) to be created          | changed them
//
// Names and earlier keys are unique among declared objects, and what is not declared is never in
// sync. So their holders are in the part by other rows too, unless a commit broke that rule.
type part struct {
	whole PlanInput
	basis *Basis

	users, groups, userIDs, groupIDs map[string]bool
	keyByID                          layeredMap        // of all linked objects
	compared                         map[string]bool   // the groups whose members were compared, by id
	placed                           map[string]bool   // the users whose groups are in the part
	names                            map[userName]bool // whose holders are in the part
	groupNames                       map[string]bool
	observedUsers                    []RemoteUser
	observedGroups                   []RemoteGroup
}

// newPart returns the part of the input that a basis determines; nil if the plan must be made from
// the whole input:
//
//	there is no basis, or it is of another desired state than that of Desired.Next
//	the provisioner is no longer declared, or its mapping was edited
//	the audit branch is not proved, or has unproved entries
//	a run was interrupted, or its journal is lost
//	there are assertions, or were in the policy in force
func newPart(b *Basis, in PlanInput) *part {
	d := in.Desired
	if b == nil || d.Removed || d.source == nil || d.before == nil || d.before != b.desired.source ||
		in.MappingEdit != nil || in.Trust.Level != TrustProved || in.Unproved.Count() > 0 || in.LostRun != nil ||
		in.Allowed != nil || in.Status == nil || in.Status.AdoptionUnconfirmed || in.Restored != nil ||
		hasAssertions(in.Policy) || hasAssertions(in.AppliedPolicy) || len(in.Evidence.ByID) > 0 {
		return nil
	}
	p := &part{
		whole: in, basis: b, users: maps.Clone(b.users), groups: maps.Clone(b.groups), userIDs: maps.Clone(b.userIDs),
		groupIDs: maps.Clone(b.groupIDs), compared: map[string]bool{}, placed: map[string]bool{},
		names:      map[userName]bool{},
		groupNames: map[string]bool{},
	}
	maps.Copy(p.users, d.changed.Users)
	maps.Copy(p.groups, d.changed.Groups)
	keys := map[string]string{}
	p.addChangedEntries(keys, b.ledger.Users, in.Ledger.Users, p.users, p.userIDs)
	p.addChangedEntries(keys, b.ledger.Groups, in.Ledger.Groups, p.groups, p.groupIDs)
	p.keyByID = b.keyByID.with(keys)
	addChangedObjects(p.userIDs, b.observed.Users, in.Observed.Users, func(u *RemoteUser) string { return u.ID },
		func(a, b *RemoteUser) bool {
			return sameList(a.Attributes, b.Attributes) || slices.Equal(a.Attributes, b.Attributes)
		})
	addChangedObjects(p.groupIDs, b.observed.Groups, in.Observed.Groups, func(g *RemoteGroup) string { return g.ID },
		func(a, b *RemoteGroup) bool { return a.Equal(*b) })
	addChangedLists(p.groupIDs, b.observed.Members, in.Observed.Members)
	return p
}

func hasAssertions(p *Policy) bool { return p != nil && len(p.Assertions) > 0 }

// grow adds what decides about the objects in the part, until nothing is missing. It returns false
// if the part becomes so large that a plan from the whole input costs no more.
func (p *part) grow() bool {
	for before := -1; before != p.size(); {
		before = p.size()
		if before > 1000+len(p.whole.Ledger.Users)/4 {
			return false
		}
		addLinked(p.users, p.userIDs, p.whole.Ledger.Users, p.keyByID)
		addLinked(p.groups, p.groupIDs, p.whole.Ledger.Groups, p.keyByID)
		p.addEarlierKeys()
		p.addMembers()
		p.selectObserved()
		p.addHolders()
	}
	return true
}

func (p *part) size() int { return len(p.users) + len(p.groups) + len(p.userIDs) + len(p.groupIDs) }

// addLinked adds the objects of the entries in the part, and the keys of its objects.
func addLinked(keys, ids map[string]bool, entries map[string]Owned, keyByID layeredMap) {
	for id := range ids {
		if key := keyByID.get(id); key != "" {
			keys[key] = true
		}
	}
	for key := range keys {
		if owned, found := entries[key]; found {
			ids[owned.ID] = true
		}
	}
}

func (p *part) addEarlierKeys() {
	for _, key := range slices.Collect(maps.Keys(p.users)) {
		if u := p.whole.Desired.Users[key]; u != nil {
			for _, old := range u.Previously {
				p.users[old] = true
			}
		}
	}
	for _, key := range slices.Collect(maps.Keys(p.groups)) {
		if g := p.whole.Desired.Groups[key]; g != nil {
			for _, old := range g.Previously {
				p.groups[old] = true
			}
		}
	}
}

// addMembers adds the members that the groups in the part get or lose.
func (p *part) addMembers() {
	for key := range p.groups {
		g := p.whole.Desired.Groups[key]
		if g == nil {
			continue
		}
		p.addDifferentMembers(p.whole.Ledger.Groups[key].ID, g.Members)
	}
	for id := range p.groupIDs {
		p.addDifferentMembers(id, nil)
	}
}

// addDifferentMembers adds the users in sync who are members of a group either as desired or in the
// directory. For a group without a desired state these are all members.
func (p *part) addDifferentMembers(id string, desired []string) {
	if p.compared[id] && id != "" {
		return
	}
	p.compared[id] = true
	ids := p.whole.Observed.Members[id]
	have := make([]string, 0, len(ids))
	for _, user := range ids {
		if key := p.keyByID.get(user); key != "" && !p.userIDs[user] {
			have = append(have, key)
		} else {
			p.userIDs[user] = true
		}
	}
	slices.Sort(have)
	for len(have) > 0 || len(desired) > 0 {
		switch {
		case len(have) > 0 && len(desired) > 0 && have[0] == desired[0]:
			have, desired = have[1:], desired[1:]
		case len(desired) == 0 || len(have) > 0 && have[0] < desired[0]:
			p.users[have[0]] = true
			have = have[1:]
		default:
			p.users[desired[0]] = true
			desired = desired[1:]
		}
	}
}

// selectObserved sets the observed objects of the part, in the order of the whole.
func (p *part) selectObserved() {
	p.observedUsers, p.observedGroups = p.observedUsers[:0], p.observedGroups[:0]
	for i := range p.whole.Observed.Users {
		if u := &p.whole.Observed.Users[i]; p.userIDs[u.ID] {
			p.observedUsers = append(p.observedUsers, *u)
		}
	}
	for i := range p.whole.Observed.Groups {
		if g := &p.whole.Observed.Groups[i]; p.groupIDs[g.ID] {
			p.observedGroups = append(p.observedGroups, *g)
		}
	}
}

// input returns the part as the input of a plan. It returns false if what it leaves out is not as
// many users and groups in the desired state, the ledger and the directory: then something changed
// that the part does not have.
func (p *part) input() (PlanInput, bool) {
	in, whole := p.whole, p.whole
	desired := *whole.Desired
	desired.all = whole.Desired
	desired.Users, desired.Groups = restrict(whole.Desired.Users, p.users), restrict(whole.Desired.Groups, p.groups)
	in.Desired = &desired
	in.Ledger = &Ledger{
		Users: restrict(whole.Ledger.Users, p.users), Groups: restrict(whole.Ledger.Groups, p.groups),
		Unconfirmed: whole.Ledger.Unconfirmed,
	}
	in.Observed = &Observed{
		ReadAt: whole.Observed.ReadAt, Users: p.observedUsers, Groups: p.observedGroups,
		Members: restrict(whole.Observed.Members, p.groupIDs),
	}
	in.rest = &rest{
		users: len(whole.Ledger.Users) - len(in.Ledger.Users), groups: len(whole.Ledger.Groups) - len(in.Ledger.Groups),
		keyByID: p.keyByID, part: p,
	}
	return in, len(whole.Desired.Users)-len(desired.Users) == in.rest.users &&
		len(whole.Observed.Users)-len(p.observedUsers) == in.rest.users &&
		len(whole.Desired.Groups)-len(desired.Groups) == in.rest.groups &&
		len(whole.Observed.Groups)-len(p.observedGroups) == in.rest.groups
}

// restrict returns the entries of a map that have one of some keys.
func restrict[V any](m map[string]V, keys map[string]bool) map[string]V {
	out := make(map[string]V, len(keys))
	for key := range keys {
		if v, found := m[key]; found {
			out[key] = v
		}
	}
	return out
}

// addGroupsOf adds the groups of the users who lose access, because gate memberRemovals counts
// them as removed members. It also adds those of the users whose object is linked to another key
// than in the plan of the basis, or who only now are or are not to be created: their groups have
// other members, even if neither the declarations nor the directory changed them. It reports
// whether the part has grown.
func (p *part) addGroupsOf(plan *Plan) bool {
	var ids, keys []string
	place := func(list *[]string, kind, value string) {
		if value != "" && !p.placed[kind+value] {
			p.placed[kind+value] = true
			*list = append(*list, value)
		}
	}
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Kind.OfUser() && c.Kind.TakesAccess() {
			place(&ids, "id/", c.ID)
		}
	}
	for id := range p.userIDs {
		if key := plan.Linking.keyByID[id]; key != p.basis.keyByID.get(id) {
			place(&ids, "id/", id)
			place(&keys, "key/", key)
		}
	}
	for key := range p.users {
		if p.basis.notCreated[key] != plan.Target.notCreated[key] {
			place(&keys, "key/", key)
		}
	}
	before := len(p.groupIDs) + len(p.groups)
	if len(ids) > 0 {
		for group, members := range p.whole.Observed.Members {
			if !p.groupIDs[group] && containsAny(members, ids) {
				p.groupIDs[group] = true
			}
		}
	}
	if len(keys) > 0 {
		for key, g := range p.whole.Desired.Groups {
			if !p.groups[key] && containsAny(g.Members, keys) {
				p.groups[key] = true
			}
		}
	}
	return len(p.groupIDs)+len(p.groups) > before
}

// containsAny reports whether a sorted list has one of some values.
func containsAny(sorted, values []string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		_, found := slices.BinarySearch(sorted, value)
		return found
	})
}
