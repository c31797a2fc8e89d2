package schema

import "maps"

// census is everybody who settled, kept from Load to Load and brought up to date by the files that changed.
type userIndex struct {
	results map[string]*fileResult // by path
	current *userSet
	keys    counter
	emails  counter
	userIDs counter
}

// roll is everybody at one Load. It does not change.
type userSet struct{ users map[string]*User }

// delta is what became of everybody from one Load to another. Somebody who changed is in both lists.
type userDiff struct {
	from           *userSet
	removed, added []*User
}

// advance takes the files of a new Load. It returns nil if somebody comes twice; then the census knows nothing any more.
func (c *userIndex) update(units []*sourceFile) *userDiff {
	if c.current == nil {
		n := 0
		for _, u := range units {
			n += len(u.result.users)
		}
		*c = userIndex{results: map[string]*fileResult{}, current: &userSet{make(map[string]*User, n)}, keys: newCounter(n), emails: newCounter(n), userIDs: newCounter(n)}
	}
	d := &userDiff{from: c.current}
	blobs := make(map[string]*fileResult, len(units))
	for _, u := range units {
		if blobs[u.ref.path] = u.result; c.results[u.ref.path] != u.result {
			d.added = append(d.added, u.result.users...)
		}
	}
	for path, b := range c.results {
		if blobs[path] != b {
			d.removed = append(d.removed, b.users...)
		}
	}
	users := c.current.users
	if len(users) > 0 {
		users = maps.Clone(users)
	}
	for _, u := range d.removed {
		delete(users, u.Key)
		c.count(u, -1)
	}
	for _, u := range d.added {
		if users[u.Key] != nil {
			*c = userIndex{}
			return nil
		}
		users[u.Key] = u
		c.count(u, 1)
	}
	c.results, c.current = blobs, &userSet{users}
	return d
}

func (c *userIndex) count(u *User, by int32) {
	c.keys.add(u.Key, by)
	c.emails.add(u.Email, by)
	c.userIDs.add(u.UserID, by)
}

// tally counts values, case aside, and how many of them there are more than once.
type counter struct {
	counts     map[string]int32
	duplicates int
}

func newCounter(n int) counter { return counter{counts: make(map[string]int32, n)} }

// count adds or takes away one of a value; the empty one does not count.
func (t *counter) add(value string, by int32) {
	if value == "" {
		return
	}
	folded := fold(value)
	before := t.counts[folded]
	switch after := before + by; {
	case after == 0:
		delete(t.counts, folded)
	case after == 2 && by > 0:
		t.duplicates++
		t.counts[folded] = after
	case after == 1 && by < 0:
		t.duplicates--
		t.counts[folded] = after
	default:
		t.counts[folded] = after
	}
}
