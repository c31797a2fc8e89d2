package reconcile

import "time"

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
	// UsedApprovals are the approvals that release changes of the run. They count as used from now
	// on, whatever becomes of the run.
	UsedApprovals []ApprovalUse `json:"usedApprovals,omitempty"`
	Trigger       string        `json:"trigger"`
	Started       time.Time     `json:"started"`
	Host          string        `json:"host,omitempty"`
	RosterVersion string        `json:"rosterVersion"`
}
