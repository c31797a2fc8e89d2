package records

import (
	"maps"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// userIndex has all accepted users. It persists from Load to Load and is updated for changed files.
type userIndex struct {
	// results are those of the files, by path.
	results map[string]*fileResult
	current *UserSet
	keys    tree.Counter
	emails  tree.Counter
	userIDs tree.Counter
	// renamed are the users with earlier keys, by key.
	renamed map[string]*declaration.User
}

// UserSet has all users of one Load. It is immutable.
type UserSet struct{ users map[string]*declaration.User }

// UserDiff is the difference between the users of two Loads. A changed user is in both lists.
type UserDiff struct {
	From           *UserSet
	Removed, Added []*declaration.User
}

// update applies the files of a new Load. If a key occurs twice, it resets the index and returns
// nil.
func (x *userIndex) update(files []*sourceFile) *UserDiff {
	isNew := x.current == nil
	if isNew {
		n := 0
		for _, u := range files {
			n += len(u.result.users)
		}
		*x = userIndex{
			results: map[string]*fileResult{}, current: &UserSet{make(map[string]*declaration.User, n)},
			keys: tree.NewCounter(n), emails: tree.NewCounter(n), userIDs: tree.NewCounter(n),
			renamed: map[string]*declaration.User{},
		}
	}
	d := &UserDiff{From: x.current}
	results := make(map[string]*fileResult, len(files))
	for _, u := range files {
		results[u.ref.Path] = u.result
		if before := x.results[u.ref.Path]; before == nil {
			d.Added = append(d.Added, u.result.users...)
		} else if before != u.result {
			d.addChanged(before.users, u.result.users)
		}
	}
	for path, r := range x.results {
		if results[path] == nil {
			d.Removed = append(d.Removed, r.users...)
		}
	}
	users := x.current.users
	if !isNew { // the declarations of the last Load have it, also if it is empty
		users = maps.Clone(users)
	}
	for _, u := range d.Removed {
		delete(users, u.Key)
		x.count(u, -1)
	}
	for _, u := range d.Added {
		if users[u.Key] != nil {
			*x = userIndex{}
			return nil
		}
		users[u.Key] = u
		x.count(u, 1)
	}
	x.results, x.current = results, &UserSet{users}
	return d
}

// addChanged adds the difference between the users of two contents of a file. A user that was kept
// has the same index in both.
func (d *UserDiff) addChanged(before, now []*declaration.User) {
	for i := range max(len(before), len(now)) {
		if i < len(before) && i < len(now) && before[i] == now[i] {
			continue
		}
		if i < len(before) {
			d.Removed = append(d.Removed, before[i])
		}
		if i < len(now) {
			d.Added = append(d.Added, now[i])
		}
	}
}

func (x *userIndex) count(u *declaration.User, by int32) {
	x.keys.Add(u.Key, by)
	x.emails.Add(u.Email, by)
	x.userIDs.Add(u.UserID, by)
	if len(u.Previously) > 0 && by > 0 {
		x.renamed[u.Key] = u
	} else {
		delete(x.renamed, u.Key)
	}
}
