package reconcile

import (
	"maps"
	"slices"
	"time"
)

// Intent announces that a run is about to write.
type Intent struct {
	Version         int       `json:"version"`
	Run             string    `json:"run"`
	Provisioner     string    `json:"provisioner"`
	Identity        string    `json:"identity"`
	Digest          string    `json:"digest"`          // of the plan
	ReleasedChanges int       `json:"releasedChanges"` // number of changes to be sent
	Commit          CommitRef `json:"commit"`
	// BaseCommit is the head of the audit branch that the run started from; empty if there was
	// none.
	BaseCommit string `json:"baseCommit,omitempty"`
	// CreatedUsers and CreatedGroups are the keys of the objects that the run may create, sorted.
	CreatedUsers  []string `json:"createdUsers,omitempty"`
	CreatedGroups []string `json:"createdGroups,omitempty"`
	// Adopted are the objects that the run may adopt: the directory's ids by reference.
	Adopted map[string]string `json:"adopted,omitempty"`
	// UsedApprovals are the approvals that release changes of the run. They count as used from now
	// on, whatever becomes of the run.
	UsedApprovals []ApprovalUse `json:"usedApprovals,omitempty"`
	Trigger       string        `json:"trigger"`
	Started       time.Time     `json:"started"`
	Host          string        `json:"host,omitempty"`
	RosterVersion string        `json:"rosterVersion"`
}

// RecordKeys records the objects that a run of a plan may create or adopt.
func (in *Intent) RecordKeys(plan *Plan) {
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if !c.Released() || c.Kind.OfMembership() {
			continue
		}
		switch action := c.Kind.Action(); {
		case action == ActionAdopt:
			if in.Adopted == nil {
				in.Adopted = map[string]string{}
			}
			in.Adopted[c.ObjectRef()] = c.ID
		case action == ActionCreate && c.Kind.OfUser():
			in.CreatedUsers = append(in.CreatedUsers, c.Key)
		case action == ActionCreate:
			in.CreatedGroups = append(in.CreatedGroups, c.Key)
		}
	}
	slices.Sort(in.CreatedUsers)
	slices.Sort(in.CreatedGroups)
}

// Attempt identifies the run.
func (in *Intent) Attempt() Attempt {
	return Attempt{Run: in.Run, Commit: in.Commit.ID, Started: in.Started}
}

// TakeOver records the objects that a run of another machine may have created or adopted as
// unconfirmed. It returns their references.
func (l *Ledger) TakeOver(in *Intent) []string {
	refs := map[string]string{} // with the id of an object to be adopted
	maps.Copy(refs, in.Adopted)
	for _, key := range in.CreatedUsers {
		refs[UserRef(key)] = ""
	}
	for _, key := range in.CreatedGroups {
		refs[GroupRef(key)] = ""
	}
	var out []string
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if kind, key := ObjectKey(ref); kind == "" || key == "" {
			continue
		}
		if _, known := l.Unconfirmed[ref]; !known {
			l.unconfirm(ref, refs[ref], in.Attempt())
			out = append(out, ref)
		}
	}
	return out
}
