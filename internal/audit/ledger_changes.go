package audit

import (
	"iter"
	"maps"
	"reflect"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ledgerChanges are the changes of a run to a ledger. A pending report stores the changes instead
// of the ledger, because another run may change the ledger before the report is published.
type ledgerChanges struct {
	Users       map[string]entryChange       `json:"users,omitempty"`
	Groups      map[string]entryChange       `json:"groups,omitempty"`
	Unconfirmed map[string]unconfirmedChange `json:"unconfirmed,omitempty"`
}

// change is the change of one entry. Nil means that there is no entry.
type change[T any] struct {
	Old *T `json:"old,omitempty"`
	New *T `json:"new,omitempty"`
}

// entryChange is the change of the entry of a managed object, unconfirmedChange that of an
// unconfirmed one.
type (
	entryChange       = change[reconcile.Owned]
	unconfirmedChange = change[reconcile.Unconfirmed]
)

func (c *ledgerChanges) empty() bool { return len(c.Users)+len(c.Groups)+len(c.Unconfirmed) == 0 }

func newLedgerChanges() *ledgerChanges {
	return &ledgerChanges{Users: map[string]entryChange{}, Groups: map[string]entryChange{},
		Unconfirmed: map[string]unconfirmedChange{}}
}

func diffLedgers(from, to *reconcile.Ledger) ledgerChanges {
	return ledgerChanges{
		Users: diffEntries(from.Users, to.Users, sameOwned), Groups: diffEntries(from.Groups, to.Groups, sameOwned),
		Unconfirmed: diffEntries(from.Unconfirmed, to.Unconfirmed, sameUnconfirmed),
	}
}

// diffEntries returns the changes from one map to another. It visits nothing if they are the same
// map, as after a run that changed no entry.
func diffEntries[T any](from, to map[string]T, same func(a, b T) bool) map[string]change[T] {
	out := map[string]change[T]{}
	if reflect.ValueOf(from).Pointer() == reflect.ValueOf(to).Pointer() {
		return out
	}
	common := 0
	for key, a := range from {
		b, ok := to[key]
		switch {
		case !ok:
			out[key] = change[T]{Old: &a}
			continue
		case !same(a, b):
			out[key] = change[T]{Old: &a, New: &b}
		}
		common++
	}
	if common == len(to) {
		return out
	}
	for key, b := range to {
		if _, ok := from[key]; !ok {
			out[key] = change[T]{New: &b}
		}
	}
	return out
}

func sameOwned(a, b reconcile.Owned) bool {
	if a == b { // almost always: a copy of a ledger has the same pointers
		return true
	}
	same := sameTime(a.LeftScopeAt, b.LeftScopeAt) && sameTime(a.InactiveSince, b.InactiveSince) &&
		sameTime(a.MissedAt, b.MissedAt) && sameTime(a.DeleteSentAt, b.DeleteSentAt)
	a.LeftScopeAt, b.LeftScopeAt, a.InactiveSince, b.InactiveSince = nil, nil, nil, nil
	a.MissedAt, b.MissedAt, a.DeleteSentAt, b.DeleteSentAt = nil, nil, nil, nil
	return same && a == b
}

func sameUnconfirmed(a, b reconcile.Unconfirmed) bool {
	same := sameTime(a.MissedAt, b.MissedAt) && a.Started.Equal(b.Started)
	return same && a.Run == b.Run && a.Commit == b.Commit && a.ID == b.ID
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// applyEntry changes an entry of a ledger that other runs may have changed. If the entry is as the
// run found it, it becomes what the run left. Otherwise the change of the other run wins:
// applyEntry adds an entry only where there is none, and removes it only if it has the same id.
func applyEntry(l map[string]reconcile.Owned, key string, c entryChange) {
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

// applyUnconfirmed changes an entry of an unconfirmed object. If another run changed the entry, it
// stays, so that lookups decide again.
func applyUnconfirmed(l map[string]reconcile.Unconfirmed, ref string, c unconfirmedChange) {
	current, exists := l[ref]
	expected := c.Old == nil && !exists || c.Old != nil && exists && sameUnconfirmed(*c.Old, current)
	switch {
	case c.New == nil && expected:
		delete(l, ref)
	case c.New != nil && (expected || !exists):
		l[ref] = *c.New
	}
}

func (c *ledgerChanges) apply(l *reconcile.Ledger) {
	for key, change := range c.Users {
		applyEntry(l.Users, key, change)
	}
	for key, change := range c.Groups {
		applyEntry(l.Groups, key, change)
	}
	if l.Unconfirmed == nil {
		l.Unconfirmed = map[string]reconcile.Unconfirmed{}
	}
	for ref, change := range c.Unconfirmed {
		applyUnconfirmed(l.Unconfirmed, ref, change)
	}
}

// applyTo returns a ledger after the changes, and which of them had an effect. It does not change
// the given ledger, and returns it if there is nothing to change.
func (c *ledgerChanges) applyTo(l *reconcile.Ledger) (*reconcile.Ledger, ledgerChanges) {
	if c.empty() {
		return l, ledgerChanges{}
	}
	after := l.Clone()
	c.apply(after)
	return after, diffLedgers(c.entries(l), c.entries(after))
}

// entries returns the entries of a ledger that the changes are about.
func (c *ledgerChanges) entries(l *reconcile.Ledger) *reconcile.Ledger {
	return &reconcile.Ledger{Users: entriesOfKeys(l.Users, maps.Keys(c.Users)),
		Groups:      entriesOfKeys(l.Groups, maps.Keys(c.Groups)),
		Unconfirmed: entriesOfKeys(l.Unconfirmed, maps.Keys(c.Unconfirmed))}
}

func entriesOfKeys[T any](entries map[string]T, keys iter.Seq[string]) map[string]T {
	out := map[string]T{}
	for key := range keys {
		if entry, found := entries[key]; found {
			out[key] = entry
		}
	}
	return out
}

// byShard groups changes by the file of the ledger.
func (c *ledgerChanges) byShard(provisioner string) map[string]*ledgerChanges {
	out := map[string]*ledgerChanges{}
	shard := func(key string) *ledgerChanges {
		name := shardPath(provisioner, key)
		if out[name] == nil {
			out[name] = newLedgerChanges()
		}
		return out[name]
	}
	for key, change := range c.Users {
		shard(key).Users[key] = change
	}
	for key, change := range c.Groups {
		shard(key).Groups[key] = change
	}
	for ref, change := range c.Unconfirmed {
		shard(ref).Unconfirmed[ref] = change
	}
	return out
}
