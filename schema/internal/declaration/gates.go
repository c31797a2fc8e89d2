package declaration

import "slices"

// CountedGates returns the names of the gates with a limit: in the definition #Limits they are a
// #Limit, and all other gates are a #Switch. Package reconcile has these gates with their default
// limits.
func CountedGates() []string {
	return []string{"maxRemovals", "memberRemovals", "signInNames", "updates", "activations"}
}

// CountedGate reports whether a gate has a limit. For the other gates the schema itself requires a
// reason.
func CountedGate(name string) bool { return slices.Contains(CountedGates(), name) }
