package mapping

import (
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// valueKind is the kind of a value.
type valueKind uint8

const (
	// undefined is incomplete in CUE's terms: the expression refers to a field without a value.
	undefined valueKind = iota
	// failed is an error in CUE's terms.
	failed
	isString
	isBool
	isInt
	isList
	// isData is a struct of constants.
	isData
)

// value is the result of an expression.
type value struct {
	kind valueKind
	b    bool
	i    int64
	s    string
	list []value
	data *tree.Node
}

func stringValue(s string) value { return value{kind: isString, s: s} }

func boolValue(b bool) value { return value{kind: isBool, b: b} }

func intValue(i int) value { return value{kind: isInt, i: int64(i)} }

// constantValue converts a node to a value. It returns failed for values outside the subset.
func constantValue(n *tree.Node) value {
	switch n.Kind {
	case tree.String:
		return stringValue(n.Text)
	case tree.Bool:
		return boolValue(n.Text == "true")
	case tree.Int:
		if i, ok := n.Int64(); ok {
			return value{kind: isInt, i: i}
		}
	case tree.Struct:
		return value{kind: isData, data: n}
	case tree.List:
		out := value{kind: isList}
		for _, f := range n.Fields {
			v := constantValue(f.Value)
			if v.kind == failed {
				return v
			}
			out.list = append(out.list, v)
		}
		return out
	}
	return value{kind: failed}
}

func fromGo(v any) value {
	switch v := v.(type) {
	case string:
		return stringValue(v)
	case bool:
		return boolValue(v)
	case int64:
		return value{kind: isInt, i: v}
	case []string:
		out := value{kind: isList, list: make([]value, len(v))}
		for i, s := range v {
			out.list[i] = stringValue(s)
		}
		return out
	}
	return value{}
}

// operators apply to two values of one type.
var operators = map[token.Token]func(a, b value) value{
	token.EQL:  func(a, b value) value { return equal(a, b, true) },
	token.NEQ:  func(a, b value) value { return equal(a, b, false) },
	token.LSS:  func(a, b value) value { return compare(a, b, func(c int) bool { return c < 0 }) },
	token.LEQ:  func(a, b value) value { return compare(a, b, func(c int) bool { return c <= 0 }) },
	token.GTR:  func(a, b value) value { return compare(a, b, func(c int) bool { return c > 0 }) },
	token.GEQ:  func(a, b value) value { return compare(a, b, func(c int) bool { return c >= 0 }) },
	token.LAND: func(a, b value) value { return logical(a, b, a.b && b.b) },
	token.LOR:  func(a, b value) value { return logical(a, b, a.b || b.b) },
	token.ADD:  add,
}

func equal(a, b value, want bool) value {
	switch a.kind {
	case isString:
		return boolValue((a.s == b.s) == want)
	case isBool:
		return boolValue((a.b == b.b) == want)
	case isInt:
		return boolValue((a.i == b.i) == want)
	}
	return value{kind: failed}
}

func compare(a, b value, holds func(int) bool) value {
	switch a.kind {
	case isString:
		return boolValue(holds(strings.Compare(a.s, b.s)))
	case isInt:
		switch {
		case a.i < b.i:
			return boolValue(holds(-1))
		case a.i > b.i:
			return boolValue(holds(1))
		}
		return boolValue(holds(0))
	}
	return value{kind: failed}
}

func logical(a, b value, result bool) value {
	if a.kind != isBool || b.kind != isBool {
		return value{kind: failed}
	}
	return boolValue(result)
}

func add(a, b value) value {
	if a.kind != isString {
		return value{kind: failed} // CUE's integers have any size
	}
	return stringValue(a.s + b.s)
}
