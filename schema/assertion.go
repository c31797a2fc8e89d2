package schema

// Violation returns the problem for an assertion that does not hold. It is an error if the
// assertion fails on every date. It is a warning if only a date has caused the failure, because
// time must not make a valid commit invalid.
func (a *Assertion) Violation(message string, dated bool) Problem {
	c := violatedAlways
	if dated {
		c = violatedByDate
	}
	return c.problem(a.Pos, joinPath("assertions", a.Key), "does not hold: "+message)
}

// Nearest returns the most similar name in a list, or "" if none is similar.
func Nearest(name string, names []string) string { return nearest(name, names) }
