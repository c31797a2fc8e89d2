package schema

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
