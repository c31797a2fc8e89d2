package reconcile

import (
	"context"
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

// Snapshot takes a look at a provisioner's directory, for previews: the members of every group, since a preview may want to take over any
// of them. What runs remember of it is not read again. It sends nothing but reads.
func (r *Runner) Snapshot(ctx context.Context, p *schema.Provisioner) (*Snapshot, error) {
	past, err := r.Audit.Past(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs left: %w", err)
	}
	dir, err := r.Open(ctx, p, true)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.Identity(), err)
	}
	observed, err := r.known(ctx, p, past, dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Identity(), err)
	}
	return &Snapshot{Version: 1, Provisioner: p.Key, Identity: p.Identity(), Observed: observed, Ledger: past.Ledger, Status: past.Status,
		DistrustReason: past.DistrustReason}, nil
}

// known is what runs remember of a directory, with the members of the groups that they have no use for; without a memory all of it is read.
func (r *Runner) known(ctx context.Context, p *schema.Provisioner, past *AuditState, dir Directory) (*Observed, error) {
	look := Look{Groups: p.PushGroups, Concurrency: p.Rate.Concurrency}
	memory := r.recall(p, past)
	if memory == nil || len(memory.Unverified) > 0 || p.PushGroups && memory.GroupsReadAt.IsZero() {
		return Observe(ctx, dir, look, r.now())
	}
	o := *memory.Observed
	o.ReadAt, o.Members = memory.oldest(), maps.Clone(o.Members)
	var unread []string
	for _, g := range o.Groups {
		if _, read := o.Members[g.ID]; !read {
			unread = append(unread, g.ID)
		}
	}
	err := each(ctx, unread, look, func(ctx context.Context, id string) ([]string, error) { return collect(dir.Members(ctx, id)) },
		func(id string, members []string) { slices.Sort(members); o.Members[id] = members })
	return &o, err
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
	for _, key := range sortedKeys(want.Users) {
		if !have[key] {
			continue
		}
		u := want.Users[key]
		s.Observed.Users = append(s.Observed.Users, RemoteUser{ID: id("user", key),
			Attributes: merge(merge(u.OnCreate, u.Attributes), Attributes{attribute("externalId", key)})})
		s.Ledger.Users[key] = Owned{ID: id("user", key)}
	}
	for _, key := range sortedKeys(want.Groups) {
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
