package reconcile

import (
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

func removedRows() []gateRow {
	return []gateRow{
		{name: "the provisioner is no longer declared", holds: userRefs(DeactivateUser, 1, 3),
			plan: func(p *planFixture) {
				p.start(3)
				p.in.Desired = DesiredOfRemoved(p.in.Provisioner)
			}},
		{name: "all users left the scope", passes: userRefs(DeactivateUser, 1, 3),
			plan: func(p *planFixture) {
				p.start(3)
				p.removeUsers(1, 3)
			}},
	}
}

// moveUser plans an addition and a removal.
func moveUser(p *planFixture) {
	p.start(3, groupOf("g", "Group", 1, 2), groupOf("h", "Half", 3, 3))
	p.setGroup(groupOf("g", "Group", 2, 2))
	p.setGroup(groupOf("h", "Half", 1, 3))
}

// The changes of moveUser.
var (
	movedIn  = []string{"add-member h u0001", "add-member h u0002"}
	movedOut = []string{"remove-member g u0001"}
	moved    = slices.Concat(movedIn, movedOut)
)

func historyRows() []gateRow {
	return []gateRow{
		{name: "the commit does not descend from the last applied one", holds: moved,
			plan: func(p *planFixture) {
				moveUser(p)
				p.in.HistoryReason = "commit 2222222 does not descend from 1111111"
			}},
		{name: "the commit descends from the last applied one", passes: moved, plan: moveUser},
	}
}

// outOfReachRows has drift that gives access back, drift that takes it, and an intended change.
func outOfReachRows() []gateRow {
	drift := func(p *planFixture) {
		p.start(3, groupOf("g", "Group", 1, 2), groupOf("h", "Half", 3, 3))
		p.in.Observed.Members["id-g"] = []string{"id-u0001", "id-u0003"}
		p.setRemote(1, 1, "title", "Chief")
		p.set(2, 2, "title", "Director")
	}
	corrected := []string{"update-user u0001", "add-member g u0002"}
	others := []string{"update-user u0002", "remove-member g u0003"}
	all := []string{"update-user u0001", "update-user u0002", "add-member g u0002", "remove-member g u0003"}
	return []gateRow{
		{name: "Git is out of reach", holds: others, passes: corrected, notApprovable: true,
			plan: func(p *planFixture) {
				drift(p)
				p.in.OutOfReach = "fetch https://git.example.com/people.git: the server cannot be reached"
			}},
		{name: "Git is out of reach and the user was deleted in AWS", holds: []string{"create-user u0003"},
			notApprovable: true, plan: func(p *planFixture) {
				p.start(3)
				p.in.Provisioner.Limits["vanished"] = &schema.Limit{Off: true, Reason: "we know"}
				p.deleteRemoteUser("u0003")
				p.in.OutOfReach = "no route to host"
			}},
		{name: "Git answers", passes: all, plan: drift},
	}
}

func auditRows() []gateRow {
	trust := func(level TrustLevel, change func(in *PlanInput)) func(*planFixture) {
		return func(p *planFixture) {
			moveUser(p)
			p.in.Trust = AuditTrust{Level: level, Reason: "the status was changed"}
			if level == TrustBroken {
				p.in.Trust.Break = "1111111"
			}
			if change != nil {
				change(&p.in)
			}
		}
	}
	return []gateRow{
		{name: "the audit branch is broken", holds: moved, notApprovable: true, plan: trust(TrustBroken, nil)},
		{name: "the audit branch is broken and has no status", holds: moved, notApprovable: true,
			plan: trust(TrustBroken, func(in *PlanInput) { in.Status = nil })},
		{name: "the audit branch is broken and an approval releases it", passes: moved,
			plan: trust(TrustBroken, func(in *PlanInput) {
				in.AuditRelease = &Approved{Digest: "audit:1111111", Reason: "restored"}
			})},
		{name: "the audit branch is unproved", passes: moved, plan: trust(TrustUnproved, nil)},
		{name: "the audit branch is proved", passes: moved, plan: trust(TrustProved, nil)},
	}
}

func emptySourceRows() []gateRow {
	users := func(left int) func(*planFixture) {
		return func(p *planFixture) {
			p.start(40)
			p.removeUsers(left+1, 40)
		}
	}
	groups := func(left int) func(*planFixture) {
		return func(p *planFixture) {
			p.start(4, groupOf("g", "Group", 1, 1), groupOf("h", "Half", 1, 1),
				groupOf("i", "Ink", 1, 1), groupOf("k", "Kin", 1, 1))
			for _, key := range []string{"g", "h", "i", "k"}[left:] {
				delete(p.in.Desired.Groups, key)
			}
		}
	}
	return []gateRow{
		{name: "21 of 40 users are left", plan: users(21)},
		{name: "half of the users are left", plan: users(20)},
		{name: "19 of 40 users are left", plan: users(19), many: 21},
		{name: "20 of 41 users are left", many: 21, plan: func(p *planFixture) {
			p.start(41)
			p.removeUsers(21, 41)
		}},
		{name: "no users are left", plan: users(0), many: 40},
		{name: "half of the groups are left", plan: groups(2)},
		{name: "1 of 4 groups is left", plan: groups(1),
			holds: []string{"delete-group h", "delete-group i", "delete-group k"}},
		{name: "no groups are left", plan: groups(0), many: 4},
		{name: "no groups are left because groups are not pushed", plan: func(p *planFixture) {
			groups(0)(p)
			p.in.Provisioner.PushGroups = false
			p.addUser(5)
		}, passes: []string{"create-user u0005", "release-group g", "release-group h", "release-group i",
			"release-group k"}},
		{name: "users who wait for deletion do not count", plan: func(p *planFixture) {
			users(19)(p)
			for i := 20; i <= 40; i++ {
				p.deactivated(i, 3)
			}
			p.addUser(41)
		}, passes: []string{"create-user u0041"}},
		{name: "nothing is managed yet", plan: func(p *planFixture) {
			p.start(0)
			p.addUser(1)
		}, passes: []string{"create-user u0001"}},
	}
}

func scopeFlipRows() []gateRow {
	change := func(before, now bool) func(*planFixture) {
		return func(p *planFixture) {
			p.in.LastApplied.AllUsers, p.in.Desired.AllUsers = before, now
			p.addUser(101)
		}
	}
	created := []string{"create-user u0101"}
	return []gateRow{
		{name: "from groups to all users", plan: change(false, true), holds: created},
		{name: "from all users to groups", plan: change(true, false), holds: created},
		{name: "all users as before", plan: change(true, true), passes: created},
		{name: "groups as before", plan: change(false, false), passes: created},
		{name: "nothing was applied yet", passes: created, plan: func(p *planFixture) {
			change(false, true)(p)
			p.in.LastApplied = nil
		}},
	}
}

func groupDeletesRows() []gateRow {
	return []gateRow{
		{name: "one group is deleted", holds: []string{"delete-group g"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 1), groupOf("h", "Half", 1, 1))
				delete(p.in.Desired.Groups, "g")
			}},
		{name: "users are deleted", passes: userRefs(DeleteUser, 1, 3), plan: func(p *planFixture) {
			p.in.Provisioner.Deprovision.Mode = "delete"
			p.removeUsers(1, 3)
		}},
		{name: "a group gets another key", plan: func(p *planFixture) {
			p.start(10, groupOf("g", "Group", 1, 1))
			delete(p.in.Desired.Groups, "g")
			renamed := groupOf("h", "Half", 1, 1)
			renamed.Previously = []string{"g"}
			p.setGroup(renamed)
		}, passes: []string{"rename-group h"}},
	}
}

func protectedRows() []gateRow {
	return []gateRow{
		{name: "a protected user changes",
			holds: []string{"update-user u0001"}, passes: []string{"update-user u0002"},
			plan: func(p *planFixture) {
				p.protectUser("u0001")
				p.set(1, 2, "title", "Senior Engineer")
			}},
		{name: "a protected user loses a membership", holds: []string{"remove-member g u0001"},
			passes: []string{"remove-member g u0002"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 1, 3))
				p.protectUser("u0001")
				p.setGroup(groupOf("g", "Group", 3, 3))
			}},
		{name: "a protected user gets a membership", passes: []string{"add-member g u0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 2, 2))
				p.protectUser("u0001")
				p.setGroup(groupOf("g", "Group", 1, 2))
			}},
		{name: "a protected group gets a member", holds: []string{"add-member g u0001"},
			plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 2, 2))
				p.in.Provisioner.Protect.Groups = map[string]schema.Pos{"g": {}}
				p.setGroup(groupOf("g", "Group", 1, 2))
			}},
		{name: "a group of Control Tower, and one with a similar name",
			holds: []string{"remove-member g u0002"}, passes: []string{"remove-member h u0002"},
			plan: func(p *planFixture) {
				const name, similar = "AWSControlTowerAdmins", "awscontroltoweradmins-2"
				p.start(10, groupOf("g", name, 1, 2), groupOf("h", similar, 1, 2))
				p.setGroup(groupOf("g", name, 1, 1))
				p.setGroup(groupOf("h", similar, 1, 1))
			}},
		{name: "protected objects get other keys", holds: []string{"update-user e0001", "update-group h"},
			passes: []string{"update-user e0002"}, plan: func(p *planFixture) {
				p.start(10, groupOf("g", "Group", 3, 3))
				p.protectUser("u0001")
				p.in.Provisioner.Protect.Groups = map[string]schema.Pos{"g": {}}
				p.rename(1, "e0001", "u0001")
				p.rename(2, "e0002", "u0002")
				h := groupOf("h", "Group", 3, 3)
				h.Previously = []string{"g"}
				delete(p.in.Desired.Groups, "g")
				p.setGroup(h)
			}},
		{name: "protected objects that the plan creates",
			passes: []string{"create-user u0101", "create-group g", "add-member g u0101"},
			plan: func(p *planFixture) {
				p.protectUser("u0101")
				p.in.Provisioner.Protect.Groups = map[string]schema.Pos{"g": {}}
				p.addUser(101)
				p.setGroup(groupOf("g", "Group", 101, 101))
			}},
	}
}

func (p *planFixture) protectUser(key string) {
	p.in.Provisioner.Protect.Users = map[string]schema.Pos{key: {}}
}

func unreviewedRows() []gateRow {
	reviewed := func(missing []string, effects ...effect) *Reviewed {
		r := &Reviewed{allowed: map[effect]bool{}}
		for _, reason := range missing {
			r.Missing = append(r.Missing, MissingReview{Reason: reason})
		}
		for _, e := range effects {
			r.allowed[e] = true
		}
		return r
	}
	retitled := effect{UpdateUser, "u0001", "id-u0001", "title", "Senior Engineer"}
	update := func(r *Reviewed) func(*planFixture) {
		return func(p *planFixture) {
			p.set(1, 1, "title", "Senior Engineer")
			p.in.Reviewed = r
		}
	}
	changed := []string{"update-user u0001"}
	return []gateRow{
		{name: "the change was not reviewed", plan: update(reviewed(nil)), holds: changed},
		{name: "reviews are missing", holds: changed,
			plan: update(reviewed([]string{"pull request 7: not approved"}))},
		{name: "a review covers a part", holds: changed, plan: func(p *planFixture) {
			update(reviewed(nil, retitled))(p)
			p.set(1, 1, "displayName", "Ada")
		}},
		{name: "a review covers the change",
			plan: update(reviewed(nil, retitled)), passes: changed},
		{name: "no review is required", plan: update(nil), passes: changed},
		{name: "drift needs no review", passes: []string{"update-user u0100"},
			plan: func(p *planFixture) {
				u := &p.in.Observed.Users[99]
				u.Attributes = merge(u.Attributes, Attributes{attribute("title", "Dr")})
				p.in.Reviewed = reviewed(nil)
			}},
	}
}

func deprovisionRows() []gateRow {
	mode := func(was, is schema.Deprovision, change func(*planFixture)) func(*planFixture) {
		return func(p *planFixture) {
			p.in.Provisioner.Deprovision = was
			p.loosen(func(now *schema.Provisioner) { now.Deprovision = is })
			change(p)
		}
	}
	leaver := func(p *planFixture) { p.removeUsers(1, 1) }
	waiting := func(p *planFixture) {
		p.removeUsers(1, 1)
		p.deactivated(1, 20)
	}
	days := func(n int) schema.Deprovision { return schema.Deprovision{Mode: "deactivate", DeleteAfterDays: &n} }
	keep, deactivate := schema.Deprovision{Mode: "keep"}, schema.Deprovision{Mode: "deactivate"}
	deletes := schema.Deprovision{Mode: "delete"}
	return []gateRow{
		{name: "deactivate becomes delete",
			plan: mode(deactivate, deletes, leaver), holds: []string{"delete-user u0001"}},
		{name: "keep becomes deactivate",
			plan: mode(keep, deactivate, leaver), holds: []string{"deactivate-user u0001"}},
		{name: "deletion begins", plan: mode(deactivate, days(10), waiting), holds: []string{"delete-user u0001"}},
		{name: "deletion comes sooner", plan: mode(days(30), days(10), waiting), holds: []string{"delete-user u0001"}},
		{name: "deletion comes later, and is due", plan: mode(days(1), days(10), waiting),
			passes: []string{"delete-user u0001"}},
		{name: "delete becomes deactivate", plan: mode(deletes, deactivate, leaver),
			passes: []string{"deactivate-user u0001"}},
		{name: "nothing is loosened", plan: leaver, passes: []string{"deactivate-user u0001"}},
	}
}
