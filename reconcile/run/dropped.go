package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// RestoreDropped returns an audit state with the entries of the ledger that others removed, or gave
// the id of nothing, if AWS still has their objects under their keys. So no writer of the branch
// can keep the access of a leaver. An entry with the id of another object is left to gate
// contradicted. It returns the names of the restored objects. It does not change the given state.
func RestoreDropped(ctx context.Context, audit *reconcile.AuditState, dir reconcile.Directory) (
	*reconcile.AuditState, []string, error,
) {
	if !hasDropped(audit) {
		return audit, nil, nil
	}
	out := *audit
	out.Ledger = audit.Ledger.Clone()
	out.Unproved = reconcile.UnprovedEntries{Users: maps.Clone(audit.Unproved.Users),
		Groups: maps.Clone(audit.Unproved.Groups), Unconfirmed: maps.Clone(audit.Unproved.Unconfirmed)}
	// Lookups decide about the unconfirmed.
	out.Ledger.Unconfirmed = audit.Ledger.WithMissing(audit.Dropped).Unconfirmed
	for ref, u := range audit.Dropped.Unconfirmed {
		out.Ledger.Unconfirmed[ref] = u
		delete(out.Unproved.Unconfirmed, ref)
	}
	users := droppedEntries{
		kind: "user", dropped: audit.Dropped.Users, ledger: out.Ledger.Users, unproved: out.Unproved.Users,
		idOf: func(key string) (string, error) {
			u, _, err := dir.UserByExternalID(ctx, key)
			return u.ID, err
		},
		exists: func(id string) (bool, error) {
			_, found, err := dir.User(ctx, id)
			return found, err
		},
	}
	groups := droppedEntries{
		kind: "group", dropped: audit.Dropped.Groups, ledger: out.Ledger.Groups, unproved: out.Unproved.Groups,
		idOf: func(key string) (string, error) {
			g, _, err := dir.GroupByExternalID(ctx, key)
			return g.ID, err
		},
		exists: func(id string) (bool, error) {
			_, found, err := dir.Group(ctx, id)
			return found, err
		},
	}
	restored, err := users.restore()
	if err != nil {
		return audit, nil, err
	}
	restoredGroups, err := groups.restore()
	if err != nil {
		return audit, nil, err
	}
	return &out, append(restored, restoredGroups...), nil
}

// hasDropped reports whether there are entries to restore. Those of a broken branch are in its
// ledger.
func hasDropped(audit *reconcile.AuditState) bool {
	return audit.Dropped != nil && !audit.Trust.Broken()
}

// droppedEntries are the entries of one kind that others removed from a ledger or changed.
type droppedEntries struct {
	kind            string
	dropped, ledger map[string]reconcile.Owned
	unproved        map[string]bool
	// idOf returns the id of the object with a key as externalId; "" if there is none. exists
	// reports whether there is an object with an id.
	idOf   func(key string) (string, error)
	exists func(id string) (bool, error)
}

// restore restores the entries whose objects AWS has. It returns the names of the objects, sorted.
func (d droppedEntries) restore() ([]string, error) {
	var restored []string
	for _, key := range slices.Sorted(maps.Keys(d.dropped)) {
		owned := d.dropped[key]
		id, err := d.idOf(key)
		found := id != "" && id == owned.ID
		if changed, has := d.ledger[key]; err == nil && found && has {
			has, err = d.exists(changed.ID)
			found = !has
		}
		if err != nil {
			return nil, fmt.Errorf("look up %s %q, whose entry was removed from the ledger: %w", d.kind, key, err)
		}
		if found {
			d.ledger[key] = owned
			delete(d.unproved, key)
			restored = append(restored, fmt.Sprintf("%s %q", d.kind, key))
		}
	}
	return restored, nil
}

// restoreDropped restores the dropped entries of a run. It connects to the directory only if there
// are such entries.
func (r *Runner) restoreDropped(ctx context.Context, s runState) (runState, reconcile.Directory, error) {
	if !hasDropped(s.audit) {
		return s, nil, nil
	}
	dir, err := r.connect(ctx, s)
	if err != nil {
		return s, nil, err
	}
	if s.audit, s.restored, err = RestoreDropped(ctx, s.audit, dir); err != nil {
		return s, dir, err
	}
	s.lookedUp = true
	return s, dir, nil
}

// noteRestored adds the notice of the restored entries to a plan.
func (s runState) noteRestored(plan *reconcile.Plan) {
	const most = 5
	names := s.restored
	if n := len(names); n > most {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("and %d more", n-most))
	}
	if len(names) > 0 {
		plan.AddNotice("others removed entries from the ledger, but AWS still has their objects; they are restored: %s",
			strings.Join(names, ", "))
	}
}
