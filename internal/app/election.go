package app

import (
	"errors"
	"fmt"
	"os"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/election"
)

// ElectionConfig shares provisioners among replicas in Kubernetes.
type ElectionConfig struct {
	Lease      string // NAMESPACE/NAME of the Leases; "" for no election
	Kubeconfig string // file; "" for the service account of the pod
}

// previewsKey is the key of the Lease of the replica that makes the previews.
const previewsKey = ""

// open returns the election, and lets only the leader of a provisioner write to it; nil if there is
// no election.
func (c *ElectionConfig) open(w *Workspace) (*election.Election, error) {
	switch {
	case c.Lease == "" && c.Kubeconfig == "":
		return nil, nil
	case c.Lease == "":
		return nil, UsageError{errors.New("--kubeconfig needs --lease-kubernetes NAMESPACE/NAME")}
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find the name of this machine: %w", err)
	}
	id, err := audit.HolderID(w.stateDir)
	if err != nil {
		return nil, err
	}
	leaders, err := election.Open(c.Lease, c.Kubeconfig, host+"_"+id, w.settings.Log)
	if err != nil {
		return nil, UsageError{fmt.Errorf("--lease-kubernetes: %w", err)}
	}
	w.recorder.Election, w.recorder.CheckLeader = leaders.Name(), leaders.Check
	return leaders, nil
}
