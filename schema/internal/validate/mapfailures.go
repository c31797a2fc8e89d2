package validate

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// maxReported is the largest number of problems of one code that are reported for a mapping.
const maxReported = 100

// mapFailures are the problems of the users that one mapping maps. A problem that all users have is
// one of the mapping.
type mapFailures struct {
	mapping *mapping.Mapping
	// codes are the numbers of problems by code.
	codes map[string]int
	kinds map[failure]*failed
}

// failure is what the same problem of several users has in common.
type failure struct{ code, message string }

// failed are the users with a failure.
type failed struct {
	users map[string]bool
	// problems are the first ones, at most maxReported, and count is the number of all.
	problems tree.Problems
	count    int
}

// ofUser matches the parts of a message that depend on the user: texts and numbers.
var ofUser = regexp.MustCompile(`"(\\.|[^"\\])*"|'[^']*'|[0-9]+`)

// add adds the problems of a user. They are in an error that Map returned, or nil.
func (m *mapFailures) add(user string, err error) {
	problems, ok := err.(tree.Problems)
	if !ok {
		return
	}
	for _, p := range problems {
		kind := failure{p.Code, ofUser.ReplaceAllString(p.Message, "_")}
		all := m.kinds[kind]
		if all == nil {
			all = &failed{users: map[string]bool{}}
			m.kinds[kind] = all
		}
		all.users[user] = true
		all.count++
		if m.codes[p.Code]++; len(all.problems) < maxReported {
			all.problems = append(all.problems, p)
		}
	}
}

// report reports a failure of all mapped users once, at the mapping, with the first user as the
// example. It reports at most maxReported other problems of each code. The path remains that of a
// user, because a user with a value in the wrong form explains why the mapping fails.
func (m *mapFailures) report(v *validator, users int) {
	path := tree.JoinPath("mappings", m.mapping.Key)
	listed := map[string]int{}
	for _, kind := range m.sorted() {
		all := m.kinds[kind]
		if first := all.problems[0]; users > 1 && len(all.users) == users {
			first.Pos, first.Message = m.mapping.Pos, fmt.Sprintf("%s, the same for all %d users", first.Message, users)
			v.Report(first)
			m.codes[kind.code] -= all.count
			continue
		}
		for _, p := range all.problems {
			if listed[p.Code]++; listed[p.Code] <= maxReported {
				v.Report(p)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.codes)) {
		if n := m.codes[id] - maxReported; n > 0 {
			message := fmt.Sprintf("not shown: %s of this kind", tree.Count(n, "more problem"))
			v.Report(tree.Problem{Pos: m.mapping.Pos, Code: id, Path: path, Message: message})
		}
	}
}

// sorted returns the failures in a stable order.
func (m *mapFailures) sorted() []failure {
	return slices.SortedFunc(maps.Keys(m.kinds), func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.message, b.message))
	})
}
