package schema

// Violated is what check says of an assertion that does not hold. It is an error when the declarations say so whatever the date is, and a
// warning when a date alone has made it so: the clock never makes a valid commit invalid.
func (a *Assertion) Violation(message string, dated bool) Problem {
	c := violatedAlways
	if dated {
		c = violatedByDate
	}
	return Problem{Pos: a.Pos, Code: c.id, Path: joinPath("assertions", a.Key), Message: "does not hold: " + message, Advice: c.advice}
}

// Nearest returns the name of the list that was probably meant by a misspelt one, or "".
func Nearest(name string, names []string) string { return nearest(name, names) }
