package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Evidence is what reports and Git say about objects whose ledger entries are not proved.
type Evidence struct {
	// ByID has the provenances of the objects that were searched, by the directory's id. A nil list
	// means that the reports do not have the object.
	ByID map[string][]Provenance
	// Assumed means that objects which were not searched have evidence. Previews assume it: they
	// write nothing.
	Assumed bool
}

// With returns the evidence with that of further ids.
func (e Evidence) With(ids []string, found map[string][]Provenance) Evidence {
	e.ByID = maps.Clone(e.ByID)
	if e.ByID == nil {
		e.ByID = make(map[string][]Provenance, len(ids))
	}
	for _, id := range ids {
		e.ByID[id] = found[id]
	}
	return e
}

// Contradiction is an entry of the ledger that does not make its object owned. Gate contradicted
// holds all changes of the object.
type Contradiction struct {
	Kind       string // "user" or "group"
	Key        string
	ID         string // in the ledger
	Name       string // in the directory; empty if it has no such object
	ExternalID string // in the directory
	// Reason says why the entry does not count; empty if it depends on evidence that was not
	// searched yet.
	Reason string
	// Remedy says what to do.
	Remedy string
}

// mayOwn is what the ledger and the externalId say together, before any evidence.
type mayOwn int

const (
	owned mayOwn = iota
	needsEvidence
	contradicted
)

// ownership decides what an entry of the ledger and the externalId of its object say together.
//
//	entry    | externalId in AWS                  | the object is
//	---------+------------------------------------+---------------------------------------
//	proved   | the key, or an earlier key         | owned
//	proved   | none, or one that no entry has     | owned; the externalId is repaired
//	proved   | the key of another entry           | contradicted
//	unproved | the key, or an earlier key         | owned with evidence, else contradicted
//	unproved | anything else                      | contradicted
//
// Keys are compared exactly: a case variant is another key. An earlier key is one that the
// declarations list in `previously`, or that the ledger has for the object. The evidence is in
// missingEvidence. If adopt allows it, an object that is contradicted only for want of evidence is
// adopted, as if the ledger did not have it.
func ownership(proved bool, externalID string, keys []string, isKey func(string) bool) mayOwn {
	switch {
	case slices.Contains(keys, externalID) && proved:
		return owned
	case slices.Contains(keys, externalID):
		return needsEvidence
	case proved && !isKey(externalID):
		return owned
	}
	return contradicted
}

// Contradictions returns the contradicted entries of a ledger, by "user/" or "group/" and key.
func Contradictions(in PlanInput) map[string]Contradiction {
	l := Link(in.Observed, in.Ledger, in.Desired)
	l.checkOwnership(in)
	return l.Contradicted
}

// checkOwnership finds the contradicted entries among the linked objects. It marks objects that
// adopt takes over as not owned.
func (l *Linking) checkOwnership(in PlanInput) {
	l.Contradicted, l.Undated = map[string]Contradiction{}, map[string]bool{}
	l.Verified = UnprovedEntries{Users: map[string]bool{}, Groups: map[string]bool{}}
	adopts := in.Provisioner.Adopt == "match" || in.Provisioner.Adopt == "take-over"
	users := entryCheck{
		kind: "user", entries: in.Ledger.Users, unproved: in.Unproved.Users, verified: l.Verified.Users,
		renamed: l.RenamedUsers, situations: l.Users, adopts: adopts, evidence: in.Evidence,
		created: createdByID(in.Unproved.Users, in.Observed.Users, func(u *RemoteUser) (string, time.Time) {
			return u.ID, u.Created
		}),
	}
	for key, u := range l.State.Users {
		if u.NotOwned {
			continue
		}
		externalID, _ := u.Attributes.Get("externalId")
		o := linkedObject{key: key, id: u.ID, externalID: externalID}
		if want := in.Desired.Users[key]; want != nil {
			o.desired, o.earlier = true, want.Previously
		}
		u.NotOwned = l.checkObject(&users, o, u.Name)
	}
	groups := entryCheck{
		kind: "group", entries: in.Ledger.Groups, unproved: in.Unproved.Groups, verified: l.Verified.Groups,
		renamed: l.RenamedGroups, situations: l.Groups, adopts: adopts, evidence: in.Evidence,
		created: createdByID(in.Unproved.Groups, in.Observed.Groups, func(g *RemoteGroup) (string, time.Time) {
			return g.ID, g.Created
		}),
	}
	for key, g := range l.State.Groups {
		if g.NotOwned {
			continue
		}
		o := linkedObject{key: key, id: g.ID, externalID: g.ExternalID}
		if want := in.Desired.Groups[key]; want != nil {
			o.desired, o.earlier = true, want.Previously
		}
		g.NotOwned = l.checkObject(&groups, o, func() string { return g.DisplayName })
	}
	l.checkIDs(in)
	l.confirmAdoption(in)
}

// createdByID returns when the directory created the objects of a kind, by id. Only the check of
// unproved entries needs it.
func createdByID[T any](unproved map[string]bool, objects []T, created func(*T) (string, time.Time),
) map[string]time.Time {
	if len(unproved) == 0 {
		return nil
	}
	out := make(map[string]time.Time, len(objects))
	for i := range objects {
		id, at := created(&objects[i])
		out[id] = at
	}
	return out
}

// linkedObject is a user or group of the directory that the ledger links to a key.
type linkedObject struct {
	key        string
	id         string
	externalID string
	desired    bool     // the declarations have the key
	earlier    []string // the keys in `previously`
}

// checkObject notes the contradiction of a linked object. It returns true if adopt takes the object
// over, which is then not owned.
func (l *Linking) checkObject(e *entryCheck, o linkedObject, name func() string) (adopted bool) {
	entry := cmp.Or(e.renamed[o.key], o.key)
	c, undated := e.check(entry, o)
	if undated {
		l.Undated[entry] = true
	}
	if c == nil {
		return false
	}
	ref := e.kind + "/" + o.key
	if c.Name = name(); e.adopts && c.ExternalID == o.key && o.desired && c.Reason != "" {
		e.situations[o.key] = Adoptable
		l.Conflicts[ref] = ConflictingObject{ID: o.id, Name: c.Name, ExternalID: o.externalID}
		return true
	}
	l.Contradicted[ref] = *c
	return false
}

// entryCheck checks the entries of the ledger of one kind.
type entryCheck struct {
	kind       string
	entries    map[string]Owned
	unproved   map[string]bool
	verified   map[string]bool // the unproved entries with evidence; filled by check
	renamed    map[string]string
	situations map[string]Situation
	adopts     bool
	evidence   Evidence
	created    map[string]time.Time // when the directory created the objects, by id
}

// check returns the contradiction of a linked object with an entry of the ledger; nil if the object
// is owned. undated is true if the dates of the entry have no evidence.
func (e *entryCheck) check(entry string, o linkedObject) (c *Contradiction, undated bool) {
	proved := !e.unproved[entry]
	if proved && o.externalID == o.key { // the common case
		return nil, false
	}
	keys := append([]string{o.key, entry}, o.earlier...)
	c = &Contradiction{Kind: e.kind, Key: o.key, ID: o.id, ExternalID: o.externalID}
	switch ownership(proved, o.externalID, keys, func(s string) bool { _, ok := e.entries[s]; return ok }) {
	case owned:
		return nil, false
	case contradicted:
		c.Reason, c.Remedy = fmt.Sprintf("AWS shows %s there", shownExternalID(o.externalID)), correctEntry
		if proved {
			c.Remedy = "correct the externalId in AWS"
		}
		return c, false
	}
	found, searched := e.evidence.ByID[o.id]
	switch {
	case searched:
		c.Reason = missingEvidence(found, keys, e.created[o.id])
		if c.Reason != "" {
			c.Remedy = "remove the entry from the audit branch"
			if o.externalID == o.key {
				c.Remedy = "declare adopt: \"match\" to adopt it, or " + c.Remedy
			}
			return c, false
		}
		e.verified[entry], e.verified[o.key] = true, true
		return nil, missingDates(found, e.entries[entry])
	case e.evidence.Assumed:
		return nil, false
	}
	return c, false
}

const correctEntry = "correct the entry on the audit branch"

// dated returns the ledger without the dates that do not count.
func (l *Linking) dated(ledger *Ledger) *Ledger {
	if len(l.Undated) == 0 {
		return ledger
	}
	out := ledger.Clone()
	for key := range l.Undated {
		owned := out.Users[key]
		owned.LeftScopeAt, owned.InactiveSince = nil, nil
		out.Users[key] = owned
	}
	return out
}

// withoutUnprovedDeletions returns the ledger in which no unproved entry says that roster sent the
// deletion of its object: such an entry must not release the creation of an object that was deleted
// outside.
func (l *Ledger) withoutUnprovedDeletions(unproved UnprovedEntries) *Ledger {
	if !hasDeletion(l.Users, unproved.Users) && !hasDeletion(l.Groups, unproved.Groups) {
		return l
	}
	out := l.Clone()
	clearDeletions(out.Users, unproved.Users)
	clearDeletions(out.Groups, unproved.Groups)
	return out
}

// hasDeletion reports whether an entry of these keys says that roster sent a deletion.
func hasDeletion(entries map[string]Owned, keys map[string]bool) bool {
	for key := range keys {
		if entries[key].DeleteSentAt != nil {
			return true
		}
	}
	return false
}

func clearDeletions(entries map[string]Owned, keys map[string]bool) {
	for key := range keys {
		if owned, ok := entries[key]; ok {
			owned.DeleteSentAt = nil
			entries[key] = owned
		}
	}
}

func shownExternalID(externalID string) string {
	if externalID == "" {
		return "no externalId"
	}
	return fmt.Sprintf("the externalId %q", externalID)
}

// checkIDs finds entries whose id is that of another entry, or of an object of the other kind.
// Their keys are not linked to it, but no object may be created or adopted for them.
func (l *Linking) checkIDs(in PlanInput) {
	check := func(kind, other string, situations map[string]Situation, entry func(*Ledger, string) Owned,
		exists func(id string) bool) {
		for key := range situations {
			id := entry(in.Ledger, key).ID
			if id == "" || l.keyByID[id] == key {
				continue
			}
			c := Contradiction{Kind: kind, Key: key, ID: id, Remedy: correctEntry}
			switch owner := l.keyByID[id]; {
			case owner != "":
				c.Reason = fmt.Sprintf("the ledger has this id for %q too", owner)
			case exists(id):
				c.Reason = fmt.Sprintf("AWS shows a %s there", other)
			default:
				continue
			}
			l.Contradicted[kind+"/"+key] = c
		}
	}
	check("user", "group", l.Users, l.ownedUser, func(id string) bool {
		return slices.ContainsFunc(in.Observed.Groups, func(g RemoteGroup) bool { return g.ID == id })
	})
	check("group", "user", l.Groups, l.ownedGroup, func(id string) bool {
		return slices.ContainsFunc(in.Observed.Users, func(u RemoteUser) bool { return u.ID == id })
	})
}

// contradiction returns the contradiction of an object of a change: of its user or group, or, for a
// membership, of either.
func (l *Linking) contradiction(c *Change) (Contradiction, bool) {
	if c.Kind.OfUser() {
		out, ok := l.Contradicted[UserRef(c.Key)]
		return out, ok
	}
	if out, ok := l.Contradicted[GroupRef(c.Key)]; ok || !c.Kind.OfMembership() {
		return out, ok
	}
	out, ok := l.Contradicted[UserRef(c.Member)]
	return out, ok
}

// EvidenceNeeded returns the sorted ids of the objects whose evidence was not searched: those that
// the plan changes, those whose entry gets another date, and those that may confirm the initial
// adoption.
func (p *Plan) EvidenceNeeded(ledger *Ledger) []string {
	ids := map[string]bool{}
	need := func(kind, key string) {
		if c, ok := p.Linking.Contradicted[kind+"/"+key]; ok && c.Reason == "" {
			ids[c.ID] = true
		}
	}
	if len(p.Linking.Contradicted) > 0 {
		for i := range p.Changes {
			c := &p.Changes[i]
			if c.Kind.OfUser() {
				need("user", c.Key)
				continue
			}
			need("group", c.Key)
			need("user", c.Member)
		}
		for _, c := range p.Linking.Contradicted {
			owned, found := ledger.Users[c.Key]
			if _, dated := p.datedWithoutCall(c.Key, owned, time.Time{}); c.Kind == "user" && found && dated {
				need("user", c.Key)
			}
		}
		for key := range p.Linking.RenamedUsers { // the ledger changes
			need("user", key)
		}
		for key := range p.Linking.RenamedGroups {
			need("group", key)
		}
	}
	if slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Kind.Action() == ActionAdopt }) {
		for _, id := range p.Linking.adoptionEvidence {
			ids[id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// contradictedNotice names the contradicted entries of a plan; "" if there are none.
func (l *Linking) contradictedNotice() string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(l.Contradicted)) {
		if c := l.Contradicted[key]; c.Reason != "" {
			names = append(names, fmt.Sprintf("%s %q (id %s)", c.Kind, c.Key, c.ID))
		}
	}
	switch n := len(names); {
	case n == 0:
		return ""
	case n > maxNamed:
		names = append(names[:maxNamed], fmt.Sprintf("and %d more", n-maxNamed))
		fallthrough
	default:
		return fmt.Sprintf("the ledger and AWS contradict each other; nothing is written to: %s",
			strings.Join(names, ", "))
	}
}

// maxNamed is how many objects a notice names.
const maxNamed = 5

// holdContradicted holds all changes of objects whose ledger entry does not make them owned.
func holdContradicted(in *gateInput, _ limit) map[int]string {
	out := map[int]string{}
	if len(in.linking.Contradicted) == 0 {
		return out
	}
	for i := range in.changes {
		if c, ok := in.linking.contradiction(&in.changes[i]); ok {
			out[i] = contradictedReason(c)
		}
	}
	in.holdDisplaced(out)
	return out
}

// holdDisplaced holds the removal of an unmanaged member whose externalId is the key of a
// contradicted entry. An attacker may have given that entry another id, to make a member unmanaged.
func (in *gateInput) holdDisplaced(out map[int]string) {
	displaced := map[string]Contradiction{} // by reference
	for i := range in.observed.Users {
		u := &in.observed.Users[i]
		if c, ok := in.linking.Contradicted[UserRef(u.ExternalID())]; ok && in.linking.unmanaged(u.ID) {
			displaced[UnmanagedRef(u.ID)] = c
		}
	}
	for i := range in.changes {
		if c, ok := displaced[in.changes[i].Member]; ok && in.changes[i].Kind == RemoveMember {
			out[i] = contradictedReason(c)
		}
	}
}

// ownedUsers counts the users that the limits of gates are a share of: managedUsers without entries
// that nothing but an unproved ledger shows.
func (in *gateInput) ownedUsers() int {
	n := in.managedUsers()
	for key := range in.unproved.Users {
		if owned, ok := in.ledger.Users[key]; ok && owned.LeftScopeAt == nil && in.linking.unmanaged(owned.ID) {
			n--
		}
	}
	for _, c := range in.linking.Contradicted {
		if owned := in.ledger.Users[c.Key]; c.Kind == "user" && c.Reason != "" && owned.LeftScopeAt == nil &&
			!in.linking.unmanaged(owned.ID) {
			n--
		}
	}
	return n
}
