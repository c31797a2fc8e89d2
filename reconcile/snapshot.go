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

// Snapshot is one look at a directory, with what is known of earlier runs: enough to plan without asking anybody.
type Snapshot struct {
	Version        int       `json:"version"`
	Provisioner    string    `json:"provisioner"`
	Identity       string    `json:"identity"`
	Observed       *Observed `json:"observed"`
	Ledger         *Ledger   `json:"ledger"`
	Status         *Status   `json:"status,omitempty"`
	DistrustReason string    `json:"distrustReason,omitempty"`
}

// ErrSnapshot says that a file is not a snapshot that this roster can read.
var ErrSnapshot = errors.New("not a snapshot of this version of roster")

// Check refuses what is not a whole snapshot.
func (s *Snapshot) Check() error {
	switch {
	case s.Version != 1:
		return fmt.Errorf("%w: version %d, want 1", ErrSnapshot, s.Version)
	case s.Provisioner == "" || s.Observed == nil || s.Ledger == nil || s.Observed.ReadAt.IsZero():
		missing := []string{}
		for name, lacks := range map[string]bool{"provisioner": s.Provisioner == "", "observed": s.Observed == nil, "ledger": s.Ledger == nil} {
			if lacks {
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		return fmt.Errorf("%w: it lacks %s", ErrSnapshot, strings.Join(missing, ", "))
	}
	return nil
}

// assume is a directory that holds exactly what is desired, all of it ours.
func assume(want *Desired, have map[string]bool, p *schema.Provisioner, now time.Time) *Snapshot {
	s := &Snapshot{Observed: &Observed{ReadAt: now, Members: map[string][]string{}}, Ledger: NewLedger(), Status: &Status{EverEnabled: p != nil && p.Enabled}}
	if p == nil {
		return s
	}
	id := func(kind, key string) string { return kind + " " + key }
	for _, key := range slices.Sorted(maps.Keys(want.Users)) {
		if !have[key] {
			continue
		}
		u := want.Users[key]
		s.Observed.Users = append(s.Observed.Users, RemoteUser{ID: id("user", key),
			Attributes: merge(merge(u.OnCreate, u.Attributes), Attributes{attribute("externalId", key)})})
		s.Ledger.Users[key] = Owned{ID: id("user", key)}
	}
	for _, key := range slices.Sorted(maps.Keys(want.Groups)) {
		g := want.Groups[key]
		s.Observed.Groups = append(s.Observed.Groups, RemoteGroup{ID: id("group", key), ExternalID: key, DisplayName: g.DisplayName})
		s.Ledger.Groups[key] = Owned{ID: id("group", key)}
		members := []string{}
		for _, m := range g.Members {
			if have[m] {
				members = append(members, id("user", m))
			}
		}
		s.Observed.Members[id("group", key)] = members
	}
	return s
}
