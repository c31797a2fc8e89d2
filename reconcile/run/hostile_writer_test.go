package run_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
)

// hostileStep is what an attacker does to make roster give or take access.
type hostileStep struct {
	name string
	do   func(*hostile)
}

func (s hostileStep) GoString() string { return strconv.Quote(s.name) }

// branchSteps are done by a person who can write to the audit branch.
var branchSteps = []hostileStep{
	{"a ledger entry is edited", func(h *hostile) { h.forge(forgeEntry, nil) }},
	{"a ledger entry is added", func(h *hostile) { h.forge(addEntry, nil) }},
	{"an entry takes the externalId of an unmanaged object", func(h *hostile) { h.forge(addUnmanaged, nil) }},
	{"a ledger entry is removed", func(h *hostile) { h.forge(removeEntry, nil) }},
	{"the status is edited", func(h *hostile) { h.forge(nil, forgeStatus) }},
	{"ledger and status are edited", func(h *hostile) { h.forge(forgeEntry, forgeStatus) }},
	{"the status is deleted", func(h *hostile) { h.editFiles("status/", nil) }},
	{"the ledger is deleted", func(h *hostile) { h.editFiles("ledger/", nil) }},
	{"a report's text is changed", func(h *hostile) { h.editFiles("reports/", changeText) }},
	{"an intent is forged", func(h *hostile) { h.forgeIntent() }},
	{"the intents are removed", func(h *hostile) { h.editFiles("intents/", nil) }},
	{"the branch is rewound", func(h *hostile) {
		h.touch()
		h.branch.rewind(rapid.IntRange(1, 6).Draw(h.T, "commits"))
	}},
	{"the branch is deleted", func(h *hostile) {
		h.touch()
		h.branch.rewind(1 << 20)
	}},
}

// editFiles commits an edit of all files below a path; nil deletes them.
func (h *hostile) editFiles(prefix string, edit func([]byte) []byte) {
	edits := map[string][]byte{}
	for name, content := range h.branch.files() {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if edits[name] = nil; edit != nil {
			edits[name] = edit(content)
		}
	}
	h.commitForgery(edits)
}

func changeText(content []byte) []byte {
	return []byte(strings.ReplaceAll(string(content), `"outcome": "held"`, `"outcome": "in sync"`) + "\n")
}

func (h *hostile) commitForgery(edits map[string][]byte) {
	if len(edits) == 0 {
		return
	}
	h.touch()
	h.branch.signer = signerMallory
	h.must(h.branch.edit(edits, h.Now))
	h.branch.signer = signerRoster
}

// forge changes the ledger and the status: either the files alone, or with a report that continues
// the chain, so that all digests verify.
func (h *hostile) forge(ledger func(*hostile, *reconcile.Ledger), status func(*hostile, *reconcile.Status)) {
	if h.branch.head == "" {
		return
	}
	if rapid.Bool().Draw(h.T, "with a report") {
		h.forgeReport(ledger, status)
		return
	}
	key := h.org.provisioner()
	files, edits := h.branch.files(), map[string][]byte{}
	if name := "status/" + key + ".json"; status != nil && files[name] != nil {
		s := &reconcile.Status{}
		h.must(json.Unmarshal(files[name], s))
		status(h, s)
		edits[name] = jsonOf(s)
	}
	if ledger != nil {
		l := readLedger(files, key)
		ledger(h, l)
		maps.Copy(edits, ledgerFiles(files, key, l))
	}
	h.commitForgery(edits)
}

// forgeReport makes a run of another machine that records what the forger wants.
func (h *hostile) forgeReport(ledger func(*hostile, *reconcile.Ledger), status func(*hostile, *reconcile.Status)) {
	dir, err := os.MkdirTemp(h.machines[0].dir+"-forger", "")
	if err != nil {
		h.must(os.MkdirAll(h.machines[0].dir+"-forger", 0o700))
		dir, err = os.MkdirTemp(h.machines[0].dir+"-forger", "")
	}
	h.must(err)
	r := &audit.Recorder{Store: h.branch, StateDir: dir, Host: "forger", Now: func() time.Time { return h.Now }}
	defer func() { _ = r.Close() }()
	h.branch.signer = signerMallory
	defer func() { h.branch.signer = signerRoster }()
	state, err := r.LoadState(context.Background(), h.org.provisioner())
	if err != nil || state.Status == nil {
		h.logf("    the forger cannot read the branch: %v", err)
		return
	}
	l, s := state.Ledger.Clone(), *state.Status
	if ledger != nil {
		ledger(h, l)
	}
	if status != nil {
		status(h, &s)
	}
	h.forgeries++
	s.Run = fmt.Sprintf("forged-%d", h.forgeries)
	s.Finished = h.Now
	report := &reconcile.Report{Version: 1, Run: s.Run, Provisioner: s.Provisioner, Identity: s.Identity,
		Outcome: s.Outcome, Trigger: "schedule", Commit: s.Commit, Started: h.Now, Finished: h.Now, Digest: s.Digest,
		HeldDigest: s.HeldDigest, Changes: h.forgedChanges(l), RosterVersion: "test"}
	if _, err := r.CommitReport(context.Background(),
		reconcile.RunRecord{Report: report, Ledger: l, Status: &s}); err != nil {
		h.logf("    the forger cannot commit: %v", err)
		return
	}
	h.touch()
	h.logf("    forged report %s", s.Run)
}

// plantedSteps are done by a person who can write to the audit branch and push commits.
var plantedSteps = []hostileStep{
	{"a status is planted under the new key of a provisioner, and a commit renames it, loosens the gates and removes " +
		"people", func(h *hostile) {
		old, key := h.org.provisioner(), fmt.Sprintf("aws%d", len(h.orgs))
		h.plantStatus(old, key, commitID(len(h.orgs)+1))
		h.org.previously, h.org.key = append(h.org.previously, old), key
		h.org.policy = loosePolicy()
		h.attack()
		h.commit(h.commitTime())
	}},
}

// plantStatus commits a status under a new key of a provisioner. It says that a commit was applied.
func (h *hostile) plantStatus(old, key, commit string) {
	dir := h.machines[0].dir + "-planter"
	h.must(os.MkdirAll(dir, 0o700))
	r := &audit.Recorder{Store: h.branch, StateDir: dir, Host: "forger", Now: func() time.Time { return h.Now }}
	defer func() { _ = r.Close() }()
	h.branch.signer = signerMallory
	defer func() { h.branch.signer = signerRoster }()
	state, err := r.LoadState(context.Background(), old)
	if err != nil || state.Status == nil {
		h.logf("    the forger cannot read the branch: %v", err)
		return
	}
	if _, err := r.LoadState(context.Background(), key); err != nil {
		h.logf("    the forger cannot read the branch: %v", err)
		return
	}
	h.forgeries++
	s := *state.Status
	s.Provisioner, s.Run, s.Report = key, fmt.Sprintf("planted-%d", h.forgeries), reconcile.ReportLink{}
	s.Commit, s.PolicyCommit, s.Loosened = reconcile.CommitRef{ID: commit}, commit, nil
	s.LastApplied = &reconcile.AppliedAt{Commit: commit, Time: h.Now}
	s.Removals, s.UsedApprovals, s.Review, s.Finished = nil, nil, nil, h.Now.Add(time.Second)
	report := &reconcile.Report{Version: 1, Run: s.Run, Provisioner: key, Identity: s.Identity,
		Outcome: reconcile.RunInSync, Trigger: "schedule", Commit: s.Commit, Started: h.Now, Finished: s.Finished,
		Changes: h.forgedChanges(state.Ledger), RosterVersion: "test"}
	if _, err := r.CommitReport(context.Background(),
		reconcile.RunRecord{Report: report, Ledger: state.Ledger.Clone(), Status: &s}); err != nil {
		h.logf("    the forger cannot commit: %v", err)
		return
	}
	h.touch()
	h.logf("    planted status %s of %s", s.Run, key)
}

// forgedChanges are creations or adoptions of everything in a ledger.
func (h *hostile) forgedChanges(l *reconcile.Ledger) []reconcile.Done {
	out := []reconcile.Done{}
	add := func(kind reconcile.Kind, objects map[string]reconcile.Owned) {
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			out = append(out, reconcile.Done{Change: &reconcile.Change{Kind: kind, Key: key, ID: objects[key].ID,
				Name: key, Origin: reconcile.Intended}, Result: reconcile.ResultDone})
		}
	}
	switch rapid.IntRange(0, 2).Draw(h.T, "reported changes") {
	case 0:
		add(reconcile.CreateUser, l.Users)
		add(reconcile.CreateGroup, l.Groups)
	case 1:
		add(reconcile.AdoptUser, l.Users)
		add(reconcile.AdoptGroup, l.Groups)
	}
	return out
}

// The shard of a ledger as it is on the branch.
type ledgerShard struct {
	Version int                        `json:"version"`
	Users   map[string]reconcile.Owned `json:"users,omitempty"`
	Groups  map[string]reconcile.Owned `json:"groups,omitempty"`
}

func readLedger(files map[string][]byte, provisioner string) *reconcile.Ledger {
	out := reconcile.NewLedger()
	for name, content := range files {
		var shard ledgerShard
		if strings.HasPrefix(name, "ledger/"+provisioner+"/") && json.Unmarshal(content, &shard) == nil {
			maps.Copy(out.Users, shard.Users)
			maps.Copy(out.Groups, shard.Groups)
		}
	}
	return out
}

// ledgerFiles returns the edits that replace a ledger.
func ledgerFiles(files map[string][]byte, provisioner string, l *reconcile.Ledger) map[string][]byte {
	shards, edits := map[string]*ledgerShard{}, map[string][]byte{}
	shard := func(key string) *ledgerShard {
		name := fmt.Sprintf("ledger/%s/%x.json", provisioner, sha256.Sum256([]byte(key)))[:len("ledger/")+
			len(provisioner)+3] + ".json"
		if shards[name] == nil {
			shards[name] = &ledgerShard{Version: 1, Users: map[string]reconcile.Owned{},
				Groups: map[string]reconcile.Owned{}}
		}
		return shards[name]
	}
	for key, owned := range l.Users {
		shard(key).Users[key] = owned
	}
	for key, owned := range l.Groups {
		shard(key).Groups[key] = owned
	}
	for name := range files {
		if strings.HasPrefix(name, "ledger/"+provisioner+"/") {
			edits[name] = nil
		}
	}
	for name, s := range shards {
		edits[name] = append(jsonOf(s), '\n')
	}
	return edits
}
