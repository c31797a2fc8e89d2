package declaration

import (
	"maps"
	"time"
)

// Next returns the members of each group of later declarations at a later moment, and the keys of
// the groups that it computed again; the others are shared with m. changes are those since the
// declarations of m. It returns nil if a membership may have ended since the moment of m, or now is
// before it: then the caller computes all groups.
func (m *Membership) Next(later Principals, changes Changes, now time.Time) (*Membership, []string) {
	if m.declared.Groups == nil || now.Before(m.At) || m.nextEnd != nil && m.nextEnd.Over(now) {
		return nil, nil
	}
	again := m.affected(later, changes)
	next := &Membership{Groups: m.Groups, declared: later, At: now, nextEnd: m.nextEnd}
	if len(again) == 0 {
		return next, nil
	}
	f := &flattener{
		declared: later, lasts: func(until *Date) bool { return !until.Over(now) }, done: maps.Clone(m.Groups),
		nextEnd: m.nextEnd,
	}
	for key := range again {
		delete(f.done, key)
	}
	f.applyRules(func(g *Group) bool { return again[g.Key] })
	keys := make([]string, 0, len(again))
	for key := range again {
		keys = append(keys, key)
		if later.Groups[key] != nil {
			f.group(key)
		}
	}
	next.Groups, next.nextEnd = f.done, f.nextEnd
	return next, keys
}

// affected returns the groups whose members may differ: those that changed, those whose rule a
// changed user began or ceased to match, and those that include such a group.
func (m *Membership) affected(later Principals, changes Changes) map[string]bool {
	out := make(map[string]bool, len(changes.Groups))
	for _, key := range changes.Groups {
		out[key] = true
	}
	var including []*Group
	for key, g := range later.Groups {
		if len(g.Include) > 0 {
			including = append(including, g)
		}
		if g.Where == nil || out[key] {
			continue
		}
		for _, user := range changes.Users {
			was, is := m.declared.Users[user], later.Users[user]
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

// Changes are the users and groups in which two declarations differ: those that only one of them
// has, and those that both have with different contents.
type Changes struct {
	Users, Groups []string // keys, sorted; not to be changed
}
