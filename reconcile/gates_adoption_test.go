package reconcile

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// adoptable declares a user and a group that the directory has, with other values, and adopts them.
func adoptable(p *planFixture) {
	p.in.Provisioner.Adopt = "match"
	p.addUser(101)
	p.addRemoteUser("id-x", "name101@example.com", "")
	p.setGroup(groupOf("g", "Group", 101, 102))
	p.addUser(102)
	p.addRemoteGroup("id-y", "Group", "", "id-u0001")
}

func initialAdoptionRows() []gateRow {
	lostRun := func(externalID string) func(p *planFixture) {
		return func(p *planFixture) {
			p.in.Provisioner.Adopt = "match"
			p.in.LostRun = &Intent{Run: "run-7"}
			p.addUser(101)
			p.addRemoteUser("id-x", "name101@example.com", externalID)
		}
	}
	return []gateRow{
		{name: "no run was reported yet",
			holds:      []string{"adopt-group g", "adopt-user u0101", "remove-member g u0001"},
			dependents: []string{"add-member g u0101", "add-member g u0102"},
			passes:     []string{"create-user u0102"},
			plan: func(p *planFixture) {
				adoptable(p)
				p.in.Status = nil
			}},
		{name: "the first adoptions are not decided", holds: []string{"adopt-user u0101"},
			plan: func(p *planFixture) {
				p.in.Provisioner.Adopt = "match"
				p.in.Status.AdoptionDecided = false
				p.addUser(101)
				p.addRemoteUser("id-x", "name101@example.com", "")
			}},
		{name: "the first adoptions are decided",
			holds: []string{"remove-member g u0001"}, // its previous member
			passes: []string{
				"adopt-group g", "adopt-user u0101", "create-user u0102", "add-member g u0101", "add-member g u0102",
			},
			plan: adoptable},
		{name: "previous members of a group that was adopted earlier",
			holds: []string{"remove-member g u0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.in.Ledger.Groups["g"] = Owned{ID: "id-g", MembersUndecided: true}
				p.setGroup(groupOf("g", "Group", 2, 2))
			}},
		{name: "members of a group that roster created", passes: []string{"remove-member g u0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.setGroup(groupOf("g", "Group", 2, 2))
			}},
		{name: "a lost run may have created it", holds: []string{"adopt-user u0101"},
			plan: lostRun("u0101")},
		{name: "a lost run cannot have created it", passes: []string{"adopt-user u0101"},
			plan: lostRun("")},
		{name: "new objects before any run", passes: []string{"create-user u0101"},
			plan: func(p *planFixture) {
				p.in.Status = nil
				p.addUser(101)
			}},
	}
}

func deletedOutsideRows() []gateRow {
	return []gateRow{
		{name: "a group was deleted outside", holds: []string{"create-group g"},
			dependents: []string{"add-member g u0001", "add-member g u0002"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.deleteRemoteGroup("g")
			}},
		{name: "a new group", passes: []string{"create-group g", "add-member g u0001"},
			plan: func(p *planFixture) {
				p.setGroup(groupOf("g", "Group", 1, 1))
			}},
		{name: "a user was deleted outside", holds: []string{"create-user u0001"},
			dependents: []string{"add-member g u0001"}, plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.deleteRemoteUser("u0001")
			}},
		{name: "a user and a group with other keys were deleted outside",
			holds: []string{"create-user e0001", "create-group h"}, dependents: []string{"add-member h e0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 1))
				p.deleteRemoteUser("u0001")
				p.deleteRemoteGroup("g")
				p.rename(1, "e0001", "u0001")
				delete(p.in.Desired.Groups, "g")
				p.setGroup(&DesiredGroup{Key: "h", DisplayName: "Group", Members: []string{"e0001"},
					Previously: []string{"g"}})
			}},
		{name: "a user who waited for deletion and was deleted outside returns",
			holds: []string{"create-user u0001"}, plan: func(p *planFixture) {
				p.deactivated(1, 3)
				p.deleteRemoteUser("u0001")
			}},
		{name: "a user was deleted and created again outside, with the same values",
			holds: []string{"adopt-user u0001"}, dependents: []string{"add-member g u0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.deleteRemoteUser("u0001")
				p.addRemoteCopy("id-x", 1, "")
			}},
		{name: "a user was deleted and created again outside, with the externalId and an adoption policy",
			holds: []string{"adopt-user u0001"}, dependents: []string{"add-member g u0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.in.Provisioner.Adopt = "match"
				p.deleteRemoteUser("u0001")
				p.addRemoteCopy("id-x", 1, "u0001")
			}},
		{name: "a group was deleted and created again outside, with all its members", holds: []string{"adopt-group g"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.deleteRemoteGroup("g")
				p.addRemoteGroup("id-y", "Group", "", "id-u0001", "id-u0002")
			}},
		{name: "a group was deleted and created again outside, with the externalId and an adoption policy",
			holds: []string{"adopt-group g"}, dependents: []string{"add-member g u0001", "add-member g u0002"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.in.Provisioner.Adopt = "match"
				p.deleteRemoteGroup("g")
				p.addRemoteGroup("id-y", "Group", "g")
			}},
		{name: "a new user", passes: []string{"create-user u0101"}, plan: func(p *planFixture) { p.addUser(101) }},
	}
}

func adoptRows() []gateRow {
	return []gateRow{
		{name: "adopt is never", holds: []string{"adopt-user u0101"}, notApprovable: true,
			plan: func(p *planFixture) {
				p.addUser(101)
				p.addRemoteUser("id-x", "name101@example.com", "")
			}},
		{name: "adopt is never, for a group", holds: []string{"adopt-group g"},
			dependents: []string{"add-member g u0001"}, notApprovable: true,
			plan: func(p *planFixture) {
				p.setGroup(groupOf("g", "Group", 1, 1))
				p.addRemoteGroup("id-y", "Group", "")
			}},
		{name: "adopt is match", passes: []string{"adopt-user u0101"}, plan: func(p *planFixture) {
			p.in.Provisioner.Adopt = "match"
			p.addUser(101)
			p.addRemoteUser("id-x", "name101@example.com", "")
		}},
		{name: "a new user", passes: []string{"create-user u0101"},
			plan: func(p *planFixture) { p.addUser(101) }},
	}
}

func foreignExternalIDRows() []gateRow {
	foreign := func(adopt string) func(p *planFixture) {
		return func(p *planFixture) {
			p.in.Provisioner.Adopt = adopt
			p.addUser(101)
			p.addRemoteUser("id-x", "name101@example.com", "theirs")
		}
	}
	return []gateRow{
		{name: "adopt is never", holds: []string{"adopt-user u0101"}, notApprovable: true,
			plan: foreign("never")},
		{name: "adopt is match", holds: []string{"adopt-user u0101"}, notApprovable: true,
			plan: foreign("match")},
		{name: "adopt is take-over", holds: []string{"adopt-user u0101"},
			plan: foreign("take-over")},
		{name: "no externalId", passes: []string{"adopt-user u0101"}, plan: func(p *planFixture) {
			p.in.Provisioner.Adopt = "match"
			p.addUser(101)
			p.addRemoteUser("id-x", "name101@example.com", "")
		}},
	}
}

func nameTakenRows() []gateRow {
	return []gateRow{
		{name: "another user keeps the userName", holds: []string{"rename-user u0001"}, notApprovable: true,
			plan: func(p *planFixture) { p.set(1, 1, "userName", "NAME2@example.com") }},
		{name: "another user keeps the email address", holds: []string{"update-user u0001"}, notApprovable: true,
			plan: func(p *planFixture) { p.set(1, 1, "emails.value", "name2@example.com") }},
		{name: "an unmanaged user has the userName", holds: []string{"rename-user u0001"}, notApprovable: true,
			plan: func(p *planFixture) {
				p.set(1, 1, "userName", "name200@example.com")
				p.addRemoteUser("id-x", "name200@example.com", "")
			}},
		{name: "another group keeps the displayName", holds: []string{"rename-group g"}, notApprovable: true,
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 1), groupOf("h", "Half", 1, 1))
				p.setGroup(groupOf("g", "Half", 1, 1))
			}},
		{name: "an unmanaged group has the displayName", holds: []string{"rename-group g"}, notApprovable: true,
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 1))
				p.addRemoteGroup("id-y", "Half", "")
				p.setGroup(groupOf("g", "Half", 1, 1))
			}},
		{name: "a leaver's userName goes to a new user who is not active: the leaver is probably the same person",
			holds: []string{"deactivate-user u0001"},
			plan: func(p *planFixture) {
				p.removeUsers(1, 1)
				p.addUser(101)
				p.set(101, 101, "userName", "name1@example.com")
				inactive := *p.in.Desired.Users["u0101"]
				inactive.Active = false
				p.in.Desired.Users["u0101"] = &inactive
			}},
		{name: "a leaver is deleted, and a new user has the email address", holds: []string{"delete-user u0001"},
			dependents: []string{"create-user u0101"},
			plan: func(p *planFixture) {
				p.in.Provisioner.Deprovision.Mode = "delete"
				p.removeUsers(1, 1)
				p.addUser(101)
				p.set(101, 101, "emails.value", "NAME1@example.com")
			}},
		{name: "a leaver is deleted, and a new user has the key in another case", holds: []string{"delete-user u0001"},
			dependents: []string{"create-user U0001"},
			plan: func(p *planFixture) {
				p.in.Provisioner.Deprovision.Mode = "delete"
				p.rename(1, "U0001")
				p.in.Desired.Users["U0001"].Attributes = userNumber(200).Attributes
			}},
		{name: "a kept leaver's email address goes to a new user: the memberships stay",
			holds: []string{"remove-member g u0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2))
				p.in.Provisioner.Deprovision.Mode = "keep"
				p.removeUsers(1, 1)
				p.addUser(101)
				inactive := *p.in.Desired.Users["u0101"]
				inactive.Active = false
				p.in.Desired.Users["u0101"] = &inactive
				p.set(101, 101, "emails.value", "name1@example.com")
			}},
		{name: "the deletion of a leaver is due when a new user has the name", holds: []string{"delete-user u0001"},
			dependents: []string{"create-user u0101"},
			plan: func(p *planFixture) {
				p.in.Provisioner.Deprovision.DeleteAfterDays = new(int)
				p.removeUsers(1, 1)
				p.deactivated(1, 3)
				p.addUser(101)
				p.set(101, 101, "userName", "name1@example.com")
			}},
		{name: "a leaver and a new user have different names", passes: []string{"create-user u0101",
			"deactivate-user u0001"},
			plan: func(p *planFixture) {
				p.removeUsers(1, 1)
				p.addUser(101)
			}},
		{name: "a managed user takes the name of a leaver", holds: []string{"rename-user u0002"}, notApprovable: true,
			passes: []string{"deactivate-user u0001"},
			plan: func(p *planFixture) {
				p.removeUsers(1, 1)
				p.set(2, 2, "userName", "name1@example.com")
			}},
		{name: "a deleted group has the key of a new group in another case", passes: []string{"delete-group g",
			"create-group G"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 0, -1))
				delete(p.in.Desired.Groups, "g")
				p.setGroup(groupOf("G", "Other", 0, -1))
			}},
		{name: "an unmanaged user has the key of a new user in another case", holds: []string{"create-user u0101"},
			notApprovable: true,
			plan: func(p *planFixture) {
				p.addRemoteUser("id-x", "other@example.com", "U0101")
				p.addUser(101)
			}},
		{name: "a user who waits for deletion has the userName", holds: []string{"delete-user u0001"},
			dependents: []string{"create-user u0101"},
			plan: func(p *planFixture) {
				p.removeUsers(1, 1)
				p.deactivated(1, 3)
				p.addUser(101)
				p.set(101, 101, "userName", "name1@example.com")
			}},
		{name: "users exchange names", passes: []string{
			"temporary-rename-user u0001", "rename-user u0002", "rename-user u0001",
			"temporary-rename-user u0003", "rename-user u0004", "rename-user u0003",
		}, plan: swapNames},
		{name: "a free name", passes: []string{"rename-user u0001"},
			plan: func(p *planFixture) { p.set(1, 1, "userName", "name200@example.com") }},
	}
}

// TestTheReasonOfATakenNameIsTheSameEachTime takes the userName of one user, and the email address
// of another. The plan of the same facts must be the same.
func TestTheReasonOfATakenNameIsTheSameEachTime(t *testing.T) {
	p := newPlanFixture()
	p.start(10)
	p.set(1, 1, "userName", "name2@example.com")
	p.set(1, 1, "emails.value", "name3@example.com")
	reasons := map[string]bool{}
	for range 50 {
		for _, c := range NewPlan(p.in).Changes {
			for _, hold := range c.Held() {
				reasons[hold.Reason] = true
			}
		}
	}
	if want := nameTakenReason("emails.value", "name3@example.com", `"u0003"`); len(reasons) != 1 || !reasons[want] {
		t.Errorf("the reasons are %q, want %q", slices.Sorted(maps.Keys(reasons)), want)
	}
}

// TestANameThatAContradictedLeaverKeepsSaysWhatToDo takes the email address of a user who left, and
// whose entry of the ledger has no evidence. No deletion of that user will be planned.
func TestANameThatAContradictedLeaverKeepsSaysWhatToDo(t *testing.T) {
	p := newPlanFixture()
	p.start(10)
	p.removeUsers(1, 1)
	p.setRemote(1, 1, "active", "false")
	p.in.Unproved.Users = map[string]bool{"u0001": true}
	p.evidence("id-u0001")
	p.setExternalID("id-u0001", "u0001")
	p.addUser(101)
	p.set(101, 101, "emails.value", "name1@example.com")
	changes := NewPlan(p.in).Changes
	if len(changes) != 1 || len(changes[0].Held()) != 1 || changes[0].Held()[0].Gate != "nameTaken" ||
		!strings.Contains(changes[0].Held()[0].Reason, "remove the entry from the audit branch") {
		t.Errorf("the changes are %+v", changes)
	}
}
