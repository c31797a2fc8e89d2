package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// heldDigest returns the digest of the held changes that an approval can release; "" if there is
// none.
func (p *Plan) heldDigest() string {
	held := func(c *Change) bool { return len(c.Held()) > 0 && c.Waiting() == "" && c.Approvable() }
	if !slices.ContainsFunc(p.Changes, func(c Change) bool { return held(&c) }) {
		return ""
	}
	return digest(p.Identity, p.Changes, held)
}

// digest returns the SHA-256 of the sorted set of (provisioner identity, kind, key, id, attribute,
// new value) of the selected changes.
func digest(identity string, changes []Change, selected func(*Change) bool) string {
	order := make([]int, 0, len(changes))
	for i := range changes {
		if selected(&changes[i]) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return changes[i].Ref().Compare(changes[j].Ref()) })
	h := sha256.New()
	line := make([]byte, 0, 256)
	for _, i := range order {
		changes[i].eachEffect(func(e effect) {
			line = line[:0]
			for _, field := range [...]string{identity, string(e.kind), e.key, e.id, e.attribute, e.value} {
				line = append(append(line, field...), 0)
			}
			_, _ = h.Write(line)
		})
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// heldDigestOf returns the digest of the changes that a run held and that an approval can release,
// with the ids of objects that the run created.
func heldDigestOf(plan *Plan, results []Done) string {
	held := releasableOf(results)
	if len(held) == 0 {
		return ""
	}
	return digest(plan.Identity, held, func(*Change) bool { return true })
}

// heldGroupsOf returns the groups of the same changes.
func heldGroupsOf(plan *Plan, results []Done) []HeldGroup {
	var commits []CommitRef
	for _, g := range plan.HeldGroups {
		commits = append(commits, CommitRef{ID: g.Cause.Commit, Subject: g.Subject, Author: g.Author})
	}
	return heldGroups(plan.Identity, releasableOf(results), commits)
}

// releasableOf returns the changes that a run held and that an approval can release.
func releasableOf(results []Done) []Change {
	var out []Change
	for i := range results {
		if d := &results[i]; d.Result == ResultHeld && d.Approvable() {
			out = append(out, *d.Change)
		}
	}
	return out
}
