package app

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/internal/probe"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// ConnectionTest is the result of one read request to a provisioner's endpoint.
type ConnectionTest struct {
	Provisioner string
	Identity    string // of the endpoint
	MaxResults  int    // that the endpoint returns per page
	Err         error  // why the request failed
	Finding     probe.Finding
}

// TestConnection makes one read request with the credentials of the named provisioner, or of the
// only one. An error means that the request could not be made.
func (w *Workspace) TestConnection(ctx context.Context, provisioner string) (*ConnectionTest, error) {
	p, err := w.selectProvisioner(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	known, err := w.knownConnection(ctx, p)
	if err != nil {
		return nil, err
	}
	client, err := w.directories.client(ctx, p, true)
	if err != nil {
		return nil, err
	}
	clock := &probe.Clock{Next: client.HTTP.Transport}
	client.HTTP.Transport = clock
	test := &ConnectionTest{Provisioner: p.Key, Identity: p.Identity()}
	config, err := client.ServiceProviderConfig(ctx)
	if test.Err = err; err == nil {
		test.MaxResults = config.MaxResults
	}
	known.Date, known.At = clock.Last()
	test.Finding = probe.Diagnose(err, known, w.settings.now())
	return test, nil
}

// knownConnection collects what distinguishes one failure from another: what is declared, and what
// earlier runs recorded.
func (w *Workspace) knownConnection(ctx context.Context, p *schema.Provisioner) (probe.Known, error) {
	k := probe.Known{Endpoint: p.Endpoint, Identity: p.Identity(), OAuth: p.Auth.OAuth2 != nil}
	if p.TokenExpires != nil {
		k.Expires = p.TokenExpires.End
	}
	w.recorder.ReadOnly = true
	past, err := w.recorder.LoadState(ctx, p.Key)
	if err != nil {
		return k, fmt.Errorf("read the records of earlier runs: %w", err)
	}
	if s := past.Status; s != nil {
		k.Before = s.Identity
		if s.LastApplied != nil && s.AuthFingerprint == reconcile.AuthFingerprint(p) {
			k.Worked = s.LastApplied.Time
		}
	}
	return k, nil
}
