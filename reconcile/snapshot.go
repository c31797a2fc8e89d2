package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Snapshot is a directory as it was read, with what earlier runs left: enough to plan without
// reading anything.
type Snapshot struct {
	Version     int             `json:"version"`
	Provisioner string          `json:"provisioner"`
	Identity    string          `json:"identity"`
	Observed    *Observed       `json:"observed"`
	Ledger      *Ledger         `json:"ledger"`
	Status      *Status         `json:"status,omitempty"`
	Trust       AuditTrust      `json:"trust,omitzero"`
	Unproved    UnprovedEntries `json:"unproved,omitzero"`
}

// ErrSnapshot is the error for a file that is not a snapshot of this version.
var ErrSnapshot = errors.New("not a snapshot of this version of roster")

// Check returns an error for a snapshot of another version or with missing parts.
func (s *Snapshot) Check() error {
	switch {
	case s.Version != 1:
		return fmt.Errorf("%w: its format version is %d, but this roster reads only version 1", ErrSnapshot, s.Version)
	case s.Provisioner == "" || s.Observed == nil || s.Ledger == nil || s.Observed.ReadAt.IsZero():
		missing := []string{}
		for name, isMissing := range map[string]bool{
			"provisioner": s.Provisioner == "", "observed": s.Observed == nil, "ledger": s.Ledger == nil,
		} {
			if isMissing {
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		return fmt.Errorf("%w: missing fields: %s", ErrSnapshot, strings.Join(missing, ", "))
	}
	return nil
}

// assumedSnapshot returns a snapshot of a directory that holds exactly the desired objects, all of
// them managed. exists are the desired users that exist.
func assumedSnapshot(desired *Desired, exists map[string]bool, p *schema.Provisioner, now time.Time) *Snapshot {
	s := &Snapshot{
		Observed: &Observed{ReadAt: now, Members: map[string][]string{}}, Ledger: NewLedger(),
		Status: &Status{EverEnabled: p != nil && p.Enabled},
	}
	if p == nil {
		return s
	}
	id := func(kind, key string) string { return kind + " " + key }
	for _, key := range slices.Sorted(maps.Keys(desired.Users)) {
		if !exists[key] {
			continue
		}
		u := desired.Users[key]
		s.Observed.Users = append(s.Observed.Users, RemoteUser{ID: id("user", key),
			Attributes: merge(merge(u.OnCreate, u.Attributes), Attributes{attribute("externalId", key)})})
		owned := Owned{ID: id("user", key)}
		if !u.Active {
			owned.InactiveSince = &now
		}
		s.Ledger.Users[key] = owned
	}
	for _, key := range slices.Sorted(maps.Keys(desired.Groups)) {
		g := desired.Groups[key]
		s.Observed.Groups = append(s.Observed.Groups,
			RemoteGroup{ID: id("group", key), ExternalID: key, DisplayName: g.DisplayName})
		s.Ledger.Groups[key] = Owned{ID: id("group", key)}
		members := []string{}
		for _, m := range g.Members {
			if exists[m] {
				members = append(members, id("user", m))
			}
		}
		s.Observed.Members[id("group", key)] = members
	}
	return s
}
