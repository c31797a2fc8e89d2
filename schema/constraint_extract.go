package schema

import (
	"fmt"
	"strconv"

	"cuelang.org/go/cue"
)

// extractor converts CUE values to nodes.
type extractor struct {
	*loader
	// literal has the literal records of the kind. Their positions are more exact than those of
	// CUE.
	literal *builder
	// lenient skips values that are not concrete instead of reporting them.
	lenient bool
}

// records adds the evaluated records of a kind to out. It returns false if v is not a struct.
func (x *extractor) records(out *node, v cue.Value, kind string) bool {
	it, err := v.Fields()
	if err != nil {
		return false
	}
	for it.Next() {
		key := it.Selector().Unquoted()
		if !x.dynamic.includes(kind, key) {
			continue
		}
		var known field
		if x.literal != nil {
			if f := x.literal.lookup(key); f != nil {
				known = *f
			}
		}
		path := joinPath(kind, key)
		value := x.value(it.Value(), path, position{}, known.value)
		out.fields = append(out.fields, field{name: key, at: x.labelPosition(path, value, known.at), value: value})
	}
	return true
}

// labelPosition returns the position of a field's name.
func (x *extractor) labelPosition(path string, value *node, known position) position {
	if known.ref != nil {
		return known
	}
	if p, ok := x.dynamic.labelPositions[path]; ok {
		return p
	}
	return value.at
}

// position returns the position of a value: that of its literal, of its declaration, of its CUE
// value, or of the value around it.
func (x *extractor) position(v cue.Value, path string, around position, known *node) position {
	if known != nil {
		return known.at
	}
	if p, ok := x.dynamic.positions[path]; ok {
		return p
	}
	if p := v.Pos(); p.IsValid() {
		if ref := x.dynamic.refs[p.Filename()]; ref != nil {
			return tokenPosition(ref, p)
		}
	}
	return around
}

// value converts a CUE value at a path. known is the literal value there, or nil.
func (x *extractor) value(v cue.Value, path string, around position, known *node) *node {
	v, _ = v.Default()
	n := &node{kind: invalidNode, at: x.position(v, path, around, known)}
	if v.IncompleteKind() == cue.BottomKind {
		return n
	}
	if !v.IsConcrete() {
		if !x.lenient {
			p := notConcrete.problem(n.at.pos(), path, "no concrete value")
			if !secretPath(path) {
				p.Value = omitLong(fmt.Sprint(v))
			}
			x.report(p)
		}
		return n
	}
	switch v.Kind() {
	case cue.NullKind:
		n.kind = nullNode
	case cue.BoolKind:
		b, _ := v.Bool()
		n.kind, n.text = boolNode, strconv.FormatBool(b)
	case cue.IntKind:
		if i, err := v.Int(nil); err == nil {
			n.kind, n.text = intNode, i.String()
		}
	case cue.FloatKind, cue.NumberKind:
		if b, err := v.MarshalJSON(); err == nil {
			n.kind, n.text = floatNode, string(b)
		}
	case cue.StringKind:
		n.kind = stringNode
		n.text, _ = v.String()
	case cue.StructKind:
		x.structValue(n, v, path, known)
	case cue.ListKind:
		x.listValue(n, v, path, known)
	}
	return n
}

func (x *extractor) structValue(n *node, v cue.Value, path string, known *node) {
	it, err := v.Fields()
	if err != nil {
		return
	}
	n.kind = structNode
	for it.Next() {
		name := it.Selector().Unquoted()
		below := joinPath(path, name)
		var have field
		if f := known.get(name); f != nil {
			have = *f
		}
		value := x.value(it.Value(), below, n.at, have.value)
		n.fields = append(n.fields, field{name: name, at: x.labelPosition(below, value, have.at), value: value})
	}
}

func (x *extractor) listValue(n *node, v cue.Value, path string, known *node) {
	it, err := v.List()
	if err != nil {
		return
	}
	n.kind = listNode
	for i := 0; it.Next(); i++ {
		var element *node
		if known != nil && known.kind == listNode && i < len(known.fields) {
			element = known.fields[i].value
		}
		value := x.value(it.Value(), fmt.Sprintf("%s[%d]", path, i), n.at, element)
		n.fields = append(n.fields, field{at: value.at, value: value})
	}
}
