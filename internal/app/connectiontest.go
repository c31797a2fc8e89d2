package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/internal/probe"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// ConnectionTest is the result of the requests of a test to a provisioner's endpoint.
type ConnectionTest struct {
	Provisioner string
	Identity    string // of the endpoint
	MaxResults  int    // that the endpoint returns per page
	Err         error  // why a request failed
	Finding     probe.Finding
	// Patched is the key of the user who was patched to a value that the user already has; "" if no
	// write was tested.
	Patched string
	// Quarantine is the quarantine of the provisioner in the state directory; nil if there is none.
	Quarantine *reconcile.Quarantine
}

// TestConnection makes one read request with the credentials of the named provisioner, or of the
// only one. With write set, it then patches an owned user to a value that the user already has. An
// error means that a request could not be made.
func (w *Workspace) TestConnection(ctx context.Context, provisioner string, write bool) (*ConnectionTest, error) {
	p, err := w.selectProvisioner(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	w.recorder.ReadOnly = true
	past, err := w.recorder.LoadState(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read the records of earlier runs: %w", err)
	}
	if write {
		if err := w.mayTestWrite(p, past); err != nil {
			return nil, err
		}
	}
	client, err := w.directories.client(ctx, p, !write)
	if err != nil {
		return nil, err
	}
	clock := &probe.Clock{Next: client.HTTP.Transport}
	client.HTTP.Transport = clock
	test := &ConnectionTest{Provisioner: p.Key, Identity: p.Identity()}
	if q := w.quarantines().Load(p.Key); q.Concerns(p) {
		test.Quarantine = q
	}
	config, err := client.ServiceProviderConfig(ctx)
	if err == nil {
		test.MaxResults = config.MaxResults
		if write {
			if test.Patched, err = patchOwnedUser(ctx, client, past); errors.Is(err, errNoOwnedUser) {
				return nil, fmt.Errorf("provisioner %q: %w", p.Key, err)
			}
		}
	}
	known := knownConnection(p, past.Status)
	known.Date, known.At = clock.Last()
	test.Err, test.Finding = err, probe.Diagnose(err, known, w.settings.now())
	return test, nil
}

// mayTestWrite returns why no write may be tested; nil if one may.
func (w *Workspace) mayTestWrite(p *schema.Provisioner, past *reconcile.AuditState) error {
	mode := reconcile.ModeOf(p, past.Status, w.settings.now())
	switch {
	case past.Trust.Broken():
		return fmt.Errorf("provisioner %q: nothing is written while the audit branch is broken (%s), so writes "+
			"cannot be tested", p.Key, past.Trust.Reason)
	case mode != reconcile.ModeEnabled:
		return fmt.Errorf("provisioner %q is %s, so writes cannot be tested", p.Key, mode.Notice(p))
	}
	return nil
}

var errNoOwnedUser = errors.New("AWS shows no user whom roster owns, so writes cannot be tested: the first run that " +
	"creates users tests them")

// maxOwnedLookups is the number of users that patchOwnedUser reads.
const maxOwnedLookups = 10

// patchOwnedUser patches a user to a value that the user already has, and returns the user's key.
// It chooses a user of the ledger whom AWS shows under the same key, and who is not unproved or
// waiting for deletion.
func patchOwnedUser(ctx context.Context, client *scim.Client, past *reconcile.AuditState) (string, error) {
	dir := &directory.Directory{Client: client}
	lookups := 0
	for _, key := range slices.Sorted(maps.Keys(past.Ledger.Users)) {
		owned := past.Ledger.Users[key]
		if past.Unproved.Users[key] || owned.LeftScopeAt != nil {
			continue
		}
		if lookups++; lookups > maxOwnedLookups {
			break
		}
		if ok, err := dir.TestWrite(ctx, owned.ID, key); ok || err != nil {
			return key, err
		}
	}
	return "", errNoOwnedUser
}

// advice returns what to do about an error of a provisioner's directory that has to do with its
// address or credentials; "" for any other error.
func (s *Settings) advice(p *schema.Provisioner, status *reconcile.Status, err error) string {
	var call *scim.Error
	if !errors.As(err, &call) || errors.Is(err, context.Canceled) {
		return ""
	}
	switch f := probe.Diagnose(err, knownConnection(p, status), s.now()); f.Cause {
	case probe.Throttled, probe.ServerError, probe.Unknown, probe.OK: // they are not about the connection
		return ""
	default:
		return f.Advice
	}
}

// knownConnection collects what distinguishes one failure from another: what is declared, and what
// earlier runs recorded. The status is nil if there was no run.
func knownConnection(p *schema.Provisioner, status *reconcile.Status) probe.Known {
	k := probe.Known{Endpoint: p.Endpoint, Identity: p.Identity(), OAuth: p.Auth.OAuth2 != nil}
	if u, err := url.Parse(p.Endpoint); err == nil {
		k.AWS = schema.IsEndpointHost(u.Hostname())
	}
	if p.TokenExpires != nil {
		k.Expires = p.TokenExpires.End
	}
	if status != nil {
		k.Before = status.Identity
		if status.LastApplied != nil && status.AuthFingerprint == reconcile.AuthFingerprint(p) {
			k.Worked = status.LastApplied.Time
		}
	}
	return k
}
