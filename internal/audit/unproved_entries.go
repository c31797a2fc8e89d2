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

// droppedEntries returns the known entries whose ids a ledger does not have; nil if there are none.
func droppedEntries(known, ledger *reconcile.Ledger) *reconcile.Ledger {
	ids := idsOf(ledger)
	out := known.Clone()
	for _, entries := range []map[string]reconcile.Owned{out.Users, out.Groups} {
		maps.DeleteFunc(entries, func(_ string, owned reconcile.Owned) bool { return ids[owned.ID] })
	}
	if len(out.Users)+len(out.Groups) == 0 {
		return nil
	}
	return out
}

// withLedger returns the entries of two ledgers. Those of a win. A ledger may be nil.
func withLedger(a, b *reconcile.Ledger) *reconcile.Ledger {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	out := reconcile.NewLedger() // a stored ledger may have no maps
	maps.Copy(out.Users, b.Users)
	maps.Copy(out.Groups, b.Groups)
	maps.Copy(out.Users, a.Users)
	maps.Copy(out.Groups, a.Groups)
	return out
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
	return out
}

// entriesOf returns all entries of a ledger.
func entriesOf(l *reconcile.Ledger) reconcile.UnprovedEntries {
	keys := func(entries map[string]reconcile.Owned) map[string]bool {
		out := make(map[string]bool, len(entries))
		for key := range entries {
			out[key] = true
		}
		return out
	}
	return reconcile.UnprovedEntries{Users: keys(l.Users), Groups: keys(l.Groups)}
}

// afterChanges returns the unproved entries after changes of a ledger. A change by others makes an
// entry unproved. A change by this machine's own run makes it proved only if the run created or
// adopted another object.
func afterChanges(before reconcile.UnprovedEntries, c ledgerChanges, own bool) reconcile.UnprovedEntries {
	return reconcile.UnprovedEntries{
		Users: afterEntryChanges(before.Users, c.Users, own), Groups: afterEntryChanges(before.Groups, c.Groups, own),
	}
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
	return reconcile.UnprovedEntries{Users: remove(u.Users, verified.Users), Groups: remove(u.Groups, verified.Groups)}
}

// withEntries returns the unproved entries with others that a ledger has.
func withEntries(u, others reconcile.UnprovedEntries, l *reconcile.Ledger) reconcile.UnprovedEntries {
	add := func(to, keys map[string]bool, entries map[string]reconcile.Owned) {
		for key := range keys {
			if _, found := entries[key]; found {
				to[key] = true
			}
		}
	}
	add(u.Users, others.Users, l.Users)
	add(u.Groups, others.Groups, l.Groups)
	return u
}
