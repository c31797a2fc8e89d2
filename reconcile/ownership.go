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
		undated: l.Undated, evidence: in.Evidence,
	}
	if len(in.Unproved.Users) > 0 {
		users.created = make(map[string]time.Time, len(in.Observed.Users))
		for i := range in.Observed.Users {
			users.created[in.Observed.Users[i].ID] = in.Observed.Users[i].Created
		}
	}
	for key, u := range l.State.Users {
		if u.NotOwned {
			continue
		}
		externalID, _ := u.Attributes.Get("externalId")
		var earlier []string
		if want := in.Desired.Users[key]; want != nil {
			earlier = want.Previously
		}
		c := users.check(key, cmp.Or(l.RenamedUsers[key], key), earlier, externalID, u.ID)
		if c == nil {
			continue
		}
		if c.Name = u.Name(); adopts && c.ExternalID == key && in.Desired.Users[key] != nil && c.Reason != "" {
			u.NotOwned, l.Users[key] = true, Adoptable
			l.Conflicts["user/"+key] = ConflictingObject{ID: u.ID, Name: u.Name(), ExternalID: externalID}
			continue
		}
		l.Contradicted["user/"+key] = *c
	}
	l.checkGroups(in, adopts)
	l.checkIDs(in)
	l.confirmAdoption(in)
}

func (l *Linking) checkGroups(in PlanInput, adopts bool) {
	groups := entryCheck{
		kind: "group", entries: in.Ledger.Groups, unproved: in.Unproved.Groups, verified: l.Verified.Groups,
		undated: l.Undated, evidence: in.Evidence,
	}
	if len(in.Unproved.Groups) > 0 {
		groups.created = make(map[string]time.Time, len(in.Observed.Groups))
		for i := range in.Observed.Groups {
			groups.created[in.Observed.Groups[i].ID] = in.Observed.Groups[i].Created
		}
	}
	for key, g := range l.State.Groups {
		if g.NotOwned {
			continue
		}
		var earlier []string
		want := in.Desired.Groups[key]
		if want != nil {
			earlier = want.Previously
		}
		c := groups.check(key, cmp.Or(l.RenamedGroups[key], key), earlier, g.ExternalID, g.ID)
		if c == nil {
			continue
		}
		if c.Name = g.DisplayName; adopts && c.ExternalID == key && want != nil && c.Reason != "" {
			g.NotOwned, l.Groups[key] = true, Adoptable
			l.Conflicts["group/"+key] = ConflictingObject{ID: g.ID, Name: g.DisplayName, ExternalID: g.ExternalID}
			continue
		}
		l.Contradicted["group/"+key] = *c
	}
}

// entryCheck checks the entries of the ledger of one kind.
type entryCheck struct {
	kind     string
	entries  map[string]Owned
	unproved map[string]bool
	verified map[string]bool // the unproved entries with evidence; filled by check
	undated  map[string]bool // those whose dates have no evidence; filled by check
	evidence Evidence
	created  map[string]time.Time // when the directory created the objects, by id
}

// check returns the contradiction of a linked object; nil if the object is owned. entry is its key
// in the ledger, earlier are the keys in `previously`.
func (e *entryCheck) check(key, entry string, earlier []string, externalID, id string) *Contradiction {
	proved := !e.unproved[entry]
	if proved && externalID == key { // the common case
		return nil
	}
	keys := append([]string{key, entry}, earlier...)
	c := &Contradiction{Kind: e.kind, Key: key, ID: id, ExternalID: externalID}
	switch ownership(proved, externalID, keys, func(s string) bool { _, ok := e.entries[s]; return ok }) {
	case owned:
		return nil
	case contradicted:
		c.Reason, c.Remedy = fmt.Sprintf("AWS shows %s there", shownExternalID(externalID)), correctEntry
		if proved {
			c.Remedy = "correct the externalId in AWS"
		}
		return c
	}
	found, searched := e.evidence.ByID[id]
	switch {
	case searched:
		c.Reason = missingEvidence(found, keys, e.created[id])
		if c.Reason != "" {
			c.Remedy = "remove the entry from the audit branch"
			if externalID == key {
				c.Remedy = "declare adopt: \"match\" to adopt it, or " + c.Remedy
			}
			return c
		}
		e.verified[entry], e.verified[key] = true, true
		if missingDates(found, e.entries[entry]) {
			e.undated[entry] = true
		}
		return nil
	case e.evidence.Assumed:
		return nil
	}
	return c
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
	out := l
	for key := range unproved.Users {
		if owned := l.Users[key]; owned.DeleteSentAt != nil {
			if out == l {
				out = l.Clone()
			}
			owned.DeleteSentAt = nil
			out.Users[key] = owned
		}
	}
	for key := range unproved.Groups {
		if owned := l.Groups[key]; owned.DeleteSentAt != nil {
			if out == l {
				out = l.Clone()
			}
			owned.DeleteSentAt = nil
			out.Groups[key] = owned
		}
	}
	return out
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
		out, ok := l.Contradicted["user/"+c.Key]
		return out, ok
	}
	if out, ok := l.Contradicted["group/"+c.Key]; ok || !c.Kind.OfMembership() {
		return out, ok
	}
	out, ok := l.Contradicted["user/"+c.Member]
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
		if c, ok := in.linking.Contradicted["user/"+u.ExternalID()]; ok && in.linking.unmanaged(u.ID) {
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
