package run_test

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
)

// What a forger makes of a ledger and a status.

// anyID returns the id of any object in the directory.
func (h *hostile) anyID() string {
	st := h.Sim.State()
	var ids []string
	for _, u := range st.Users {
		ids = append(ids, u.ID)
	}
	for _, g := range st.Groups {
		ids = append(ids, g.ID)
	}
	if len(ids) == 0 {
		return "00000000-0000-4000-8000-000000000000"
	}
	return rapid.SampledFrom(ids).Draw(h.T, "id")
}

// objects returns the entries of users or groups.
func (h *hostile) objects(l *reconcile.Ledger) map[string]reconcile.Owned {
	if rapid.Bool().Draw(h.T, "of users") {
		return l.Users
	}
	return l.Groups
}

// forgeEntry gives an entry the id of another object: unmanaged, of another key or of another kind.
func forgeEntry(h *hostile, l *reconcile.Ledger) {
	objects := h.objects(l)
	if len(objects) == 0 {
		return
	}
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(objects))).Draw(h.T, "key")
	objects[key] = reconcile.Owned{ID: h.anyID()}
	h.logf("    %s -> %s", key, objects[key].ID)
}

// addEntry adds an entry for a declared key, or for a key that nobody declares: a leaver.
func addEntry(h *hostile, l *reconcile.Ledger) {
	objects := h.objects(l)
	key := rapid.SampledFrom(append(slices.Concat(userKeys, groupKeys), "mallory")).Draw(h.T, "key")
	if _, there := objects[key]; !there {
		objects[key] = reconcile.Owned{ID: h.anyID()}
		if rapid.Bool().Draw(h.T, "has left") {
			since := h.Now.AddDate(0, 0, -30)
			objects[key] = reconcile.Owned{ID: objects[key].ID, LeftScopeAt: &since}
		}
		h.logf("    %s -> %s", key, objects[key].ID)
	}
}

// addUnmanaged adds an entry for an unmanaged object under the externalId that the object has.
func addUnmanaged(h *hostile, l *reconcile.Ledger) {
	st := h.Sim.State()
	for _, u := range st.Users {
		if h.owned[u.ID].key == "" && u.ExternalID != "" {
			l.Users[u.ExternalID] = reconcile.Owned{ID: u.ID}
			h.logf("    user %s -> %s", u.ExternalID, u.ID)
		}
	}
	for _, g := range st.Groups {
		if h.owned[g.ID].key == "" && g.ExternalID != "" {
			l.Groups[g.ExternalID] = reconcile.Owned{ID: g.ID}
			h.logf("    group %s -> %s", g.ExternalID, g.ID)
		}
	}
}

func removeEntry(h *hostile, l *reconcile.Ledger) {
	objects := h.objects(l)
	if len(objects) > 0 {
		delete(objects, rapid.SampledFrom(slices.Sorted(maps.Keys(objects))).Draw(h.T, "key"))
	}
}

// forgeStatus makes roster forget what gates need.
func forgeStatus(h *hostile, s *reconcile.Status) {
	switch rapid.IntRange(0, 4).Draw(h.T, "what") {
	case 0:
		s.Removals = nil
	case 1:
		s.UsedApprovals = nil
	case 2:
		s.ApprovalFirstSeen = nil
	case 3:
		s.LastApplied = nil
	default:
		n := len(h.orgs)
		s.LastApplied = &reconcile.AppliedAt{Commit: commitID(n), Time: h.Now}
		s.Commit = reconcile.CommitRef{ID: commitID(n)}
		s.AdoptionDecided = true
	}
}

// forgeIntent adds an intent of a run that never was.
func (h *hostile) forgeIntent() {
	key := h.org.provisioner()
	intent := reconcile.Intent{Version: 1, Run: "forged-intent", Provisioner: key, Digest: "sha256:0",
		ReleasedChanges: 3, Commit: reconcile.CommitRef{ID: commitID(len(h.orgs))}, CreatedUsers: userKeys,
		CreatedGroups: groupKeys, Trigger: "schedule", Started: h.Now.Add(-time.Hour), RosterVersion: "test"}
	for _, digest := range slices.Sorted(maps.Keys(h.org.approvals)) {
		intent.UsedApprovals = append(intent.UsedApprovals, reconcile.ApprovalUse{Digest: digest, Time: h.Now})
	}
	until := h.Now.Add(-time.Minute)
	if rapid.IntRange(0, 4).Draw(h.T, "lease") == 0 {
		until = h.Now.Add(2 * time.Minute)
	}
	h.commitForgery(map[string][]byte{"intents/" + key + ".json": jsonOf(map[string]any{
		"version": 1, "lease": map[string]any{"intent": intent, "baseCommit": h.branch.head,
			"renewedAt": h.Now.Add(-time.Hour), "expiresAt": until},
	})})
}
