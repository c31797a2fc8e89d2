package declaration

import (
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Assertion is a statement about effective access that must always hold. Exactly one of its forms
// is set.
type Assertion struct {
	Key    string
	Pos    tree.Pos
	Reason string
	// Disjoint: no user is in more than one of these groups.
	Disjoint []string
	// AtLeast: the group has at least this many active members.
	AtLeast *AtLeast
	// Only: a user whose mapped SCIM attribute matches Pattern must satisfy Where.
	Only *Only
}

// AtLeast requires a number of active members.
type AtLeast struct {
	Group  string
	Active int
}

// Only restricts a pattern to some users.
type Only struct {
	Attribute string // SCIM path, for example "userName"
	Pattern   string // RE2
	Where     *Rule
}

// Violation returns the problem for an assertion that does not hold. It is an error if the
// assertion fails on every date. It is a warning if only a date has caused the failure, because
// time must not make a valid commit invalid.
func (a *Assertion) Violation(message string, dated bool) tree.Problem {
	c := tree.ViolatedAlways
	if dated {
		c = tree.ViolatedByDate
	}
	return c.Problem(a.Pos, tree.JoinPath("assertions", a.Key), "does not hold: "+message)
}
