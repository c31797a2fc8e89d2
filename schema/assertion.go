package schema

import "github.com/seed-d64a251c/roster/schema/internal/tree"

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
