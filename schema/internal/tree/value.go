package tree

// FieldPositions returns the names of a struct's fields with their positions.
func (n *Node) FieldPositions() map[string]Pos {
	out := map[string]Pos{}
	if n != nil {
		for _, f := range n.Fields {
			out[f.Name] = f.At.Pos()
		}
	}
	return out
}

// Bool reports whether n is the bool true.
func (n *Node) Bool() bool { return n != nil && n.Kind == Bool && n.Text == "true" }

// GoValue returns a scalar as string, bool or int64, and a list of strings as []string. It returns
// nil for any other value.
func (n *Node) GoValue() any {
	switch n.Kind {
	case String:
		return n.Str()
	case Bool:
		return n.Text == "true"
	case Int:
		if i, ok := n.Int64(); ok {
			return i
		}
	case List:
		return n.Strings()
	}
	return nil
}

// Strings returns the strings of a list, or nil if n is nil.
func (n *Node) Strings() []string {
	if n == nil || n.Kind != List {
		return nil
	}
	out := make([]string, len(n.Fields))
	for i, f := range n.Fields {
		out[i] = f.Value.Str()
	}
	return out
}

// Int returns the value of an integer, or nil for any other node.
func (n *Node) Int() *int {
	if i, ok := n.Int64(); ok {
		x := int(i)
		return &x
	}
	return nil
}

// Float returns the value of a number, or nil for any other node.
func (n *Node) Float() *float64 {
	if r, ok := n.Number(); ok {
		x, _ := r.Float64()
		return &x
	}
	return nil
}

// PosOr returns the position of n, or otherwise if n is nil.
func (n *Node) PosOr(otherwise Pos) Pos {
	if n == nil || n.At.Ref == nil {
		return otherwise
	}
	return n.At.Pos()
}

// Size is the number of values in n.
func (n *Node) Size() int {
	size := 1
	for _, f := range n.Fields {
		size += f.Value.Size()
	}
	return size
}

// HasInvalid reports whether n has a value that CUE could not evaluate.
func (n *Node) HasInvalid() bool {
	if n.Kind == Invalid {
		return true
	}
	for _, f := range n.Fields {
		if f.Value.HasInvalid() {
			return true
		}
	}
	return false
}

// Copy returns a copy of n with all positions at one place.
func (n *Node) Copy(at Position) *Node {
	c := &Node{Kind: n.Kind, Text: n.Text, At: at}
	for _, f := range n.Fields {
		c.Fields = append(c.Fields, Field{Name: f.Name, At: at, Value: f.Value.Copy(at)})
	}
	return c
}

// Equal reports whether two nodes have the same content. The order of fields has no meaning.
func (n *Node) Equal(o *Node) bool {
	if n.Kind != o.Kind || len(n.Fields) != len(o.Fields) || n.Kind < Struct && !sameScalar(n, o) {
		return false
	}
	for i, f := range n.Fields {
		other := o.Fields[i]
		if n.Kind == Struct {
			have := o.Get(f.Name)
			if have == nil {
				return false
			}
			other = *have
		}
		if !f.Value.Equal(other.Value) {
			return false
		}
	}
	return true
}

// The advice for values that not all formats write in the same way.
const (
	BoolAdvice = "write true or false"
	// QuoteAdvice is for a value that a format does not read as text, and NullAdvice for one that
	// it reads as nothing: the surname Null is one in YAML.
	QuoteAdvice = "write it between double quotes if it is text"
	NullAdvice  = "leave the field out, or write it between double quotes if it is text"
	IntAdvice   = "write decimal digits, without leading zeros, exponent or fraction"
)
