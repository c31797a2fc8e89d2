package reconcile

import (
	"maps"

	"github.com/seed-d64a251c/roster/schema"
)

// The limit is max(5, min(10 %, 50)) of the managed users.
func maxRemovalsRows() []gateRow {
	removals := func(users, n int) func(*planFixture) {
		return func(p *planFixture) {
			p.start(users)
			p.removeUsers(1, n)
		}
	}
	const gate = gateMaxRemovals
	return []gateRow{
		{name: "9 of 100 users are below 10 %", plan: removals(100, 9)},
		{name: "10 of 100 users are 10 %", plan: removals(100, 10)},
		{name: "11 of 100 users are above 10 %", plan: removals(100, 11), many: 11},
		{name: "5 of 20 users are the minimum", plan: removals(20, 5)},
		{name: "6 of 20 users are above the minimum", plan: removals(20, 6), many: 6},
		{name: "50 of 1000 users are the maximum", plan: removals(1000, 50)},
		{name: "51 of 1000 users are above the maximum", plan: removals(1000, 51), many: 51},
		{name: "3 users after 3 of the same day", many: 3, plan: func(p *planFixture) {
			removals(40, 3)(p)
			p.removed(23, "", 3)
		}},
		{name: "2 users after 3 of the same day", plan: func(p *planFixture) {
			removals(40, 2)(p)
			p.removed(23, "", 3)
		}},
		{name: "3 users after 3 of the day before", plan: func(p *planFixture) {
			removals(40, 3)(p)
			p.removed(24, "", 3)
		}},
		{name: "3 users after removals of members of a group", plan: func(p *planFixture) {
			removals(40, 3)(p)
			p.removed(1, "g", 50)
		}},
		{name: "a declared percentage and maximum are reached", plan: func(p *planFixture) {
			removals(100, 13)(p)
			p.tune(gate, -1, 20, 13)
		}},
		{name: "a declared maximum is exceeded", many: 4, plan: func(p *planFixture) {
			removals(100, 4)(p)
			p.tune(gate, -1, -1, 3)
		}},
		{name: "deletions count", many: 11, plan: func(p *planFixture) {
			removals(100, 11)(p)
			p.in.Provisioner.Deprovision.Mode = "delete"
		}},
		{name: "deletions of deactivated users do not count", plan: deletionsDue},
		{name: "memberships of users who stay do not count", plan: func(p *planFixture) {
			p.start(100, groupOf("g", "Group", 1, 40))
			p.setGroup(groupOf("g", "Group", 1, 20))
		}},
		{name: "the removal of memberships depends on the deactivation",
			holds: userRefs(DeactivateUser, 1, 6), dependents: []string{"remove-member g u0001"},
			plan: func(p *planFixture) {
				p.start(20, groupOf("g", "Group", 1, 1))
				p.removeUsers(1, 6)
			}},
	}
}

// deletionsDue makes the deletion of 11 deactivated users due.
func deletionsDue(p *planFixture) {
	days := 30
	p.in.Provisioner.Deprovision = schema.Deprovision{Mode: "deactivate", DeleteAfterDays: &days}
	p.removeUsers(1, 11)
	for i := 1; i <= 11; i++ {
		p.deactivated(i, days)
	}
}

// The limit is max(5, min(30 %, 100)) of the members of a group.
func memberRemovalsRows() []gateRow {
	removals := func(members, n int) func(*planFixture) {
		return func(p *planFixture) {
			p.start(members, groupOf("g", "Group", 1, members))
			p.setGroup(groupOf("g", "Group", n+1, members))
		}
	}
	const gate = gateMemberRemovals
	return []gateRow{
		{name: "5 of 20 members are below 30 %", plan: removals(20, 5)},
		{name: "6 of 20 members are 30 %", plan: removals(20, 6)},
		{name: "7 of 20 members are above 30 %", plan: removals(20, 7), many: 7},
		{name: "5 of 12 members are the minimum", plan: removals(12, 5)},
		{name: "6 of 12 members are above the minimum", plan: removals(12, 6), many: 6},
		{name: "100 of 400 members are the maximum", plan: removals(400, 100)},
		{name: "101 of 400 members are above the maximum", plan: removals(400, 101), many: 101},
		{name: "all members", plan: removals(1, 1), holds: []string{"remove-member g u0001"}},
		{name: "members that another user replaces", plan: func(p *planFixture) {
			p.start(2, groupOf("g", "Group", 1, 1))
			p.setGroup(groupOf("g", "Group", 2, 2))
		}, passes: []string{"add-member g u0002", "remove-member g u0001"}},
		{name: "3 members after 4 of the same day", many: 3, plan: func(p *planFixture) {
			removals(20, 3)(p)
			p.removed(23, "g", 4)
		}},
		{name: "3 members after 4 of the day before", plan: func(p *planFixture) {
			removals(20, 3)(p)
			p.removed(24, "g", 4)
		}},
		{name: "3 members after 4 of another group", plan: func(p *planFixture) {
			removals(20, 3)(p)
			p.removed(1, "h", 4)
		}},
		{name: "a declared minimum is reached", plan: func(p *planFixture) {
			removals(12, 7)(p)
			p.tune(gate, 7, -1, -1)
		}},
		{name: "only the group that loses too many members", many: 7, plan: func(p *planFixture) {
			p.start(40, groupOf("g", "Group", 1, 20), groupOf("h", "Half", 21, 40))
			p.setGroup(groupOf("g", "Group", 8, 20))
			p.setGroup(groupOf("h", "Half", 26, 40))
		}},
		{name: "members who leave the scope", many: 7, plan: func(p *planFixture) {
			p.start(20, groupOf("g", "Group", 1, 20))
			p.removeUsers(1, 7)
		}},
		{name: "members who are deleted", holds: userRefs(DeleteUser, 1, 7),
			plan: func(p *planFixture) {
				p.start(20, groupOf("g", "Group", 1, 20))
				p.removeUsers(1, 7)
				p.in.Provisioner.Deprovision.Mode = "delete"
			}},
	}
}

// The limit is max(5, 1 %) of the managed users.
func signInNamesRows() []gateRow {
	renames := func(users, n int) func(*planFixture) {
		return func(p *planFixture) {
			p.start(users)
			p.set(1, n, "userName", "renamed%d@example.com")
		}
	}
	const gate = gateSignInNames
	return []gateRow{
		{name: "4 users are below the minimum", plan: renames(100, 4)},
		{name: "5 users are the minimum", plan: renames(100, 5)},
		{name: "6 users are above the minimum", plan: renames(100, 6),
			holds: userRefs(RenameUser, 1, 6)},
		{name: "10 of 1000 users are 1 %", plan: renames(1000, 10)},
		{name: "11 of 1000 users are above 1 %", plan: renames(1000, 11), many: 11},
		{name: "a declared minimum is reached", plan: func(p *planFixture) {
			renames(100, 6)(p)
			p.tune(gate, 6, -1, -1)
		}},
		{name: "new users do not count", plan: func(p *planFixture) {
			for i := 101; i <= 110; i++ {
				p.addUser(i)
			}
		}},
		{name: "other attributes do not count",
			plan: func(p *planFixture) { p.set(1, 40, "title", "Dr") }},
		{name: "temporary names do not count", plan: swapNames},
		{name: "users get other keys", passes: []string{"update-user e0001", "update-user e0002"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 3))
				p.rename(1, "e0001", "u0001")
				p.rename(2, "e0002", "u0002", "u0000")
			}},
		{name: "a user gets another key and another userName",
			holds: []string{"rename-user e0001"}, dependents: []string{"add-member h e0001", "remove-member g e0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 3), groupOf("h", "Half", 4, 5))
				p.set(1, 1, "userName", "renamed@example.com")
				p.rename(1, "e0001", "u0001")
				p.setGroup(groupOf("g", "Group", 2, 3))
				h := *p.in.Desired.Groups["h"]
				h.Members = []string{"e0001", "u0004", "u0005"}
				p.setGroup(&h)
			}},
		{name: "a user gets another key and another email address, and becomes inactive",
			holds: []string{"deactivate-user e0001"}, plan: func(p *planFixture) {
				p.set(1, 1, "emails.value", "other@example.com")
				p.set(1, 1, "active", "false")
				p.rename(1, "e0001", "u0001")
			}},
		{name: "a user has two earlier keys with a user each", holds: []string{"update-user e0001",
			"deactivate-user u0002", "remove-member g u0002"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 3))
				p.rename(1, "e0001", "u0001", "u0002")
				p.removeUsers(2, 2)
			}},
		{name: "an earlier key has a user beside the one of the key", holds: []string{"deactivate-user u0002"},
			plan: func(p *planFixture) {
				p.in.Desired.Users["u0001"].Previously = []string{"u0002"}
				p.removeUsers(2, 2)
			}},
		{name: "an earlier key has a user who left the scope before", passes: []string{"delete-user u0002"},
			plan: func(p *planFixture) {
				p.in.Provisioner.Deprovision.DeleteAfterDays = new(int)
				p.in.Desired.Users["u0001"].Previously = []string{"u0002"}
				p.removeUsers(2, 2)
				p.deactivated(2, 3)
			}},
		{name: "a user is deleted while another takes its id", holds: []string{"rename-user u0101"},
			plan: func(p *planFixture) {
				p.addUser(101)
				p.in.Desired.Users["u0101"].Previously = []string{"u0001"}
				p.removeUsers(1, 1)
			}},
		{name: "a key whose user never existed is an earlier key", passes: []string{"create-user u0101"},
			plan: func(p *planFixture) {
				p.addUser(101)
				p.in.Desired.Users["u0101"].Previously = []string{"x"}
				p.addRemoteUser("id-x", "other@example.com", "x")
			}},
		{name: "one of the earlier keys left the scope before", passes: []string{"update-user e0002"},
			plan: func(p *planFixture) {
				p.deactivated(1, 3)
				p.rename(2, "e0002", "u0001", "u0002")
				p.removeUsers(1, 1)
			}},
		{name: "a user who waits for deletion returns with another key", passes: []string{"activate-user e0001"},
			plan: func(p *planFixture) {
				p.deactivated(1, 3)
				p.rename(1, "e0001", "u0001")
			}},
	}
}

// swapNames exchanges the userNames of users 1 and 2, and of users 3 and 4.
func swapNames(p *planFixture) {
	p.set(1, 1, "userName", "name2@example.com")
	p.set(2, 2, "userName", "name1@example.com")
	p.set(3, 3, "userName", "name4@example.com")
	p.set(4, 4, "userName", "name3@example.com")
}

// The limit is max(5, 50 %) of the managed users.
func updatesRows() []gateRow {
	updates := func(users, n int) func(*planFixture) {
		return func(p *planFixture) {
			p.start(users)
			p.set(1, n, "title", "Senior Engineer")
		}
	}
	const gate = gateUpdates
	return []gateRow{
		{name: "19 of 40 users are below 50 %", plan: updates(40, 19)},
		{name: "20 of 40 users are 50 %", plan: updates(40, 20)},
		{name: "21 of 40 users are above 50 %", plan: updates(40, 21),
			holds: userRefs(UpdateUser, 1, 21)},
		{name: "5 of 6 users are the minimum", plan: updates(6, 5)},
		{name: "6 of 6 users are above the minimum", plan: updates(6, 6), many: 6},
		{name: "renames count", many: 21, plan: func(p *planFixture) {
			p.start(40)
			p.set(1, 5, "userName", "renamed%d@example.com")
			p.set(6, 21, "title", "Senior Engineer")
		}},
		{name: "activations do not count", plan: func(p *planFixture) {
			p.start(40)
			p.set(1, 20, "title", "Senior Engineer")
			p.inactiveBefore(21)
		}},
		{name: "drift does not count", plan: func(p *planFixture) {
			p.start(40)
			p.setRemote(1, 30, "title", "Dr")
		}},
		{name: "values of an earlier applied commit do not count", plan: func(p *planFixture) {
			updates(40, 30)(p)
			restored := *p.in.Desired
			restored.Users = maps.Clone(p.in.Desired.Users)
			p.in.Restored = &restored
			p.set(30, 40, "title", "Director")
		}},
		{name: "other values than those of an earlier applied commit", many: 21, plan: func(p *planFixture) {
			updates(40, 30)(p)
			restored := *p.in.Desired
			restored.Users = maps.Clone(p.in.Desired.Users)
			p.in.Restored = &restored
			p.set(10, 30, "displayName", "Ada")
		}},
		{name: "a declared percentage is reached", plan: func(p *planFixture) {
			updates(40, 21)(p)
			p.tune(gate, -1, 60, -1)
		}},
		{name: "deactivations do not count", plan: func(p *planFixture) {
			p.start(40)
			p.removeUsers(1, 30)
		}},
	}
}

// The limit is max(5, 10 %) of the managed users.
func activationsRows() []gateRow {
	activations := func(users, n int) func(*planFixture) {
		return func(p *planFixture) {
			p.start(users)
			for i := 1; i <= n; i++ {
				p.inactiveBefore(i)
			}
		}
	}
	const gate = gateActivations
	return []gateRow{
		{name: "9 of 100 users are below 10 %", plan: activations(100, 9)},
		{name: "10 of 100 users are 10 %", plan: activations(100, 10)},
		{name: "11 of 100 users are above 10 %", plan: activations(100, 11), many: 11},
		{name: "5 of 20 users are the minimum", plan: activations(20, 5)},
		{name: "6 of 20 users are above the minimum", plan: activations(20, 6),
			holds: userRefs(ActivateUser, 1, 6)},
		{name: "users who return to the scope count", many: 6, plan: func(p *planFixture) {
			p.start(20)
			for i := 1; i <= 6; i++ {
				p.deactivated(i, 3)
			}
		}},
		{name: "new users do not count", plan: func(p *planFixture) {
			activations(20, 5)(p)
			p.addUser(101)
		}},
		{name: "adopted users count if they are inactive", many: 6, plan: func(p *planFixture) {
			p.start(20)
			p.in.Provisioner.Adopt = "match"
			for i := 1; i <= 6; i++ {
				delete(p.in.Ledger.Users, userNumber(i).Key)
			}
			p.setRemote(1, 6, "active", "false")
		}},
		{name: "adopted users do not count if they are active", plan: func(p *planFixture) {
			p.start(20)
			p.in.Provisioner.Adopt = "match"
			for i := 1; i <= 6; i++ {
				delete(p.in.Ledger.Users, userNumber(i).Key)
			}
		}},
		{name: "a declared minimum is reached", plan: func(p *planFixture) {
			activations(20, 6)(p)
			p.tune(gate, 6, -1, -1)
		}},
	}
}

func switchedOffRows() []gateRow {
	return []gateRow{
		{name: "an administrator deactivated a user", holds: []string{"activate-user u0001"},
			passes: []string{"add-member h u0001"}, plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 2), groupOf("h", "Half", 3, 3))
				p.setRemote(1, 1, "active", "false")
				h := *p.in.Desired.Groups["h"]
				h.Members = []string{"u0001", "u0003"}
				p.setGroup(&h)
			}},
		{name: "an administrator deactivated a user whose declared title changes",
			holds: []string{"activate-user u0001"}, passes: []string{"update-user u0001"},
			plan: func(p *planFixture) {
				p.setRemote(1, 1, "active", "false")
				p.set(1, 1, "title", "Dr")
			}},
		{name: "nothing was applied yet", holds: []string{"activate-user u0001"}, plan: func(p *planFixture) {
			p.setRemote(1, 1, "active", "false")
			p.in.LastApplied = nil
		}},
		{name: "an administrator deactivated a user who now has another key",
			holds: []string{"activate-user e0001"}, passes: []string{"update-user e0001"},
			plan: func(p *planFixture) {
				p.setRemote(1, 1, "active", "false")
				p.rename(1, "e0001", "u0001")
			}},
		{name: "the user was declared inactive", passes: []string{"activate-user u0001"},
			plan: func(p *planFixture) { p.inactiveBefore(1) }},
		{name: "roster deactivated the user for a commit that is not complete",
			passes: []string{"activate-user u0001"}, plan: func(p *planFixture) {
				p.setRemote(1, 1, "active", "false")
				p.in.Ledger.Users["u0001"] = Owned{ID: "id-u0001", InactiveSince: &p.in.Now}
			}},
		{name: "roster activated the user for a commit that is not complete",
			holds: []string{"activate-user u0001"}, plan: func(p *planFixture) {
				p.inactiveBefore(1)
				p.in.Ledger.Users["u0001"] = Owned{ID: "id-u0001"}
			}},
		{name: "an unproved entry says that roster deactivated the user", holds: []string{"activate-user u0001"},
			plan: func(p *planFixture) {
				p.setRemote(1, 1, "active", "false")
				p.in.Ledger.Users["u0001"] = Owned{ID: "id-u0001", InactiveSince: &p.in.Now}
				p.in.Unproved = UnprovedEntries{Users: map[string]bool{"u0001": true}}
				p.in.Evidence.Assumed = true
			}},
		{name: "an unproved entry and the last applied declarations have the user as inactive",
			passes: []string{"activate-user u0001"}, plan: func(p *planFixture) {
				p.inactiveBefore(1)
				p.in.Unproved = UnprovedEntries{Users: map[string]bool{"u0001": true}}
				p.in.Evidence.Assumed = true
			}},
		{name: "the user waits for deletion", passes: []string{"activate-user u0001"},
			plan: func(p *planFixture) { p.deactivated(1, 3) }},
		{name: "a user who is not managed yet is inactive", passes: []string{"adopt-user u0001"},
			plan: func(p *planFixture) {
				p.in.Provisioner.Adopt = "match"
				delete(p.in.Ledger.Users, "u0001")
				p.setRemote(1, 1, "active", "false")
			}},
	}
}
