package app

import (
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// cachedObject returns a user or group in a cached view of AWS: by the id in the ledger, or else by
// externalId, or by the name that it should have. keys are its key and its earlier keys. It returns
// nil if there is no view.
func cachedObject(
	view *observe.CachedDirectory, ledger *reconcile.Ledger, kind string, keys []string, name string,
) *explain.CachedObject {
	switch {
	case view == nil:
		return nil
	case kind == "group":
		return cachedGroup(view, ownedAs(ledger.Groups, keys), keys, name)
	}
	return cachedUser(view, ledger, keys, name)
}

// ownedAs returns the id of the first key that the ledger has; "" if it has none.
func ownedAs(entries map[string]reconcile.Owned, keys []string) string {
	for _, key := range keys {
		if owned, found := entries[key]; found {
			return owned.ID
		}
	}
	return ""
}

func cachedUser(
	view *observe.CachedDirectory, ledger *reconcile.Ledger, keys []string, name string,
) *explain.CachedObject {
	out := &explain.CachedObject{ReadAt: view.UsersReadAt}
	id := ownedAs(ledger.Users, keys)
	if unmanagedID, unmanaged := reconcile.UnmanagedID(keys[0]); unmanaged {
		id = unmanagedID
	}
	find := func(match func(u *reconcile.RemoteUser) bool) int {
		return slices.IndexFunc(view.Observed.Users, func(u reconcile.RemoteUser) bool { return match(&u) })
	}
	i := -1
	if id != "" {
		i = find(func(u *reconcile.RemoteUser) bool { return u.ID == id })
	} else {
		i = find(func(u *reconcile.RemoteUser) bool { return slices.Contains(keys, u.ExternalID()) })
		if i < 0 && name != "" {
			i = find(func(u *reconcile.RemoteUser) bool { return strings.EqualFold(u.UserName(), name) })
		}
	}
	if i < 0 {
		return out
	}
	u := &view.Observed.Users[i]
	active, _ := u.Attributes.Get("active")
	out.Found, out.ID, out.Name, out.ExternalID, out.Active = true, u.ID, u.UserName(), u.ExternalID(), active == "true"
	for group, owned := range ledger.Groups {
		if _, member := slices.BinarySearch(view.Observed.Members[owned.ID], u.ID); member {
			out.Groups = append(out.Groups, group)
			if read := view.MembersReadAt[owned.ID]; !read.IsZero() && read.Before(out.ReadAt) {
				out.ReadAt = read
			}
		}
	}
	slices.Sort(out.Groups)
	return out
}

func cachedGroup(
	view *observe.CachedDirectory, id string, keys []string, name string,
) *explain.CachedObject {
	out := &explain.CachedObject{ReadAt: view.GroupsReadAt}
	for _, g := range view.Observed.Groups {
		named := slices.Contains(keys, g.ExternalID) || strings.EqualFold(g.DisplayName, name)
		if id != "" && g.ID == id || id == "" && named {
			out.Found, out.ID, out.Name, out.ExternalID = true, g.ID, g.DisplayName, g.ExternalID
		}
	}
	return out
}

// cachedKey returns the key of the object that a cached view has under a name or an id: the key in
// the ledger, the externalId, or for an unmanaged user its member reference. It returns "" if there
// is none.
func cachedKey(view *observe.CachedDirectory, ledger *reconcile.Ledger, kind, name string) string {
	if view == nil || kind == "group" {
		return ""
	}
	for i := range view.Observed.Users {
		u := &view.Observed.Users[i]
		if u.ID != name && !strings.EqualFold(u.UserName(), name) && !strings.EqualFold(u.ExternalID(), name) {
			continue
		}
		for key, owned := range ledger.Users {
			if owned.ID == u.ID {
				return key
			}
		}
		return reconcile.UnmanagedRef(u.ID)
	}
	return ""
}
