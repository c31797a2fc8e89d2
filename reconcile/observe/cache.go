package observe

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Cache keeps cached directories between runs. It may lose them at any time: that costs reads,
// never correctness. Its methods may be called concurrently.
type Cache interface {
	// Load returns the cached directory that was last stored; nil if there is none. Callers must
	// not change it.
	Load(provisioner string) *CachedDirectory
	// Store replaces the cached directory; nil deletes it.
	Store(provisioner string, c *CachedDirectory)
}

// CacheVersion is the format version of cached directories that this roster reads.
const CacheVersion = 1

// CachedDirectory is a directory as runs have read it, part by part, updated with what they wrote.
// Once stored it must not change.
type CachedDirectory struct {
	Version  int    `json:"version"`
	Identity string `json:"identity"` // of the provisioner
	// Run is the run that stored it, or the run in the status then if it left no report; empty if
	// there was no status. If the status names another run, another process has run since and the
	// cached directory is not used.
	Run      string              `json:"run"`
	Observed *reconcile.Observed `json:"observed"`
	// FullReadAt is the time of the last run that read everything. UsersReadAt and GroupsReadAt are
	// the times of the last complete listings. Zero means never.
	FullReadAt   time.Time `json:"fullReadAt"`
	UsersReadAt  time.Time `json:"usersReadAt"`
	GroupsReadAt time.Time `json:"groupsReadAt"`
	// MembersReadAt is the time when all members of a group were last read, by group id.
	MembersReadAt map[string]time.Time `json:"membersReadAt"`
	// FullReadSince is the start of a full read that did not end. What was read since then need not
	// be read again to complete it. Zero if the last full read has ended.
	FullReadSince time.Time `json:"fullReadSince,omitzero"`
	// GroupsOf has the groups of the users that were read for it, if memberships are read by user.
	GroupsOf map[string][]string `json:"groupsOf,omitempty"`
	// Unverified lists what writes without an answer may have changed. The next run looks it up
	// before it plans.
	Unverified []lookup `json:"unverified,omitempty"`
	// Recent is what this process has read. It is not stored.
	Recent RecentReads `json:"-"`

	userIndex, groupIndex *listIndex // of Observed; nil: not yet known
}

// LoadCached returns the cached directory of a provisioner. It returns nil if the cache must not be
// relied on, and the reason. The reason is empty if nothing can be cached: without a cache, and
// before the first run.
func LoadCached(cache Cache, p *schema.Provisioner, audit *reconcile.AuditState) (_ *CachedDirectory, reason string) {
	if cache == nil {
		return nil, ""
	}
	if reason := Distrust(audit); reason != "" {
		return nil, reason
	}
	c := cache.Load(p.Key)
	switch {
	case c == nil && audit.Status == nil:
		return nil, ""
	case c == nil:
		return nil, "this process has no copy of the directory: its state directory is new, or was cleared"
	case c.Check() != nil:
		return nil, "the copy of the directory cannot be used: " + c.Check().Error()
	case c.Identity != p.Identity():
		return nil, "the copy of the directory is of " + c.Identity
	case c.Run != audit.Status.RunID():
		return nil, fmt.Sprintf(
			"another process has run since: the last run is %s, and the copy of the directory is of %s",
			cmp.Or(audit.Status.RunID(), "unknown"), cmp.Or(c.Run, "the time before the first run"))
	}
	return c, ""
}

// Distrust returns why nothing that earlier runs have read counts; empty if it does.
func Distrust(audit *reconcile.AuditState) string {
	switch {
	case audit.Interrupted != nil:
		return fmt.Sprintf("run %s was interrupted", audit.Interrupted.Intent.Run)
	case len(audit.OpenIntents) > 0:
		return fmt.Sprintf("run %s of another process did not end", audit.OpenIntents[0].Run)
	case audit.Trust.Broken():
		return "the audit branch is broken"
	}
	return ""
}

// Check returns an error for a cached directory of another version or with missing parts.
func (c *CachedDirectory) Check() error {
	switch {
	case c.Version != CacheVersion:
		return fmt.Errorf("the format version is %d, but this roster reads only version %d",
			c.Version, CacheVersion)
	case c.Observed == nil || c.Observed.Members == nil || c.MembersReadAt == nil:
		return errors.New("cached directory is incomplete")
	}
	return nil
}

// emptyCache returns a cached directory before the first read.
func emptyCache(identity string) *CachedDirectory {
	return &CachedDirectory{Version: CacheVersion, Identity: identity,
		Observed: &reconcile.Observed{Members: map[string][]string{}}, MembersReadAt: map[string]time.Time{}}
}

// IsComplete reports whether everything was read once.
func (c *CachedDirectory) IsComplete() bool { return !c.FullReadAt.IsZero() }

// copy returns a copy that may be updated, for a run that starts at a time.
func (c *CachedDirectory) copy(now time.Time) *CachedDirectory {
	out := *c
	o := *c.Observed
	o.Users, o.Groups, o.Members = slices.Clone(o.Users), slices.Clone(o.Groups), maps.Clone(o.Members)
	out.Observed, out.MembersReadAt, out.Unverified = &o, maps.Clone(c.MembersReadAt), slices.Clone(c.Unverified)
	out.GroupsOf, out.Recent = maps.Clone(c.GroupsOf), c.Recent.clone(now)
	out.userIndex, out.groupIndex = c.userIndex.copy(), c.groupIndex.copy()
	return &out
}

// oldestRead returns the time at which the oldest part was read.
func (c *CachedDirectory) oldestRead() time.Time {
	oldest := c.UsersReadAt
	consider := func(t time.Time) {
		if t.Before(oldest) {
			oldest = t
		}
	}
	if !c.GroupsReadAt.IsZero() {
		consider(c.GroupsReadAt)
	}
	for id := range c.Observed.Members {
		consider(c.MembersReadAt[id])
	}
	return oldest
}

// selectedGroups returns the ids of the groups whose members are read.
func (c *CachedDirectory) selectedGroups(options Options) []string {
	var out []string
	for _, g := range c.Observed.Groups {
		if options.selects(g) {
			out = append(out, g.ID)
		}
	}
	return out
}

// shareIDs makes the member lists share the id strings of the users. With 100,000 users there may
// be a million memberships.
func shareIDs(o *reconcile.Observed) {
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
