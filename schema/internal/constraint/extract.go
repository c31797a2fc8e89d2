package constraint

import (
	"fmt"
	"strconv"

	"cuelang.org/go/cue"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// extractor converts CUE values to nodes.
type extractor struct {
	dynamic *source.Dynamic
	found   *tree.Findings
	// literal has the literal records of the kind. Their positions are more exact than those of
	// CUE.
	literal *tree.Builder
	// lenient skips values that are not concrete instead of reporting them.
	lenient bool
}

// records adds the evaluated records of a kind to out. It returns false if v is not a struct.
func (x *extractor) records(out *tree.Node, v cue.Value, kind string) bool {
	it, err := v.Fields(cue.Optional(true)) // required fields bear their mark only with this option
	if err != nil {
		return false
	}
	for it.Next() {
		if it.IsOptional() {
			continue
		}
		key := it.Selector().Unquoted()
		if !x.dynamic.Includes(kind, key) || x.onlyRequired(it, tree.JoinPath(kind, key), tree.Position{}) {
			continue
		}
		var known tree.Field
		if x.literal != nil {
			if f := x.literal.Lookup(key); f != nil {
				known = *f
			}
		}
		path := tree.JoinPath(kind, key)
		value := x.value(it.Value(), path, tree.Position{}, known.Value)
		out.Fields = append(out.Fields, tree.Field{Name: key, At: x.labelPosition(path, value, known.At), Value: value})
	}
	return true
}

// onlyRequired reports whether a field is a constraint such as `name!: string` that no declaration
// fulfills. The field does not exist then, whatever its constraint is. It reports the field as
// missing.
func (x *extractor) onlyRequired(it *cue.Iterator, path string, around tree.Position) bool {
	if it.Selector().ConstraintType() != cue.RequiredConstraint {
		return false
	}
	if !x.lenient {
		at := x.position(it.Value(), path, around, nil)
		if label, ok := x.dynamic.LabelPositions[path]; ok {
			at = label
		}
		x.found.Report(tree.MissingField.Problem(at.Pos(), path, FieldMissing).
			WithAdvice(OnlyRequired))
	}
	return true
}

// labelPosition returns the position of a field's name.
func (x *extractor) labelPosition(path string, value *tree.Node, known tree.Position) tree.Position {
	if known.Ref != nil {
		return known
	}
	if p, ok := x.dynamic.LabelPositions[path]; ok {
		return p
	}
	return value.At
}

// position returns the position of a value: that of its literal, of its declaration, of its CUE
// value, or of the value around it.
func (x *extractor) position(v cue.Value, path string, around tree.Position, known *tree.Node) tree.Position {
	if known != nil {
		return known.At
	}
	if p, ok := x.dynamic.Positions[path]; ok {
		return p
	}
	if p := v.Pos(); p.IsValid() {
		if ref := x.dynamic.Refs[p.Filename()]; ref != nil {
			return source.TokenPosition(ref, p)
		}
	}
	return around
}

// value converts a CUE value at a path. known is the literal value there, or nil.
func (x *extractor) value(v cue.Value, path string, around tree.Position, known *tree.Node) *tree.Node {
	v, _ = v.Default()
	n := &tree.Node{Kind: tree.Invalid, At: x.position(v, path, around, known)}
	if v.IncompleteKind() == cue.BottomKind {
		return n
	}
	if !v.IsConcrete() {
		if !x.lenient {
			p := tree.NotConcrete.Problem(n.At.Pos(), path, "no concrete value")
			if !secretPath(path) {
				p.Value = omitLong(fmt.Sprint(v))
			}
			x.found.Report(p)
		}
		return n
	}
	switch v.Kind() {
	case cue.NullKind:
		n.Kind = tree.Null
	case cue.BoolKind:
		b, _ := v.Bool()
		n.Kind, n.Text = tree.Bool, strconv.FormatBool(b)
	case cue.IntKind:
		if i, err := v.Int(nil); err == nil {
			n.Kind, n.Text = tree.Int, i.String()
		}
	case cue.FloatKind, cue.NumberKind:
		if b, err := v.MarshalJSON(); err == nil {
			n.Kind, n.Text = tree.Float, string(b)
		}
	case cue.StringKind:
		n.Kind = tree.String
		n.Text, _ = v.String()
	case cue.StructKind:
		x.structValue(n, v, path, known)
	case cue.ListKind:
		x.listValue(n, v, path, known)
	}
	return n
}

func (x *extractor) structValue(n *tree.Node, v cue.Value, path string, known *tree.Node) {
	it, err := v.Fields(cue.Optional(true)) // required fields bear their mark only with this option
	if err != nil {
		return
	}
	n.Kind = tree.Struct
	for it.Next() {
		if it.IsOptional() {
			continue
		}
		name := it.Selector().Unquoted()
		below := tree.JoinPath(path, name)
		if x.onlyRequired(it, below, n.At) {
			continue
		}
		var have tree.Field
		if f := known.Get(name); f != nil {
			have = *f
		}
		value := x.value(it.Value(), below, n.At, have.Value)
		n.Fields = append(n.Fields, tree.Field{Name: name, At: x.labelPosition(below, value, have.At), Value: value})
	}
}

func (x *extractor) listValue(n *tree.Node, v cue.Value, path string, known *tree.Node) {
	it, err := v.List()
	if err != nil {
		return
	}
	n.Kind = tree.List
	for i := 0; it.Next(); i++ {
		var element *tree.Node
		if known != nil && known.Kind == tree.List && i < len(known.Fields) {
			element = known.Fields[i].Value
		}
		value := x.value(it.Value(), fmt.Sprintf("%s[%d]", path, i), n.At, element)
		n.Fields = append(n.Fields, tree.Field{At: value.At, Value: value})
	}
}
