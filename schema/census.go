package schema

import "maps"

// census is everybody who settled, kept from Load to Load and brought up to date by the files that changed.
type census struct {
	blobs map[string]*blob // by path
	now   *roll
	keys  tally
	mails tally
	ids   tally
}

// roll is everybody at one Load. It does not change.
type roll struct{ users map[string]*User }

// delta is what became of everybody from one Load to another. Somebody who changed is in both lists.
type delta struct {
	from       *roll
	gone, came []*User
}

// advance takes the files of a new Load. It returns nil if somebody comes twice; then the census knows nothing any more.
func (c *census) advance(units []*unit) *delta {
	if c.now == nil {
		n := 0
		for _, u := range units {
			n += len(u.blob.users)
		}
		*c = census{blobs: map[string]*blob{}, now: &roll{make(map[string]*User, n)}, keys: newTally(n), mails: newTally(n), ids: newTally(n)}
	}
	d := &delta{from: c.now}
	blobs := make(map[string]*blob, len(units))
	for _, u := range units {
		if blobs[u.src.path] = u.blob; c.blobs[u.src.path] != u.blob {
			d.came = append(d.came, u.blob.users...)
		}
	}
	for path, b := range c.blobs {
		if blobs[path] != b {
			d.gone = append(d.gone, b.users...)
		}
	}
	users := c.now.users
	if len(users) > 0 {
		users = maps.Clone(users)
	}
	for _, u := range d.gone {
		delete(users, u.Key)
		c.count(u, -1)
	}
	for _, u := range d.came {
		if users[u.Key] != nil {
			*c = census{}
			return nil
		}
		users[u.Key] = u
		c.count(u, 1)
	}
	c.blobs, c.now = blobs, &roll{users}
	return d
}

func (c *census) count(u *User, by int32) {
	c.keys.count(u.Key, by)
	c.mails.count(u.Email, by)
	c.ids.count(u.UserID, by)
}

// tally counts values, case aside, and how many of them there are more than once.
type tally struct {
	counts   map[string]int32
	repeated int
}

func newTally(n int) tally { return tally{counts: make(map[string]int32, n)} }

// count adds or takes away one of a value; the empty one does not count.
func (t *tally) count(value string, by int32) {
	if value == "" {
		return
	}
	folded := fold(value)
	before := t.counts[folded]
	switch after := before + by; {
	case after == 0:
		delete(t.counts, folded)
	case after == 2 && by > 0:
		t.repeated++
		t.counts[folded] = after
	case after == 1 && by < 0:
		t.repeated--
		t.counts[folded] = after
	default:
		t.counts[folded] = after
	}
}
