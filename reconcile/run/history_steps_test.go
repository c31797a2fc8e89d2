package run_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// step is an event that can happen between two runs.
type step struct {
	name string
	do   func(*history)
}

// GoString makes the draws of a failed history readable.
func (s step) GoString() string { return strconv.Quote(s.name) }

// steps are the steps of random histories.
var steps = append(slices.Clone(ordinarySteps),
	step{"what is held is approved", func(h *history) { h.approve() }},
	step{"a user gets another key", func(h *history) {
		old := h.pick("old key", slices.Sorted(maps.Keys(h.org.users)))
		h.org.rekey(old, "k"+strconv.Itoa(len(h.Commits)))
		h.publish()
	}},
	step{"an administrator deactivates a user", func(h *history) {
		if u, ok := h.Sim.State().User(h.pick("name", userNames) + "@example.com"); ok && u.Active {
			u.Active = false
			h.put(u)
			h.switchedOff[u.ID] = true
		}
	}},
	step{"the audit branch is lost", func(h *history) {
		h.Audit = &reconciletest.Audit{}
		h.Runner.Audit, h.Runner.Archive = h.Audit, h.Audit
	}},
	step{"the branch is forced back", func(h *history) {
		if n := len(h.Commits); n > 1 {
			h.Commits = h.Commits[:n-1]
		}
	}},
)

// ordinarySteps are the steps that do not depend on how runs are recorded.
var ordinarySteps = []step{
	{"a user is added, removed or renamed", func(h *history) {
		key := h.pick("user", userKeys)
		free := slices.DeleteFunc(slices.Clone(userNames), func(n string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Values(h.org.users)),
				func(p *userState) bool { return p.name == n })
		})
		switch u := h.org.users[key]; {
		case u == nil && len(free) > 0:
			h.org.users[key] = &userState{name: h.pick("name", free), state: "ACTIVE"}
		case u == nil:
		case len(free) > 0 && rapid.Bool().Draw(h.T, "rename"):
			u.name = h.pick("name", free)
		default:
			delete(h.org.users, key)
		}
		h.publish()
	}},
	{"two people swap names", func(h *history) {
		if a, b := h.org.users[h.pick("a", userKeys)], h.org.users[h.pick("b", userKeys)]; a != nil && b != nil {
			a.name, b.name = b.name, a.name
			h.publish()
		}
	}},
	{"two groups swap names", func(h *history) {
		if a, b := h.org.groups[h.pick("a", groupKeys)], h.org.groups[h.pick("b", groupKeys)]; a != nil && b != nil {
			a.name, b.name = b.name, a.name
			h.publish()
		}
	}},
	{"a state or a last day changes", func(h *history) {
		if u := h.org.users[h.pick("user", userKeys)]; u != nil {
			u.state, u.until = h.pick("state", []string{"ACTIVE", "ACTIVE", "LOCKED", "INACTIVE"}), ""
			if rapid.IntRange(0, 3).Draw(h.T, "dated") == 0 {
				u.until = h.date()
			}
			h.publish()
		}
	}},
	{"a group is added or removed", func(h *history) {
		key := h.pick("group", groupKeys)
		if h.org.groups[key] != nil {
			delete(h.org.groups, key)
		} else {
			for _, name := range teamNames {
				if !slices.ContainsFunc(slices.Collect(maps.Values(h.org.groups)),
					func(g *groupState) bool { return g.name == name }) {
					h.org.groups[key] = &groupState{name: name, members: map[string]string{"u1": ""}}
					break
				}
			}
		}
		h.publish()
	}},
	{"members change", func(h *history) {
		if g := h.org.groups[h.pick("group", groupKeys)]; g != nil {
			key := h.pick("user", userKeys)
			if _, in := g.members[key]; in {
				delete(g.members, key)
			} else {
				g.members[key] = ""
				if rapid.IntRange(0, 2).Draw(h.T, "dated") == 0 {
					g.members[key] = h.date()
				}
			}
			if rapid.IntRange(0, 3).Draw(h.T, "nest") == 0 {
				g.include = h.pick("include", groupKeys)
			}
			h.publish()
		}
	}},
	{"the policy changes", func(h *history) {
		h.org.enabled = rapid.IntRange(0, 3).Draw(h.T, "enabled") > 0
		h.org.adopt = h.pick("adopt", []string{"never", "match", "take-over"})
		h.org.deprovision, h.org.deleteAfter = h.pick("mode", []string{"deactivate", "deactivate", "delete", "keep"}), 0
		if h.org.deprovision == "deactivate" {
			h.org.deleteAfter = rapid.IntRange(0, 3).Draw(h.T, "days")
		}
		h.org.paused = ""
		if rapid.IntRange(0, 4).Draw(h.T, "pause") == 0 {
			h.org.paused = h.date()
		}
		h.publish()
	}},
	{"the selection changes", func(h *history) {
		h.org.selection = nil
		for _, key := range groupKeys {
			if rapid.Bool().Draw(h.T, "select "+key) {
				h.org.selection = append(h.org.selection, key)
			}
		}
		h.org.pushGroups = rapid.IntRange(0, 4).Draw(h.T, "push") > 0
		h.publish()
	}},
	{"an administrator changes a user", func(h *history) {
		st := h.Sim.State()
		if len(st.Users) == 0 {
			return
		}
		u := rapid.SampledFrom(st.Users).Draw(h.T, "user")
		switch rapid.IntRange(0, 4).Draw(h.T, "how") {
		case 0:
			h.must(h.Sim.DeleteUser(u.ID))
		case 1:
			u.Active = !u.Active
			h.put(u)
		case 2:
			u.DisplayName = "Other Name"
			h.put(u)
		case 3:
			u.ExternalID = ""
			h.put(u)
		default:
			u.UserName = "outside-" + u.UserName
			h.put(u)
		}
	}},
	{"an administrator changes a group", func(h *history) {
		st := h.Sim.State()
		if len(st.Groups) == 0 || len(st.Users) == 0 {
			return
		}
		g, u := rapid.SampledFrom(st.Groups).Draw(h.T, "group"), rapid.SampledFrom(st.Users).Draw(h.T, "user")
		switch rapid.IntRange(0, 3).Draw(h.T, "how") {
		case 0:
			h.must(h.Sim.DeleteGroup(g.ID))
		case 1:
			h.must(h.Sim.AddMember(g.ID, u.ID))
		case 2:
			h.must(h.Sim.RemoveMember(g.ID, u.ID))
		default:
			g.DisplayName = "Outside " + g.DisplayName
			_, _ = h.Sim.PutGroup(g) // the name may be taken
		}
	}},
	{"an administrator makes something", func(h *history) {
		name := h.pick("name", append(slices.Clone(userNames), "zoe"))
		id, err := h.Sim.PutUser(awssim.User{UserName: name +
			"@example.com", DisplayName: "foreign", Name: &awssim.Name{GivenName: "F",
			FamilyName: "F"}, Active: true,
			ExternalID: h.pick("externalId", []string{"", "", "someone-elses"})})
		if err != nil {
			return // taken
		}
		g := awssim.Group{DisplayName: h.pick("team", append(slices.Clone(teamNames), "Foreign"))}
		if gid, err := h.Sim.PutGroup(g); err == nil {
			h.must(h.Sim.AddMember(gid, id))
		}
	}},
	{"time passes", func(h *history) {
		h.SetNow(h.Now.Add(time.Duration(rapid.IntRange(1, 60).Draw(h.T, "hours")) * time.Hour))
	}},
	{"AWS stumbles", func(h *history) {
		fault := awssim.Fault{
			Name: rapid.SampledFrom([]awssim.FaultName{
				awssim.FaultError500, awssim.FaultTruncate, awssim.FaultRepeatPage, awssim.FaultReplyLost,
				awssim.FaultConflict, awssim.FaultGateway,
			}).Draw(h.T, "fault"),
			Nth:   rapid.IntRange(1, 8).Draw(h.T, "nth"),
			Times: rapid.SampledFrom([]int{1, 30}).Draw(h.T, "times"),
		}
		h.must(h.Sim.Inject(fault))
		h.faulted = true
	}},
	{"nothing", func(*history) {}},
}

func (h *history) must(err error) {
	if err != nil {
		h.T.Fatal(err)
	}
}

func (h *history) put(u awssim.User) { _, _ = h.Sim.PutUser(u) } // a name may be taken: then nothing happens

func (h *history) approve() {
	if n := len(h.Audit.Reports); n > 0 && h.Audit.Reports[n-1].HeldDigest != "" {
		h.org.approvals[h.Audit.Reports[n-1].HeldDigest] = fmt.Sprintf("test %d", len(h.Commits)) // another approval
		h.publish()
	}
}
