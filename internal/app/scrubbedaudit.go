package app

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

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

func (a scrubbedAudit) BeginWrite(e reconcile.Entry) error {
	clean, err := scrubbed(a.secrets, &e)
	if err != nil {
		return err
	}
	return a.Audit.BeginWrite(*clean)
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
	if s == nil || record == nil || !hasSecret(s, reflect.ValueOf(record)) {
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

var timeType = reflect.TypeFor[time.Time]()

// hasSecret reports whether a string in a value has a secret. It copies nothing, because a report
// of a large run has a million strings.
func hasSecret(s *scrub.Scrubber, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return s.FoundString(v.String())
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && hasSecret(s, v.Elem())
	case reflect.Slice, reflect.Array:
		if kind := v.Type().Elem().Kind(); kind >= reflect.Bool && kind <= reflect.Complex128 {
			return false
		}
		for i := range v.Len() {
			if hasSecret(s, v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if hasSecret(s, entries.Key()) || hasSecret(s, entries.Value()) {
				return true
			}
		}
	case reflect.Struct:
		if v.Type() == timeType {
			return false
		}
		for i := range v.NumField() {
			if hasSecret(s, v.Field(i)) {
				return true
			}
		}
	}
	return false
}
