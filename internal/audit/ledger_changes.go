package audit

import (
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ledgerChanges are the changes of a run to a ledger. A pending report stores the changes instead
// of the ledger, because another run may change the ledger before the report is published.
type ledgerChanges struct {
	Users  map[string]entryChange `json:"users,omitempty"`
	Groups map[string]entryChange `json:"groups,omitempty"`
}

// entryChange is the change of one entry. Nil means that there is no entry.
type entryChange struct {
	Old *reconcile.Owned `json:"old,omitempty"`
	New *reconcile.Owned `json:"new,omitempty"`
}

func (c *ledgerChanges) empty() bool { return len(c.Users) == 0 && len(c.Groups) == 0 }

func diffLedgers(from, to *reconcile.Ledger) ledgerChanges {
	return ledgerChanges{Users: diffOwned(from.Users, to.Users), Groups: diffOwned(from.Groups, to.Groups)}
}

func diffOwned(from, to map[string]reconcile.Owned) map[string]entryChange {
	out := map[string]entryChange{}
	common := 0
	for key, a := range from {
		b, ok := to[key]
		switch {
		case !ok:
			out[key] = entryChange{Old: &a}
			continue
		case !sameOwned(a, b):
			out[key] = entryChange{Old: &a, New: &b}
		}
		common++
	}
	if common == len(to) {
		return out
	}
	for key, b := range to {
		if _, ok := from[key]; !ok {
			out[key] = entryChange{New: &b}
		}
	}
	return out
}

func sameOwned(a, b reconcile.Owned) bool {
	same := sameTime(a.LeftScopeAt, b.LeftScopeAt) && sameTime(a.InactiveSince, b.InactiveSince)
	a.LeftScopeAt, b.LeftScopeAt, a.InactiveSince, b.InactiveSince = nil, nil, nil, nil
	return same && a == b
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// apply changes an entry of a ledger that other runs may have changed. If the entry is as the run
// found it, it becomes what the run left. Otherwise the change of the other run wins: apply adds an
// entry only where there is none, and removes it only if it has the same id.
func (c entryChange) apply(l map[string]reconcile.Owned, key string) {
	current, exists := l[key]
	expected := c.Old == nil && !exists || c.Old != nil && exists && sameOwned(*c.Old, current)
	switch {
	case c.New == nil:
		if exists && (expected || current.ID == c.Old.ID) {
			delete(l, key)
		}
	case expected:
		l[key] = *c.New
	case !exists && (c.Old == nil || c.Old.ID != c.New.ID):
		l[key] = *c.New
	}
}

func (c *ledgerChanges) apply(l *reconcile.Ledger) {
	for key, change := range c.Users {
		change.apply(l.Users, key)
	}
	for key, change := range c.Groups {
		change.apply(l.Groups, key)
	}
}

// byShard groups changes by the file of the ledger.
func (c *ledgerChanges) byShard(provisioner string) map[string]*ledgerChanges {
	out := map[string]*ledgerChanges{}
	shard := func(key string) *ledgerChanges {
		name := shardPath(provisioner, key)
		if out[name] == nil {
			out[name] = &ledgerChanges{Users: map[string]entryChange{}, Groups: map[string]entryChange{}}
		}
		return out[name]
	}
	for key, change := range c.Users {
		shard(key).Users[key] = change
	}
	for key, change := range c.Groups {
		shard(key).Groups[key] = change
	}
	return out
}
