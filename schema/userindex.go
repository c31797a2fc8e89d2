package schema

import "maps"

// userIndex has all accepted users. It persists from Load to Load and is updated for changed files.
type userIndex struct {
	// results are those of the files, by path.
	results map[string]*fileResult
	current *userSet
	keys    counter
	emails  counter
	userIDs counter
}

// userSet has all users of one Load. It is immutable.
type userSet struct{ users map[string]*User }

// userDiff is the difference between the users of two Loads. A changed user is in both lists.
type userDiff struct {
	from           *userSet
	removed, added []*User
}

// update applies the files of a new Load. If a key occurs twice, it resets the index and returns
// nil.
func (x *userIndex) update(files []*sourceFile) *userDiff {
	if x.current == nil {
		n := 0
		for _, u := range files {
			n += len(u.result.users)
		}
		*x = userIndex{
			results: map[string]*fileResult{}, current: &userSet{make(map[string]*User, n)},
			keys: newCounter(n), emails: newCounter(n), userIDs: newCounter(n),
		}
	}
	d := &userDiff{from: x.current}
	results := make(map[string]*fileResult, len(files))
	for _, u := range files {
		if results[u.ref.Path] = u.result; x.results[u.ref.Path] != u.result {
			d.added = append(d.added, u.result.users...)
		}
	}
	for path, r := range x.results {
		if results[path] != r {
			d.removed = append(d.removed, r.users...)
		}
	}
	users := x.current.users
	if len(users) > 0 {
		users = maps.Clone(users)
	}
	for _, u := range d.removed {
		delete(users, u.Key)
		x.count(u, -1)
	}
	for _, u := range d.added {
		if users[u.Key] != nil {
			*x = userIndex{}
			return nil
		}
		users[u.Key] = u
		x.count(u, 1)
	}
	x.results, x.current = results, &userSet{users}
	return d
}

func (x *userIndex) count(u *User, by int32) {
	x.keys.add(u.Key, by)
	x.emails.add(u.Email, by)
	x.userIDs.add(u.UserID, by)
}

// counter counts values, ignoring case, and how many of them are duplicates.
type counter struct {
	counts     map[string]int32
	duplicates int
}

func newCounter(n int) counter { return counter{counts: make(map[string]int32, n)} }

// add adds by to the count of a value. It ignores the empty value.
func (c *counter) add(value string, by int32) {
	if value == "" {
		return
	}
	folded := fold(value)
	before := c.counts[folded]
	switch after := before + by; {
	case after == 0:
		delete(c.counts, folded)
	case after == 2 && by > 0:
		c.duplicates++
		c.counts[folded] = after
	case after == 1 && by < 0:
		c.duplicates--
		c.counts[folded] = after
	default:
		c.counts[folded] = after
	}
}
