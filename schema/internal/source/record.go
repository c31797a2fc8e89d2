package source

import "github.com/seed-d64a251c/roster/schema/internal/tree"

// Record is a literal record.
type Record struct {
	Kind string
	tree.Field
}

// Literals are literal records by kind. The kind "" has the top-level values that are not structs.
type Literals map[string]*tree.Builder

// Add adds a record, and unifies it with an existing record of the same key. It calls conflict with
// values that cannot be unified.
func (l Literals) Add(r Record, conflict tree.ConflictFunc) {
	b := l[r.Kind]
	if b == nil {
		b = tree.NewBuilder(r.At, 0)
		l[r.Kind] = b
	}
	b.Add(r.Field, conflict)
}

// fields returns the records of a kind.
func (l Literals) fields(kind string) []tree.Field {
	if b := l[kind]; b != nil {
		return b.Node.Fields
	}
	return nil
}

// lookup returns a record, or nil.
func (l Literals) lookup(kind, key string) *tree.Field {
	if b := l[kind]; b != nil {
		return b.Lookup(key)
	}
	return nil
}
