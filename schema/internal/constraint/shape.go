package constraint

import (
	"cuelang.org/go/cue"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Shape is what the schema says about a value: the fields and elements that it may have. Mappings
// are compiled along it.
type Shape struct{ rule rule }

// mapping returns the rule for mappings.
func (s *Schema) mapping() *structRule {
	return s.roots["mappings"].rule.(*structRule).values.(*structRule)
}

// Mapping returns the shape of mappings.
func (s *Schema) Mapping() Shape { return Shape{s.mapping()} }

// MappingField extracts a literal field of a mapping from its value, and checks it.
func (s *Schema) MappingField(
	d *source.Dynamic, mapping cue.Value, key, name string, around tree.Position,
) (n *tree.Node, found tree.Findings) {
	v := mapping.LookupPath(cue.MakePath(cue.Str(name)))
	if !v.Exists() {
		return nil, found
	}
	path := tree.JoinPath(tree.JoinPath("mappings", key), name)
	x := &extractor{dynamic: d, found: &found}
	n = x.value(v, path, around, nil)
	if f := s.mapping().field(name); !f.rule.check(n, nil) {
		f.rule.check(n, &problemCollector{path: path, add: found.Report})
	}
	return n, found
}

// Fields calls yield with each known field of a struct, in the order of the schema. Other values
// have none.
func (s Shape) Fields(yield func(name string, field Shape) bool) {
	if r, ok := s.rule.(*structRule); ok {
		for _, f := range r.fields {
			if !yield(f.name, Shape{f.rule}) {
				return
			}
		}
	}
}

// Field returns a known field of a struct, and whether there is one.
func (s Shape) Field(name string) (Shape, bool) {
	if r, ok := s.rule.(*structRule); ok {
		if f := r.field(name); f != nil {
			return Shape{f.rule}, true
		}
	}
	return Shape{}, false
}

// Element returns the element of a list with one element, and whether this is such a list.
func (s Shape) Element() (Shape, bool) {
	if r, ok := s.rule.(*listRule); ok && len(r.first) == 1 {
		return Shape{r.first[0]}, true
	}
	return Shape{}, false
}

// IsStruct reports whether the value is a struct.
func (s Shape) IsStruct() bool {
	_, ok := s.rule.(*structRule)
	return ok
}

// IsBool reports whether the value is a bool.
func (s Shape) IsBool() bool {
	switch r := s.rule.(type) {
	case *typeRule:
		return r.kinds[0] == tree.Bool
	case *constRule:
		return r.kind == tree.Bool
	}
	return false
}

// Closed reports whether the value is a struct without fields other than the known ones.
func (s Shape) Closed() bool {
	r, ok := s.rule.(*structRule)
	return ok && !r.open && r.values == nil
}

// UnknownField returns the problem of an unknown field in a struct at a path.
func (s Shape) UnknownField(name string, at tree.Position, path string) (problem tree.Problem) {
	f := &tree.Field{Name: name, At: at, Value: &tree.Node{At: at, Kind: tree.Struct}}
	s.rule.(*structRule).checkField(f, new(uint64), &problemCollector{
		path: path, add: func(p tree.Problem) { problem = p },
	})
	return problem
}
