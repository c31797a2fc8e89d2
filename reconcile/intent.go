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
	Trigger         string    `json:"trigger"`
	Started         time.Time `json:"started"`
	Host            string    `json:"host,omitempty"`
	RosterVersion   string    `json:"rosterVersion"`
}
