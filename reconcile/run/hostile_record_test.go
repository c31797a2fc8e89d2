package run_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// checker keeps what it needs to judge runs: which objects roster created or was allowed to adopt,
// what reports printed, and what was approved. It reads the directory, the declarations and the
// texts of reports. It never asks roster whether something is allowed.
type checker struct {
	owned    map[string]ownedObject // by AWS id
	deleted  map[string]string      // "user key" -> id of a managed object that was deleted outside
	released map[string]bool        // AWS ids of users who left without a deprovisioning
	disowned map[string]bool        // AWS ids of objects whose entries the operator removed
	off      map[string]int         // AWS id of a user who was deactivated outside -> commit at that time
	printed  []printedDigest
	used     map[approvalEntry]int // -> number of the last run that used it
	ages     map[approvalEntry]approvalAge
	runs     []*observedRun
	applied  int // newest commit that a run applied completely; 0 if none
	// touched is set once an attacker changed the branch. stateLost and otherRan are set if a
	// machine without its own record of the branch ran then: only ownership is checked after that.
	touched, stateLost, otherRan bool
	recordedBy                   *machine // had the newest record of the branch before it was touched
	forgeries                    int      // number of forged reports
}

// ownedObject is an object that roster manages, with its key.
type ownedObject struct{ kind, key string }

// printedDigest is a digest in a report, with the changes that it stands for.
type printedDigest struct {
	digest string
	commit int // the source commit of the report
	refs   map[reconcile.Ref]bool
}

// approvalEntry is an approval in the declarations: its digest and the commit that last added or
// changed it.
type approvalEntry struct {
	digest string
	commit int
}

// approvalAge is when a run saw an approval first, how long no run could use it, and since when.
type approvalAge struct {
	first     time.Time
	idle      time.Duration
	idleSince time.Time // zero if the last run could use it
}

// observedRun is a run as the checker saw it.
type observedRun struct {
	machine       *machine
	number        int
	commit        int // of the declarations
	at            time.Time
	before, after awssim.State
	writes        []write
	result        *run.Result
	interrupted   bool   // it was killed, or it failed
	broken        string // why the audit branch is not what the machine knows; empty if it may be
	removals      int    // deactivations and deletions that no approval released
}

func newChecker() *checker {
	return &checker{owned: map[string]ownedObject{}, deleted: map[string]string{}, released: map[string]bool{},
		disowned: map[string]bool{},
		off:      map[string]int{}, used: map[approvalEntry]int{}, ages: map[approvalEntry]approvalAge{}}
}

func (h *hostile) newObservedRun(m *machine, before, after awssim.State, result *run.Result,
	interrupted bool) *observedRun {
	r := &observedRun{machine: m, number: len(h.runs) + 1, commit: len(h.orgs), at: h.Now, before: before,
		after: after, result: result, interrupted: interrupted}
	for _, fact := range factsOf(before, after) {
		w := parseWrite(fact)
		w.key, w.memberKey = h.owned[w.id].key, h.owned[w.member].key
		if w.verb == "created" || w.key == "" && created(before, after, w.id) {
			w.key = externalID(after, w.id)
		}
		if w.member != "" && w.memberKey == "" && created(before, after, w.member) {
			w.memberKey = externalID(after, w.member)
		}
		r.writes = append(r.writes, w)
	}
	return r
}

// touch notes that an attacker changed the audit branch.
func (h *hostile) touch() {
	if !h.touched && len(h.runs) > 0 {
		h.recordedBy = h.runs[len(h.runs)-1].machine
	}
	h.touched = true
}

// noticeOutside updates the record with what happened between two runs.
func (h *hostile) noticeOutside(r *observedRun) {
	for id, o := range h.owned {
		if !exists(r.before, id) {
			h.deleted[o.kind+" "+o.key] = id
			delete(h.owned, id)
		}
	}
	if len(h.runs) == 0 {
		return
	}
	last := h.runs[len(h.runs)-1]
	for _, u := range r.before.Users {
		switch was, ok := userByID(last.after, u.ID); {
		case u.Active:
			delete(h.off, u.ID)
		case ok && was.Active && h.owned[u.ID].key != "":
			h.off[u.ID] = last.commit
		}
	}
}

// remember updates the record with the results of a checked run.
func (h *hostile) remember(r *observedRun) {
	for _, w := range r.writes {
		switch w.verb {
		case "created":
			h.owned[w.id] = ownedObject{w.object, w.key}
			delete(h.deleted, w.object+" "+w.key)
		case "deleted":
			delete(h.owned, w.id)
		case "deactivated", "activated":
			delete(h.off, w.id)
		}
	}
	o := h.orgs[r.commit-1]
	h.noteReleased(r, o)
	maps.DeleteFunc(h.deleted, func(object, _ string) bool { // a user who left may come back as a new one
		kind, key, _ := strings.Cut(object, " ")
		return kind == "user" && !o.inScope(key, r.at) || kind == "group" && !o.pushes(key)
	})
	if r.result != nil && r.result.Report != nil {
		report := r.result.Report
		h.notePrinted(r.commit, report)
		if !r.interrupted && report.Digest != "" && !slices.ContainsFunc(report.Changes, func(d reconcile.Done) bool {
			return d.Origin == reconcile.Intended && d.Result != reconcile.ResultDone
		}) {
			h.applied = r.commit
		}
	}
	h.noteApprovals(r)
	h.runs = append(h.runs, r)
}

// noteReleased records the users whom a run may have released: they left, deprovision is "keep",
// and they are in no managed group.
func (h *hostile) noteReleased(r *observedRun, o *org) {
	for id, owned := range h.owned {
		if owned.kind != "user" || o.inScope(owned.key, r.at) {
			delete(h.released, id)
			continue
		}
		member := slices.ContainsFunc(r.after.Groups, func(g awssim.Group) bool {
			return h.owned[g.ID].key != "" && slices.Contains(g.Members, id)
		})
		if o.deprovision == "keep" && o.enabled && !member {
			h.released[id] = true
		}
	}
}

// notePrinted records the digests of a report, with the changes that a reader of the report sees
// under each of them.
func (h *hostile) notePrinted(commit int, report *reconcile.Report) {
	refs := func(in func(*reconcile.Done) bool) map[reconcile.Ref]bool {
		out := map[reconcile.Ref]bool{}
		for i := range report.Changes {
			if d := &report.Changes[i]; d.Result == reconcile.ResultHeld && in(d) {
				out[d.Ref()] = true
			}
		}
		return out
	}
	if report.HeldDigest != "" {
		h.printed = append(h.printed, printedDigest{report.HeldDigest, commit,
			refs(func(*reconcile.Done) bool { return true })})
	}
	for _, g := range report.HeldGroups {
		h.printed = append(h.printed, printedDigest{g.Digest, commit,
			refs(func(d *reconcile.Done) bool { return d.Cause == g.Cause })})
	}
}

// refs returns the kinds of changes that explain a write, with its keys. A user who is re-keyed and
// leaves the scope at once is still under the earlier key.
func (w write) refs() []reconcile.Ref {
	kinds := map[string][]reconcile.Kind{
		"user created":     {reconcile.CreateUser},
		"user activated":   {reconcile.ActivateUser, reconcile.AdoptUser, reconcile.RenameUser},
		"user deactivated": {reconcile.DeactivateUser, reconcile.AdoptUser, reconcile.RenameUser},
		"user deleted":     {reconcile.DeleteUser},
		"user renamed": {reconcile.RenameUser, reconcile.AdoptUser, reconcile.TemporaryRenameUser,
			reconcile.ActivateUser, reconcile.DeactivateUser},
		"user updated": {reconcile.UpdateUser, reconcile.RenameUser, reconcile.AdoptUser, reconcile.ActivateUser,
			reconcile.DeactivateUser},
		"group created": {reconcile.CreateGroup},
		"group updated": {reconcile.UpdateGroup, reconcile.RenameGroup, reconcile.AdoptGroup,
			reconcile.TemporaryRenameGroup},
		"group deleted": {reconcile.DeleteGroup},
		"group gained":  {reconcile.AddMember},
		"group lost":    {reconcile.RemoveMember},
	}[w.object+" "+w.verb]
	var out []reconcile.Ref
	for _, kind := range kinds {
		ref := reconcile.Ref{Kind: kind, Key: w.key, Member: w.memberKey}
		if w.member != "" && w.memberKey == "" {
			ref.Member = "#" + w.member
		}
		if out = append(out, ref); w.oldKey != "" {
			ref.Key = w.oldKey
			out = append(out, ref)
		}
	}
	return out
}

func userByID(st awssim.State, id string) (awssim.User, bool) {
	i := slices.IndexFunc(st.Users, func(u awssim.User) bool { return u.ID == id })
	if i < 0 {
		return awssim.User{}, false
	}
	return st.Users[i], true
}

func groupByID(st awssim.State, id string) (awssim.Group, bool) {
	i := slices.IndexFunc(st.Groups, func(g awssim.Group) bool { return g.ID == id })
	if i < 0 {
		return awssim.Group{}, false
	}
	return st.Groups[i], true
}

func exists(st awssim.State, id string) bool {
	_, user := userByID(st, id)
	_, group := groupByID(st, id)
	return user || group
}

func created(before, after awssim.State, id string) bool {
	return !exists(before, id) && exists(after, id)
}

// externalID returns the externalId of an object; "" if there is no such object.
func externalID(st awssim.State, id string) string {
	if u, ok := userByID(st, id); ok {
		return u.ExternalID
	}
	g, _ := groupByID(st, id)
	return g.ExternalID
}
