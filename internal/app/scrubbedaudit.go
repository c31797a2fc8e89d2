package app

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// scrubbedAudit removes secrets from what runs record, before it is hashed, written to the journal
// or published. Errors of servers are in these records.
type scrubbedAudit struct {
	reconcile.Audit
	secrets *scrub.Scrubber
}

func (a scrubbedAudit) BeginRun(ctx context.Context, in reconcile.Intent) error {
	clean, err := scrubbed(a.secrets, &in)
	if err != nil {
		return err
	}
	return a.Audit.BeginRun(ctx, *clean)
}

func (a scrubbedAudit) BeginWrites(entries ...reconcile.Entry) error {
	out := make([]reconcile.Entry, len(entries))
	for i := range entries {
		clean, err := scrubbed(a.secrets, &entries[i])
		if err != nil {
			return err
		}
		out[i] = *clean
	}
	return a.Audit.BeginWrites(out...)
}

func (a scrubbedAudit) EndWrite(e reconcile.Entry) error {
	clean, err := scrubbed(a.secrets, &e)
	if err != nil {
		return err
	}
	return a.Audit.EndWrite(*clean)
}

func (a scrubbedAudit) CommitReport(ctx context.Context, c reconcile.RunRecord) (reconcile.Receipt, error) {
	var err error
	if c.Report, err = scrubbed(a.secrets, c.Report); err != nil {
		return reconcile.Receipt{}, err
	}
	if c.Status, err = scrubbed(a.secrets, c.Status); err != nil {
		return reconcile.Receipt{}, err
	}
	if c.Release, err = scrubbed(a.secrets, c.Release); err != nil {
		return reconcile.Receipt{}, err
	}
	return a.Audit.CommitReport(ctx, c)
}

// scrubbedQuarantines removes secrets from what it stores.
type scrubbedQuarantines struct {
	run.Quarantines
	secrets *scrub.Scrubber
}

func (q scrubbedQuarantines) Store(provisioner string, quarantine *reconcile.Quarantine) {
	clean, err := scrubbed(q.secrets, quarantine)
	if err != nil { // it has a secret that cannot be removed alone
		hidden := *quarantine
		hidden.Reason = err.Error()
		clean = &hidden
	}
	q.Quarantines.Store(provisioner, clean)
}

// scrubbed returns a record without secrets: the same pointer if it has none.
func scrubbed[T any](s *scrub.Scrubber, record *T) (*T, error) {
	if s == nil || record == nil || !(&secretFinder{scrubber: s}).in(reflect.ValueOf(record)) {
		return record, nil
	}
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("remove secrets from a record: %w", err)
	}
	clean := new(T)
	if err := json.Unmarshal(s.Bytes(data), clean); err != nil { // the cause might quote a secret
		return nil, fmt.Errorf("remove secrets from a record: the result is not a %T", record)
	}
	return clean, nil
}
