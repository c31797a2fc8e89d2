package reconcile

import (
	"slices"
	"testing"
	"time"
)

// forgeGroup makes the ledger name another object for a group, in an entry that is not proved.
func (p *planFixture) forgeGroup(key, id string) {
	p.in.Ledger.Groups[key] = Owned{ID: id}
	p.in.Unproved.Groups = map[string]bool{key: true}
}

func (p *planFixture) forgeUser(key, id string) {
	p.in.Ledger.Users[key] = Owned{ID: id}
	p.in.Unproved.Users = map[string]bool{key: true}
}

// evidence adds what a search for an object found.
func (p *planFixture) evidence(id string, found ...Provenance) {
	p.in.Evidence = p.in.Evidence.With([]string{id}, map[string][]Provenance{id: found})
}

func (p *planFixture) createdAt(id string, at time.Time) {
	for i := range p.in.Observed.Groups {
		if g := &p.in.Observed.Groups[i]; g.ID == id {
			g.Created = at
		}
	}
}

// setExternalID changes the externalId of a user in the directory.
func (p *planFixture) setExternalID(id, externalID string) {
	for i := range p.in.Observed.Users {
		if u := &p.in.Observed.Users[i]; u.ID == id {
			u.Attributes = merge(u.Attributes, Attributes{attribute("externalId", externalID)})
		}
	}
}

// memberOfG plans the addition of a user to an unproved group, whose id was searched.
func memberOfG(p *planFixture, found ...Provenance) {
	p.start(3, groupOf("g", "Group", 1, 2))
	p.setGroup(groupOf("g", "Group", 1, 3))
	p.forgeGroup("g", "id-g")
	p.createdAt("id-g", evidenceCreated)
	p.evidence("id-g", found...)
}

func contradictedRows() []gateRow {
	addedToG := []string{"add-member g u0003"}
	return slices.Concat(contradictedUserRows(), []gateRow{
		{name: "the entry of a group is that of an unmanaged group", notApprovable: true,
			holds: []string{"rename-group g", "add-member g u0001", "add-member g u0002", "remove-member g u0003"},
			plan: func(p *planFixture) {
				p.start(3, groupOf("g", "Group", 1, 2))
				p.addRemoteGroup("id-x", "Break Glass Admins", "", "id-u0003")
				p.forgeGroup("g", "id-x")
			}},
		{name: "an unproved group has evidence", passes: addedToG,
			plan: func(p *planFixture) { memberOfG(p, createdGroup()) }},
		{name: "an unproved group has no evidence", holds: addedToG, notApprovable: true,
			plan: func(p *planFixture) { memberOfG(p) }},
		{name: "the evidence of an unproved group was not searched", holds: addedToG, notApprovable: true,
			plan: func(p *planFixture) {
				memberOfG(p)
				p.in.Evidence = Evidence{}
			}},
		{name: "an unproved group is older than the run that claims it", holds: addedToG, notApprovable: true,
			plan: func(p *planFixture) {
				memberOfG(p, createdGroup())
				p.createdAt("id-g", evidenceStarted.AddDate(0, 0, -1))
			}},
		{name: "adopt allows to adopt an unproved group without evidence",
			passes: []string{"adopt-group g", "add-member g u0003"},
			plan: func(p *planFixture) {
				memberOfG(p)
				p.in.Provisioner.Adopt = "match"
			}},
		{name: "the externalId of a proved group was cleared", passes: []string{"update-group g", "add-member g u0003"},
			plan: func(p *planFixture) {
				memberOfG(p)
				p.in.Unproved, p.in.Observed.Groups[0].ExternalID = UnprovedEntries{}, ""
			}},
		{name: "the key of an unproved group is changed", holds: []string{"update-group g-new"}, notApprovable: true,
			plan: func(p *planFixture) {
				p.start(2, groupOf("g", "Group", 1, 2))
				p.forgeGroup("g", "id-g")
				delete(p.in.Desired.Groups, "g")
				renamed := groupOf("g-new", "Group", 1, 2)
				renamed.Previously = []string{"g"}
				p.setGroup(renamed)
				p.evidence("id-g")
			}},
		{name: "the id of a group is that of a user", notApprovable: true,
			holds: []string{"create-group g", "add-member g u0001", "add-member g u0002"},
			plan: func(p *planFixture) {
				p.start(2, groupOf("g", "Group", 1, 2))
				p.deleteRemoteGroup("g")
				p.forgeGroup("g", "id-u0001")
			}},
	})
}

func contradictedUserRows() []gateRow {
	newHire := func(p *planFixture) {
		p.start(3, groupOf("g", "Group", 1, 2))
		p.addUser(4)
		p.setGroup(&DesiredGroup{Key: "g", DisplayName: "Group", Members: []string{"u0001", "u0002", "u0004"}})
		p.addRemoteUser("id-x", "admin@example.com", "")
		p.forgeUser("u0004", "id-x")
	}
	return []gateRow{
		{name: "the entry of a new hire is that of an unmanaged administrator", notApprovable: true,
			holds: []string{"rename-user u0004", "add-member g u0004"}, plan: newHire},
		{name: "the entry of a leaver is that of an unmanaged administrator", notApprovable: true,
			holds: []string{"deactivate-user u0009"},
			plan: func(p *planFixture) {
				p.start(3)
				p.addRemoteUser("id-x", "admin@example.com", "okta-1")
				p.forgeUser("u0009", "id-x")
			}},
		{name: "a member of a group is contradicted", notApprovable: true, holds: []string{"remove-member g u0009"},
			plan: func(p *planFixture) {
				p.start(3, groupOf("g", "Group", 1, 3))
				p.in.Observed.Members["id-g"] = append(p.in.Observed.Members["id-g"], "id-x")
				p.addRemoteUser("id-x", "admin@example.com", "okta-1")
				p.in.Observed.Users[3].Attributes[0].Value = "false" // a deactivation would be held, too
				p.forgeUser("u0009", "id-x")
			}},
		{name: "the entry of a member is that of another user, so that the member is unmanaged", notApprovable: true,
			holds: []string{"rename-user u0001", "add-member g u0001", "remove-member g #id-u0001"},
			plan: func(p *planFixture) {
				p.start(3, groupOf("g", "Group", 1, 2))
				p.addRemoteUser("id-x", "other@example.com", "")
				p.forgeUser("u0001", "id-x")
			}},
		{name: "the externalId of a proved user is the key of another", notApprovable: true,
			holds: []string{"update-user u0001"},
			plan: func(p *planFixture) {
				p.start(3)
				p.setExternalID("id-u0001", "u0002")
			}},
		{name: "the externalId of an unproved user is a case variant of the key", notApprovable: true,
			holds: []string{"update-user u0001"},
			plan: func(p *planFixture) {
				p.start(3)
				p.setExternalID("id-u0001", "U0001")
				p.forgeUser("u0001", "id-u0001")
			}},
		{name: "the externalId of a proved user was changed", passes: []string{"update-user u0001"},
			plan: func(p *planFixture) {
				p.start(3)
				p.setExternalID("id-u0001", "okta-1")
			}},
	}
}

// TestTheNoticeNamesContradictedEntries checks that a contradiction is named even if no change is
// planned, and that an entry whose evidence was not searched is not.
func TestTheNoticeNamesContradictedEntries(t *testing.T) {
	p := newPlanFixture()
	p.start(3, groupOf("g", "Group", 1, 2))
	p.in.Unproved = UnprovedEntries{Users: map[string]bool{"u0001": true, "u0002": true}}
	p.evidence("id-u0001")
	plan := NewPlan(p.in)
	want := `the ledger and AWS contradict each other; nothing is written to: user "u0001" (id id-u0001)`
	if len(plan.Changes) > 0 || !slices.Contains(plan.Notices, want) {
		t.Errorf("%d changes, notices %q", len(plan.Changes), plan.Notices)
	}
}

// TestOnlyChangedObjectsNeedEvidence checks for which objects evidence is searched.
func TestOnlyChangedObjectsNeedEvidence(t *testing.T) {
	all := UnprovedEntries{
		Users:  map[string]bool{"u0001": true, "u0002": true, "u0003": true},
		Groups: map[string]bool{"g": true, "h": true},
	}
	for _, row := range []struct {
		name     string
		unproved UnprovedEntries
		plan     func(p *planFixture)
		want     []string
	}{
		{"no entry is unproved", UnprovedEntries{}, func(p *planFixture) { p.set(1, 3, "title", "New") }, nil},
		{"nothing changes", all, func(*planFixture) {}, nil},
		{"a user changes", all, func(p *planFixture) { p.set(2, 2, "title", "New") }, []string{"id-u0002"}},
		{"a membership changes", all, func(p *planFixture) { p.setGroup(groupOf("g", "Group", 1, 3)) },
			[]string{"id-g", "id-u0003"}},
		{"the evidence was searched", all, func(p *planFixture) {
			p.set(2, 2, "title", "New")
			p.evidence("id-u0002")
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newPlanFixture()
			p.start(3, groupOf("g", "Group", 1, 2), groupOf("h", "Half", 1, 1))
			p.in.Unproved = row.unproved
			row.plan(p)
			if have := NewPlan(p.in).EvidenceNeeded(p.in.Ledger); !slices.Equal(have, row.want) {
				t.Errorf("have %q, want %q", have, row.want)
			}
		})
	}
}

// TestForgedEntriesRaiseNoLimit checks that the limits of gates do not grow with entries that only
// an unproved ledger has.
func TestForgedEntriesRaiseNoLimit(t *testing.T) {
	p := newPlanFixture()
	p.start(60)
	p.in.Unproved.Users = map[string]bool{}
	for i := range 400 {
		key := userNumber(1000 + i).Key
		p.in.Ledger.Users[key], p.in.Unproved.Users[key] = Owned{ID: "id-" + key}, true
	}
	p.removeUsers(1, 7)
	if held := heldBy(NewPlan(p.in), gateMaxRemovals); len(held) != 7 {
		t.Errorf("gate %s holds %d changes, want 7", gateMaxRemovals, len(held))
	}
}
