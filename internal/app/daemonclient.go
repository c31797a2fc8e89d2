package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/seed-d64a251c/roster/internal/apiclient"
	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/loopback"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/web"
)

// DaemonConfig selects a running daemon.
type DaemonConfig struct {
	Server   string // its address
	TokenEnv string // environment variable with an API token
}

// DaemonClient is a client of a running daemon.
type DaemonClient struct{ *apiclient.Client }

// ConnectDaemon returns a client of a daemon. It sends nothing yet.
func ConnectDaemon(s Settings, c DaemonConfig) (DaemonClient, error) {
	client := &apiclient.Client{Server: c.Server, Token: s.secretOf(c.TokenEnv), HTTP: &http.Client{}}
	u, err := url.Parse(c.Server)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return DaemonClient{}, UsageError{fmt.Errorf("%q is not an address such as http://127.0.0.1:8741", c.Server)}
	case u.Scheme == "http" && client.Token != "" && !loopback.IsHost(u.Hostname()):
		return DaemonClient{}, UsageError{fmt.Errorf("the token would be sent to %s without encryption; use https",
			u.Host)}
	}
	return DaemonClient{client}, nil
}

// ProvisionerStatus is what a daemon says of a provisioner.
type ProvisionerStatus struct {
	Key     string
	Last    daemon.LastRun
	Standby bool                 // another process runs it
	Now     *operation.Operation // that is queued or runs; nil if there is none
}

// DaemonStatus is what a daemon says of itself.
type DaemonStatus struct {
	*web.Status
	List []ProvisionerStatus // sorted by key
}

// DaemonStatus asks a daemon for its state and for what it does now.
func (c DaemonClient) DaemonStatus(ctx context.Context) (*DaemonStatus, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	operations, err := c.Operations(ctx, "", 500)
	if err != nil {
		return nil, err
	}
	out := &DaemonStatus{Status: status}
	for _, key := range slices.Sorted(maps.Keys(status.Provisioners)) {
		p := ProvisionerStatus{Key: key, Last: status.Provisioners[key]}
		p.Standby = p.Last.Role == daemon.Standby
		if i := slices.IndexFunc(operations, func(o operation.Operation) bool {
			return o.Provisioner == key && !o.State.Ended()
		}); i >= 0 {
			p.Now = &operations[i]
		}
		out.List = append(out.List, p)
	}
	return out, nil
}
