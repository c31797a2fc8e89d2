package schema

import "slices"

// ChangedSince returns the users and groups in which d differs from earlier declarations. Records
// that both have from the same Load of an unchanged file are not compared. A record that was read
// again may be in the result although its content is the same. If a Cache loaded d directly after
// earlier, it knows the result.
func (d *Declarations) ChangedSince(earlier *Declarations) Changes {
	if now, was := d.loadedAs(), earlier.loadedAs(); now != nil && was != nil {
		switch was.id {
		case now.id:
			return Changes{}
		case now.before:
			return now.changes
		}
	}
	return Changes{Users: changedKeys(earlier.Users, d.Users), Groups: changedKeys(earlier.Groups, d.Groups)}
}

// changedKeys returns the sorted keys whose values differ. A missing value is nil.
func changedKeys[V any](a, b map[string]*V) []string {
	var out []string
	inBoth := 0
	for key, v := range b {
		was, found := a[key]
		if found {
			inBoth++
		}
		if was != v {
			out = append(out, key)
		}
	}
	if inBoth < len(a) {
		for key := range a {
			if _, found := b[key]; !found {
				out = append(out, key)
			}
		}
	}
	slices.Sort(out)
	return out
}
