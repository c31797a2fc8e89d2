package reconcile

import (
	"reflect"
	"slices"
)

// addChangedEntries adds the keys whose ledger entries differ, with the ids that they had and have.
// It notes in keys which ids no longer have the key that they had, and which have a new one. If two
// entries have one id, both are in the part.
func (p *part) addChangedEntries(keys map[string]string, before, now map[string]Owned, set, ids map[string]bool) {
	if sameMap(before, now) {
		return
	}
	inBoth := 0
	for key, owned := range now {
		was, found := before[key]
		if found {
			inBoth++
		}
		if was == owned && found {
			continue
		}
		set[key], ids[owned.ID] = true, true
		if found && was.ID != owned.ID {
			p.forgetKey(keys, key, was.ID, ids)
		}
		if other := p.basis.keyByID.get(owned.ID); other != "" && other != key {
			set[other] = true
		}
	}
	if inBoth == len(before) {
		return
	}
	for key, was := range before {
		if _, found := now[key]; !found {
			set[key] = true
			p.forgetKey(keys, key, was.ID, ids)
		}
	}
}

func (p *part) forgetKey(keys map[string]string, key, id string, ids map[string]bool) {
	ids[id] = true
	if p.basis.keyByID.get(id) == key {
		keys[id] = ""
	}
}

// addChangedObjects adds the ids of objects that only one of two lists has, or that differ.
func addChangedObjects[T any](ids map[string]bool, before, now []T, idOf func(*T) string, same func(a, b *T) bool) {
	if sameList(before, now) {
		return
	}
	aligned := len(before) <= len(now)
	for i := range before {
		if !aligned || idOf(&before[i]) != idOf(&now[i]) {
			aligned = false
			break
		}
	}
	if aligned {
		for i := range now {
			if i >= len(before) || !same(&before[i], &now[i]) {
				ids[idOf(&now[i])] = true
			}
		}
		return
	}
	earlier := make(map[string]*T, len(before))
	for i := range before {
		earlier[idOf(&before[i])] = &before[i]
	}
	for i := range now {
		id := idOf(&now[i])
		if was := earlier[id]; was == nil || !same(was, &now[i]) {
			ids[id] = true
		}
		delete(earlier, id)
	}
	for id := range earlier {
		ids[id] = true
	}
}

// addChangedLists adds the ids of the groups whose members differ.
func addChangedLists(ids map[string]bool, before, now map[string][]string) {
	if sameMap(before, now) {
		return
	}
	for id, members := range now {
		if was, found := before[id]; !found || !sameList(was, members) && !slices.Equal(was, members) {
			ids[id] = true
		}
	}
	for id := range before {
		if _, found := now[id]; !found {
			ids[id] = true
		}
	}
}

// sameMap reports whether two maps are the same map.
func sameMap[V any](a, b map[string]V) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// sameList reports whether two lists are the same array.
func sameList[T any](a, b []T) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }
