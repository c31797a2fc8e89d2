package run_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// converge lets an operator repair the branch and approve everything, run by run, until the
// directory is as declared and a run sends nothing.
func (h *hostile) converge() {
	h.logf("%s the operator takes over", h.Now.Format(time.DateTime))
	h.SetNow(h.Now.Add(48 * time.Hour)) // leases and limits of a day end
	m := h.machines[0]
	h.repair()
	h.org.enabled, h.org.paused, h.org.adopt, h.org.pushGroups = true, "", "take-over", true
	h.org.policy = loosePolicy()
	h.publish()
	for range 20 {
		result := h.runOn(m, "command") // reads everything
		state, err := m.recorder.Reader().LoadState(context.Background(), h.org.provisioner())
		h.must(err)
		if state.Trust.Break != "" {
			h.grant("audit:" + state.Trust.Break)
			h.publish()
			continue
		}
		if result == nil || result.Report == nil {
			h.renameBack()
			h.SetNow(h.Now.Add(time.Hour))
			continue
		}
		switch result.Report.Outcome {
		case reconcile.RunInSync:
			h.Sim.ResetCalls()
			again, err := m.once("command", true)
			if err != nil || again.Report.Outcome != reconcile.RunInSync || len(h.Sim.Calls().ByMethod) > 1 {
				h.violated(ruleConverge, "after in sync: %v %v", h.Sim.Calls().ByMethod, err)
			}
			h.checkDeclared()
			return
		case reconcile.RunHeld, reconcile.RunPartial:
			h.renameUnmanaged(result.Report)
			h.removeContradicted(result.Report)
			h.grant(result.Report.HeldDigest)
			h.publish()
		}
	}
	h.violated(ruleConverge, "not in sync after twenty rounds")
}

var (
	earlierName  = regexp.MustCompile(`declare the provisioner as "([^"]+)" again`)
	releaseBreak = regexp.MustCompile(`the line approvals: "([^"]+)": \{reason`)
)

// renameBack gives the provisioner its earlier name and releases a broken branch, if the error of
// the last run says so.
func (h *hostile) renameBack() {
	if h.lastError == nil {
		return
	}
	m := earlierName.FindStringSubmatch(h.lastError.Error())
	if m == nil {
		return
	}
	h.org.key = m[1]
	h.org.previously = slices.DeleteFunc(h.org.previously, func(key string) bool { return key == m[1] })
	if m := releaseBreak.FindStringSubmatch(h.lastError.Error()); m != nil {
		h.grant(m[1])
	}
	h.publish()
}

var contradictedID = regexp.MustCompile(`the ledger(?:'s entry of| lists) \w+ "[^"]*" \(id ([^,)]+)[,)]`)

// removeContradicted removes the entries from the audit branch that reasons name. The
// operator decides that roster does not own their objects. A machine that knew better owns them.
func (h *hostile) removeContradicted(r *reconcile.Report) {
	ids := map[string]bool{}
	for i := range r.Changes {
		for _, hold := range r.Changes[i].Held() {
			if m := contradictedID.FindStringSubmatch(hold.Reason); m != nil {
				ids[m[1]] = true
			}
		}
	}
	if len(ids) == 0 {
		return
	}
	key, files := h.org.provisioner(), h.branch.files()
	l := readLedger(files, key)
	remove := func(_ string, o reconcile.Owned) bool { return ids[o.ID] }
	maps.Copy(h.disowned, ids)
	maps.DeleteFunc(l.Users, remove)
	maps.DeleteFunc(l.Groups, remove)
	h.touch()
	h.must(h.branch.edit(ledgerFiles(files, key, l), h.Now))
}

// repair writes what roster really owns into the ledger, and removes forged intents.
func (h *hostile) repair() {
	if !h.touched || h.branch.head == "" {
		return
	}
	l := reconcile.NewLedger()
	st := h.Sim.State()
	for id, o := range h.owned {
		if !exists(st, id) {
			continue
		}
		if o.kind == "user" {
			l.Users[o.key] = reconcile.Owned{ID: id}
		} else {
			l.Groups[o.key] = reconcile.Owned{ID: id}
		}
	}
	clear(h.deleted) // the operator decides that they are created again
	files := h.branch.files()
	edits := ledgerFiles(files, h.org.provisioner(), l)
	for name := range files {
		if name == "intents/"+h.org.provisioner()+".json" {
			edits[name] = nil
		}
	}
	h.must(h.branch.edit(edits, h.Now))
}
