package observe

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Memory keeps between runs what a directory was seen to hold. It may forget at any time: that costs reads, never correctness. Its methods
// may be called concurrently.
type Cache interface {
	// Recall returns what was kept last, nil for nothing. Nobody changes it.
	Load(provisioner string) *CachedDirectory
	// Keep replaces what was kept; nil forgets it.
	Store(provisioner string, r *CachedDirectory)
}

// RecollectionVersion is that of the recollections that this roster understands.
const CacheVersion = 1

// Recollection is what is known of a directory: as it was read, part by part, and with what has been written since. Once kept it is not
// changed any more.
type CachedDirectory struct {
	Version  int    `json:"version"`
	Identity string `json:"identity"` // of the provisioner
	// Run is the one that the status must name: when another process has run since, nothing of this counts.
	Run      string              `json:"run"`
	Observed *reconcile.Observed `json:"observed"`
	// FullReadAt is the time of the last run that read everything. UsersReadAt and GroupsReadAt are
	// the times of the last complete listings. Zero means never.
	FullReadAt   time.Time `json:"fullReadAt"`
	UsersReadAt  time.Time `json:"usersReadAt"`
	GroupsReadAt time.Time `json:"groupsReadAt"`
	// MembersReadAt is the time when all members of a group were last read, by group id.
	MembersReadAt map[string]time.Time `json:"membersReadAt"`
	// Unverified lists what writes without an answer may have changed. The next run looks it up
	// before it plans.
	Unverified []lookup `json:"unverified,omitempty"`
}

// Check refuses what is not a whole recollection of this version.
func (r *CachedDirectory) Check() error {
	switch {
	case r.Version != CacheVersion:
		return fmt.Errorf("a recollection of version %d, want %d", r.Version, CacheVersion)
	case r.Observed == nil || r.Observed.Members == nil || r.MembersReadAt == nil:
		return errors.New("a recollection without its parts")
	}
	return nil
}

// recollect begins the memory of what was read whole.
func newCache(o *reconcile.Observed, p *schema.Provisioner) *CachedDirectory {
	r := &CachedDirectory{Version: CacheVersion, Identity: p.Identity(), Observed: o, FullReadAt: o.ReadAt, UsersReadAt: o.ReadAt, MembersReadAt: make(map[string]time.Time, len(o.Members))}
	if p.PushGroups {
		r.GroupsReadAt = o.ReadAt
	}
	for id := range o.Members {
		r.MembersReadAt[id] = o.ReadAt
	}
	intern(o)
	return r
}

// copy returns one that can be brought up to date.
func (r *CachedDirectory) copy() *CachedDirectory {
	c := *r
	o := *r.Observed
	o.Users, o.Groups, o.Members = slices.Clone(o.Users), slices.Clone(o.Groups), maps.Clone(o.Members)
	c.Observed, c.MembersReadAt, c.Unverified = &o, maps.Clone(r.MembersReadAt), slices.Clone(r.Unverified)
	return &c
}

// oldest is when the part was read that nobody has read for the longest time.
func (r *CachedDirectory) oldest() time.Time {
	at := r.UsersReadAt
	older := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if !r.GroupsReadAt.IsZero() {
		older(r.GroupsReadAt)
	}
	for id := range r.Observed.Members {
		older(r.MembersReadAt[id])
	}
	return at
}

// intern makes members share the text of their ids with the users: a million memberships of a hundred thousand people.
func intern(o *reconcile.Observed) {
	ids := make(map[string]string, len(o.Users))
	for i := range o.Users {
		ids[o.Users[i].ID] = o.Users[i].ID
	}
	for _, members := range o.Members {
		for i, id := range members {
			if known, ok := ids[id]; ok {
				members[i] = known
			}
		}
	}
}
