package run_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

func commitID(n int) string { return fmt.Sprintf("commit-%d", n) }

// commitSteps are done by a person who can push to the branch of the declarations.
var commitSteps = []hostileStep{
	{"a commit removes people and has its own approval", func(h *hostile) {
		h.attack()
		h.commit(h.Now)
		digest := h.previewedDigest()
		h.withdraw()
		h.grant(digest)
		h.commit(h.commitTime())
	}},
	{"a commit approves what the one before it did, without a run between", func(h *hostile) {
		h.attack()
		h.commit(h.Now)
		h.grant(h.previewedDigest())
		h.commit(h.commitTime())
	}},
	{"a commit loosens the gates and removes people", func(h *hostile) {
		h.org.policy, h.org.adopt = loosePolicy(), "take-over"
		h.attack()
		h.commit(h.commitTime())
	}},
	{"two commits loosen the gates and remove people", func(h *hostile) {
		h.org.policy = loosePolicy()
		h.commit(h.commitTime())
		h.attack()
		h.commit(h.commitTime())
	}},
	{"a commit only loosens the gates", func(h *hostile) {
		h.org.policy = loosePolicy()
		h.commit(h.commitTime())
	}},
	{"a commit removes people", func(h *hostile) {
		h.attack()
		h.commit(h.commitTime())
	}},
	{"a commit renames the provisioner, loosens the gates and removes people", func(h *hostile) {
		h.org.previously = append(h.org.previously, h.org.provisioner())
		h.org.key = fmt.Sprintf("aws%d", len(h.orgs))
		h.org.policy = loosePolicy()
		h.attack()
		h.commit(h.commitTime())
	}},
	{"an old approval is added again with a removal", func(h *hostile) {
		h.attack()
		for _, p := range h.printed {
			h.grant(p.digest)
		}
		h.commit(h.commitTime())
	}},
	{"an unmanaged administrator is declared", func(h *hostile) {
		h.org.adopt = h.pick("adopt", []string{"match", "take-over"})
		st := h.Sim.State()
		for _, u := range st.Users {
			if key := h.pick("user", userKeys); h.owned[u.ID].key == "" && h.org.users[key] == nil {
				name, _, _ := cutDomain(u.UserName)
				if !h.org.hasName(name) {
					h.org.users[key] = &userState{name: name, state: "ACTIVE"}
				}
			}
		}
		h.commit(h.commitTime())
	}},
	{"a user takes the key of another person and another name", func(h *hostile) {
		h.rekey(h.pick("old key", append(slices.Clone(userKeys), "someone-elses")), true)
		h.commit(h.commitTime())
	}},
	{"what is held is approved in a later commit", func(h *hostile) { h.approveNewest() }},
	{"the strict policy is declared again", func(h *hostile) {
		h.org.policy, h.org.adopt = h.strictPolicy(), "never"
		h.commit(h.Now)
	}},
}

// attack changes the organization so that gates must hold something.
func (h *hostile) attack() {
	for range rapid.IntRange(1, 3).Draw(h.T, "attacks") {
		switch rapid.IntRange(0, 4).Draw(h.T, "attack") {
		case 0, 1:
			delete(h.org.users, h.pick("user", userKeys))
		case 2:
			delete(h.org.groups, h.pick("group", groupKeys))
		case 3:
			if g := h.org.groups[h.pick("group", groupKeys)]; g != nil {
				clear(g.members)
			}
		default:
			for _, key := range slices.Sorted(maps.Keys(h.org.users)) {
				if u := h.org.users[key]; !h.org.hasName(u.name + "-x") {
					u.name += "-x"
				}
			}
		}
	}
}

// rekey declares a user with a new key instead of one with an old key.
func (h *hostile) rekey(old string, rename bool) {
	n := strconv.Itoa(len(h.orgs))
	if h.org.users[old] == nil {
		h.org.users[old] = &userState{name: "new" + n, state: "ACTIVE"}
	}
	h.org.rekey(old, "k"+n)
	if rename {
		h.org.users["k"+n].name = "new" + n
	}
}

func (o *org) hasName(name string) bool {
	for _, u := range o.users {
		if u.name == name {
			return true
		}
	}
	return false
}

func cutDomain(userName string) (name, domain string, ok bool) {
	const suffix = "@example.com"
	n := len(userName) - len(suffix)
	if n <= 0 || userName[n:] != suffix {
		return "foreign", "", false
	}
	return userName[:n], suffix, true
}

// grant adds an approval of a digest, or edits it.
func (h *hostile) grant(digest string) {
	if digest != "" {
		h.org.approvals[digest] = fmt.Sprintf("reason %d", len(h.orgs))
	}
}

// commitTime is the time of a hostile commit: it may be in the future.
func (h *hostile) commitTime() time.Time {
	if rapid.IntRange(0, 3).Draw(h.T, "commit time") == 0 {
		return h.Now.AddDate(1, 0, 0)
	}
	return h.Now
}

// withdraw removes the newest commit.
func (h *hostile) withdraw() {
	n := len(h.orgs) - 1
	h.orgs, h.commitTimes, h.Commits = h.orgs[:n], h.commitTimes[:n], h.Commits[:n]
	h.reviewed = h.reviewed[:n]
}

// previewedDigest returns the digest of what the newest commit would make roster hold, as a
// preview of its pull request prints it.
func (h *hostile) previewedDigest() string {
	m := h.machines[0]
	at := h.Now
	defer func() { h.SetNow(at) }()
	runner := m.runner()
	runner.Audit = m.recorder.Reader()
	n := len(h.Commits)
	result, err := runner.Once(context.Background(), run.Request{
		Provisioner: h.org.provisioner(), Declarations: h.Commits[n-1], Trigger: "command",
		Commit: reconcile.CommitRef{ID: commitID(n), Time: h.commitTimes[n-1]},
	})
	if err != nil || result.Plan == nil {
		h.logf("    no preview: %v", err)
		return ""
	}
	return result.Plan.HeldDigest
}

// approveNewest approves what the newest report holds, as a colleague would: everything, or the
// changes of one cause.
func (h *hostile) approveNewest() {
	for _, r := range slices.Backward(h.runs) {
		if r.result == nil || r.result.Report == nil {
			continue
		}
		digests := []string{r.result.Report.HeldDigest}
		for _, g := range r.result.Report.HeldGroups {
			digests = append(digests, g.Digest)
		}
		h.grant(h.pick("digest", digests))
		break
	}
	h.commit(h.Now)
}

// machineSteps are ordinary events of machines.
var machineSteps = []hostileStep{
	{"the daemon loses its state directory", func(h *hostile) { h.machines[0].loseState() }},
	{"the laptop loses its state directory", func(h *hostile) { h.machines[1].loseState() }},
	{"the daemon is restarted", func(h *hostile) { h.machines[0].start() }},
	{"another machine runs", func(h *hostile) { h.runOn(h.machines[1], "command") }},
	{"the next run of the daemon is killed", func(h *hostile) {
		h.machines[0].crash = &crash{writes: rapid.IntRange(0, 4).Draw(h.T, "writes")}
		h.runOn(h.machines[0], "commit")
	}},
	{"the daemon is killed and loses its state directory", func(h *hostile) {
		h.machines[0].crash = &crash{writes: rapid.IntRange(0, 4).Draw(h.T, "writes")}
		h.runOn(h.machines[0], "commit")
		h.machines[0].loseState()
	}},
	{"a colleague approves what is held", func(h *hostile) { h.approveNewest() }},
	{"a user gets another key", func(h *hostile) {
		h.rekey(h.pick("old key", userKeys), false)
		h.publish()
	}},
	{"the lease ends", func(h *hostile) { h.SetNow(h.Now.Add(20 * time.Minute)) }},
}

func (h *hostile) lostState(*machine) { h.stateLost = true }
