package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// restoreDropped restores the entries of the ledger that others removed, or gave the id of nothing,
// if AWS still has their objects under their keys. So no writer of the branch can keep the access
// of a leaver. An entry with the id of another object is left to gate contradicted. restoreDropped
// connects to the directory only if there are such entries.
func (r *Runner) restoreDropped(ctx context.Context, s runState) (runState, reconcile.Directory, error) {
	dropped := s.audit.Dropped
	if dropped == nil || s.audit.Trust.Broken() {
		return s, nil, nil
	}
	dir, err := r.connect(ctx, s)
	if err != nil {
		return s, nil, err
	}
	audit := *s.audit
	audit.Ledger, s.audit = audit.Ledger.Clone(), &audit
	audit.Unproved = reconcile.UnprovedEntries{Users: maps.Clone(audit.Unproved.Users),
		Groups: maps.Clone(audit.Unproved.Groups), Unconfirmed: maps.Clone(audit.Unproved.Unconfirmed)}
	for ref, u := range dropped.Unconfirmed { // lookups decide about them
		audit.Ledger.Unconfirmed[ref] = u
		delete(audit.Unproved.Unconfirmed, ref)
	}
	for key, owned := range dropped.Users {
		u, found, err := dir.UserByExternalID(ctx, key)
		if now, has := audit.Ledger.Users[key]; err == nil && found && u.ID == owned.ID && has {
			_, has, err = dir.User(ctx, now.ID)
			found = !has
		}
		if err != nil {
			return s, dir, fmt.Errorf("look up user %q, whose entry was removed from the ledger: %w", key, err)
		}
		if found && u.ID == owned.ID {
			audit.Ledger.Users[key] = owned
			delete(audit.Unproved.Users, key)
			s.restored = append(s.restored, fmt.Sprintf("user %q", key))
		}
	}
	for key, owned := range dropped.Groups {
		g, found, err := dir.GroupByExternalID(ctx, key)
		if now, has := audit.Ledger.Groups[key]; err == nil && found && g.ID == owned.ID && has {
			_, has, err = dir.Group(ctx, now.ID)
			found = !has
		}
		if err != nil {
			return s, dir, fmt.Errorf("look up group %q, whose entry was removed from the ledger: %w", key, err)
		}
		if found && g.ID == owned.ID {
			audit.Ledger.Groups[key] = owned
			delete(audit.Unproved.Groups, key)
			s.restored = append(s.restored, fmt.Sprintf("group %q", key))
		}
	}
	s.lookedUp = true
	return s, dir, nil
}

// noteRestored adds the notice of the restored entries to a plan.
func (s runState) noteRestored(plan *reconcile.Plan) {
	const most = 5
	slices.Sort(s.restored)
	names := s.restored
	if n := len(names); n > most {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("and %d more", n-most))
	}
	if len(names) > 0 {
		plan.AddNotice("others removed entries from the ledger, but AWS still has their objects; they are restored: %s",
			strings.Join(names, ", "))
	}
}
