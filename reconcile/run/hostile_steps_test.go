package run_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
)

// The steps of histories that look for one sabotage, where it would seldom be found otherwise.

// ownershipSteps make an unmanaged object look like one that roster owns.
var ownershipSteps = []hostileStep{
	{"a ledger entry is edited", func(h *hostile) { h.forge(forgeEntry, nil) }},
	{"a ledger entry is added", func(h *hostile) { h.forge(addEntry, nil) }},
	{"an entry takes the externalId of an unmanaged object", func(h *hostile) { h.forge(addUnmanaged, nil) }},
	{"an entry for a new key names an unmanaged user, and the key is declared", func(h *hostile) {
		n := fmt.Sprint(len(h.orgs))
		h.org.users["new"+n] = &userState{name: "new" + n, state: "ACTIVE"}
		h.forge(func(h *hostile, l *reconcile.Ledger) {
			for _, u := range h.Sim.State().Users {
				if h.owned[u.ID].key == "" {
					l.Users["new"+n] = reconcile.Owned{ID: u.ID}
				}
			}
		}, nil)
		h.commit(h.Now)
	}},
	{"the key of an unmanaged object is declared", func(h *hostile) {
		h.org.adopt = h.pick("adopt", []string{"never", "match"})
		n := len(h.orgs)
		if h.org.users["u5"] == nil {
			h.org.users["u5"] = &userState{name: fmt.Sprintf("five%d", n), state: "ACTIVE"}
		}
		if h.org.groups["g3"] == nil {
			h.org.groups["g3"] = &groupState{name: fmt.Sprintf("Three%d", n), members: map[string]string{"u1": ""}}
		}
		h.commit(h.Now)
	}},
}

// approvalSteps use an approval for what it must not release.
var approvalSteps = []hostileStep{
	{"a commit removes two people", func(h *hostile) { h.removePeople(2) }},
	{"a commit removes two people and has its own approval", func(h *hostile) {
		h.removePeople(2)
		digest := h.previewedDigest()
		h.withdraw()
		h.grant(digest)
		h.commit(h.Now)
	}},
	{"what the newest commit removes is approved before a report", func(h *hostile) {
		h.removePeople(2)
		h.grant(h.previewedDigest())
		h.commit(h.Now)
	}},
	{"what is held is approved", func(h *hostile) { h.approveNewest() }},
	{"what is held is approved, and nothing runs for two days", func(h *hostile) {
		h.approveNewest()
		h.SetNow(h.Now.Add(48 * time.Hour))
	}},
	{"an administrator activates all users", func(h *hostile) { h.activateAll() }},
}

// goneSteps damage the branch while there is something to send.
var goneSteps = []hostileStep{
	{"the branch is rewound", func(h *hostile) {
		h.touch()
		h.branch.rewind(rapid.IntRange(1, 3).Draw(h.T, "commits"))
	}},
	{"the branch is deleted", func(h *hostile) {
		h.touch()
		h.branch.rewind(1 << 20)
	}},
	{"a user is added", func(h *hostile) { h.addUser() }},
}

// statusSteps delete the status while there is something to send.
var statusSteps = []hostileStep{
	{"the status is deleted", func(h *hostile) { h.editFiles("status/", nil) }},
	{"a user is added", func(h *hostile) { h.addUser() }},
}

func (h *hostile) addUser() {
	n := fmt.Sprint(len(h.orgs))
	h.org.users["new"+n] = &userState{name: "new" + n, state: "ACTIVE"}
	h.publish()
}

// counterSteps make roster forget what it counted. The daemon runs between them.
var counterSteps = []hostileStep{
	{"the status forgets a removal before the next one", func(h *hostile) {
		h.removePeople(1)
		h.runOn(h.machines[0], "commit")
		h.forgeReport(nil, forgetCounters)
		h.removePeople(1)
		h.runOn(h.machines[0], "commit")
	}},
	{"the status forgets the use of an approval before the same drift", func(h *hostile) {
		h.removePeople(2)
		h.runOn(h.machines[0], "commit")
		h.approveNewest()
		h.runOn(h.machines[0], "commit")
		h.activateAll()
		h.forgeReport(nil, forgetCounters)
		h.runOn(h.machines[0], "schedule")
	}},
}

func (h *hostile) activateAll() {
	for _, u := range h.Sim.State().Users {
		u.Active = true
		h.put(u)
	}
}

func forgetCounters(_ *hostile, s *reconcile.Status) {
	s.Removals, s.UsedApprovals = nil, nil
	s.Digest += "-forged" // otherwise the report may repeat the last one, and is only counted
}

// removePeople commits the removal of users who are not protected.
func (h *hostile) removePeople(n int) {
	for _, key := range []string{"u3", "u4", "u1", "u5", "u6"} {
		if n > 0 && h.org.users[key] != nil {
			delete(h.org.users, key)
			n--
		}
	}
	h.commit(h.Now)
}
