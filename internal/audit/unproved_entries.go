package audit

import (
	"cmp"
	"maps"

	"github.com/seed-d64a251c/roster/reconcile"
)

// restoreEntries adds the known entries that a ledger does not have. An id has one key.
func restoreEntries(ledger, known *reconcile.Ledger) {
	ids := idsOf(ledger)
	for _, kind := range [2][2]map[string]reconcile.Owned{{ledger.Users, known.Users}, {ledger.Groups, known.Groups}} {
		for key, owned := range kind[1] {
			if _, found := kind[0][key]; !found && !ids[owned.ID] {
				kind[0][key] = owned
			}
		}
	}
	for ref, u := range forgottenUnconfirmed(known, ledger) {
		ledger.Unconfirmed[ref] = u
	}
}

// forgottenUnconfirmed returns the known unconfirmed objects that have no entry in a ledger.
func forgottenUnconfirmed(known, ledger *reconcile.Ledger) map[string]reconcile.Unconfirmed {
	out := map[string]reconcile.Unconfirmed{}
	for ref, u := range known.Unconfirmed {
		kind, key := reconcile.ObjectKey(ref)
		_, managed := ledger.Users[key]
		if kind == "group" {
			_, managed = ledger.Groups[key]
		}
		if _, found := ledger.Unconfirmed[ref]; !found && !managed {
			u.MissedAt = nil // the lookups of others count for nothing
			out[ref] = u
		}
	}
	return out
}

// idsOf returns the ids that a ledger has.
func idsOf(l *reconcile.Ledger) map[string]bool {
	ids := make(map[string]bool, len(l.Users)+len(l.Groups))
	for _, entries := range []map[string]reconcile.Owned{l.Users, l.Groups} {
		for _, owned := range entries {
			ids[owned.ID] = true
		}
	}
	return ids
}

// droppedEntries returns the known entries whose ids a ledger does not have, and the known
// unconfirmed objects without an entry; nil if there are none.
func droppedEntries(known, ledger *reconcile.Ledger) *reconcile.Ledger {
	ids := idsOf(ledger)
	out := known.Clone()
	for _, entries := range []map[string]reconcile.Owned{out.Users, out.Groups} {
		maps.DeleteFunc(entries, func(_ string, owned reconcile.Owned) bool { return ids[owned.ID] })
	}
	out.Unconfirmed = forgottenUnconfirmed(known, ledger)
	if len(out.Users)+len(out.Groups)+len(out.Unconfirmed) == 0 {
		return nil
	}
	return out
}

// withLedger returns the entries of two ledgers. Those of a win. A ledger may be nil.
func withLedger(a, b *reconcile.Ledger) *reconcile.Ledger {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return a.WithMissing(b)
}

// withoutEntries returns a ledger without some entries.
func withoutEntries(l *reconcile.Ledger, remove reconcile.UnprovedEntries) *reconcile.Ledger {
	out := l.Clone()
	for key := range remove.Users {
		delete(out.Users, key)
	}
	for key := range remove.Groups {
		delete(out.Groups, key)
	}
	for ref := range remove.Unconfirmed {
		delete(out.Unconfirmed, ref)
	}
	return out
}

// entriesOf returns all entries of a ledger.
func entriesOf(l *reconcile.Ledger) reconcile.UnprovedEntries {
	return reconcile.UnprovedEntries{Users: keySet(l.Users), Groups: keySet(l.Groups),
		Unconfirmed: keySet(l.Unconfirmed)}
}

func keySet[T any](entries map[string]T) map[string]bool {
	out := make(map[string]bool, len(entries))
	for key := range entries {
		out[key] = true
	}
	return out
}

// afterChanges returns the unproved entries after changes of a ledger. A change by others makes an
// entry unproved. A change by this machine's own run makes it proved only if the run created or
// adopted another object.
func afterChanges(before reconcile.UnprovedEntries, c ledgerChanges, own bool) reconcile.UnprovedEntries {
	return reconcile.UnprovedEntries{
		Users: afterEntryChanges(before.Users, c.Users, own), Groups: afterEntryChanges(before.Groups, c.Groups, own),
		Unconfirmed: afterUnconfirmedChanges(before.Unconfirmed, c.Unconfirmed, own),
	}
}

// afterUnconfirmedChanges is afterEntryChanges for unconfirmed objects. An own run that looks one
// up proves nothing about it; one that sends the write itself does.
func afterUnconfirmedChanges(before map[string]bool, changes map[string]unconfirmedChange, own bool) map[string]bool {
	out := maps.Clone(before)
	if out == nil {
		out = map[string]bool{}
	}
	for ref, c := range changes {
		switch {
		case c.New == nil:
			delete(out, ref)
		case !own:
			out[ref] = true
		case c.Old == nil:
			delete(out, ref)
		}
	}
	return out
}

func afterEntryChanges(before map[string]bool, changes map[string]entryChange, own bool) map[string]bool {
	out := maps.Clone(before)
	if out == nil {
		out = map[string]bool{}
	}
	ids := map[string]bool{} // of the unproved entries
	for key, c := range changes {
		if before[key] && c.Old != nil {
			ids[c.Old.ID] = true
		}
	}
	for key, c := range changes {
		switch {
		case c.New == nil:
			delete(out, key)
		case !own || ids[c.New.ID]: // also under another key
			out[key] = true
		case c.Old == nil || c.Old.ID != c.New.ID:
			delete(out, key)
		}
	}
	return out
}

// without returns the unproved entries without those that were verified.
func without(u, verified reconcile.UnprovedEntries) reconcile.UnprovedEntries {
	if verified.Count() == 0 {
		return u
	}
	remove := func(from, keys map[string]bool) map[string]bool {
		out := maps.Clone(from)
		maps.DeleteFunc(out, func(key string, _ bool) bool { return keys[key] })
		return out
	}
	return reconcile.UnprovedEntries{Users: remove(u.Users, verified.Users),
		Groups: remove(u.Groups, verified.Groups), Unconfirmed: remove(u.Unconfirmed, verified.Unconfirmed)}
}

// withEntries returns the unproved entries with others that a ledger has.
func withEntries(u, others reconcile.UnprovedEntries, l *reconcile.Ledger) reconcile.UnprovedEntries {
	addKeys(u.Users, others.Users, l.Users)
	addKeys(u.Groups, others.Groups, l.Groups)
	addKeys(u.Unconfirmed, others.Unconfirmed, l.Unconfirmed)
	return u
}

// addKeys adds the keys that entries have to a set.
func addKeys[T any](to, keys map[string]bool, entries map[string]T) {
	for key := range keys {
		if _, found := entries[key]; found {
			to[key] = true
		}
	}
}
