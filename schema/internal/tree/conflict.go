package tree

import "slices"

// DeclaredTwice follows the name of a field in the message of ConflictProblem.
const DeclaredTwice = " is declared twice with different values"

// ConflictProblem returns the problem of two values of one field that cannot be unified. It names
// both positions.
func ConflictProblem(name string, a, b *Node) Problem {
	message := name + DeclaredTwice
	value := b.Quote()
	if slices.Contains(secretFields, name) {
		message, value = message+": first at "+a.At.Pos().String(), ""
	} else if v := a.Quote(); v != "" && a.Kind < Struct {
		message += ": " + v + " at " + a.At.Pos().String()
	} else {
		message += ": first at " + a.At.Pos().String()
	}
	return Conflict.Problem(b.At.Pos(), "", message).WithValue(value)
}

// secretFields are the fields in which a user may have written a secret instead of a reference.
var secretFields = []string{"auth", "token", "oauth2", "clientSecret", "key", "env", "file", "exec", "age"}
