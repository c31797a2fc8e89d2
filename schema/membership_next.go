package schema

import (
	"maps"
	"time"
)

// Next returns the members of each group of later declarations at a later moment, and the keys of
// the groups that it computed again; the others are shared with m. changes are those of d since the
// declarations of m. It returns nil if a membership may have ended since the moment of m, or now is
// before it: then the caller computes all groups.
func (m *Membership) Next(d *Declarations, changes Changes, now time.Time) (*Membership, []string) {
	if m.declarations == nil || now.Before(m.at) || m.nextEnd != nil && m.nextEnd.Over(now) {
		return nil, nil
	}
	again := m.affected(d, changes)
	next := &Membership{groups: m.groups, declarations: d, at: now, nextEnd: m.nextEnd}
	if len(again) == 0 {
		return next, nil
	}
	f := &flattener{
		d: d, lasts: func(until *Date) bool { return !until.Over(now) }, done: maps.Clone(m.groups),
		nextEnd: m.nextEnd,
	}
	for key := range again {
		delete(f.done, key)
	}
	f.applyRules(func(g *Group) bool { return again[g.Key] })
	keys := make([]string, 0, len(again))
	for key := range again {
		keys = append(keys, key)
		if d.Groups[key] != nil {
			f.group(key)
		}
	}
	next.groups, next.nextEnd = f.done, f.nextEnd
	return next, keys
}

// affected returns the groups whose members may differ: those that changed, those whose rule a
// changed user began or ceased to match, and those that include such a group.
func (m *Membership) affected(d *Declarations, changes Changes) map[string]bool {
	out := make(map[string]bool, len(changes.Groups))
	for _, key := range changes.Groups {
		out[key] = true
	}
	var including []*Group
	for key, g := range d.Groups {
		if len(g.Include) > 0 {
			including = append(including, g)
		}
		if g.Where == nil || out[key] {
			continue
		}
		for _, user := range changes.Users {
			was, is := m.declarations.Users[user], d.Users[user]
			if (was != nil && g.Where.Matches(was)) != (is != nil && g.Where.Matches(is)) {
				out[key] = true
				break
			}
		}
	}
	for found := true; found; {
		found = false
		for _, g := range including {
			if out[g.Key] {
				continue
			}
			for nested := range g.Include {
				if out[nested] {
					out[g.Key], found = true, true
					break
				}
			}
		}
	}
	return out
}
