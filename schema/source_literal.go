package schema

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// literalReader converts CUE syntax that needs no evaluation to nodes.
type literalReader struct {
	ref *fileRef
	// depth is the nesting that is still allowed.
	depth    int
	conflict conflictFunc
}

func (r *literalReader) at(n ast.Node) position { return tokenPosition(r.ref, n.Pos()) }

// tokenPosition converts a position of the CUE parser.
func tokenPosition(ref *fileRef, p token.Pos) position {
	if !p.IsValid() {
		return position{ref: ref}
	}
	pos := p.Position()
	return position{ref: ref, line: int32(pos.Line), col: int32(pos.Column)}
}

// labelName returns the name of a regular field's label.
func labelName(l ast.Label) (string, bool) {
	switch l := l.(type) {
	case *ast.Ident:
		if strings.HasPrefix(l.Name, "_") || strings.HasPrefix(l.Name, "#") {
			return "", false
		}
		return l.Name, true
	case *ast.BasicLit:
		if l.Kind != token.STRING {
			return "", false
		}
		name, err := literal.Unquote(l.Value)
		return name, err == nil
	}
	return "", false
}

// plainField returns the name and value of a field without alias, constraint or attributes.
func plainField(d ast.Decl) (name string, f *ast.Field, ok bool) {
	f, ok = d.(*ast.Field)
	if !ok || f.Alias != nil || f.Constraint != token.ILLEGAL || len(f.Attrs) > 0 || f.Value == nil {
		return "", nil, false
	}
	name, ok = labelName(f.Label)
	return name, f, ok
}

// node returns the value of a literal expression, or nil if CUE must evaluate it.
func (r *literalReader) node(x ast.Expr) *node {
	switch x := x.(type) {
	case *ast.BasicLit:
		return r.scalar(x, "")
	case *ast.UnaryExpr:
		lit, ok := x.X.(*ast.BasicLit)
		if ok && x.Op == token.SUB && (lit.Kind == token.INT || lit.Kind == token.FLOAT) {
			n := r.scalar(lit, "-")
			if n != nil {
				n.at = r.at(x)
			}
			return n
		}
	case *ast.StructLit:
		return r.structure(x)
	case *ast.ListLit:
		return r.list(x)
	}
	return nil
}

func (r *literalReader) scalar(x *ast.BasicLit, sign string) *node {
	n := &node{at: r.at(x)}
	switch x.Kind {
	case token.STRING:
		if strings.HasPrefix(x.Value, "'") || strings.HasPrefix(strings.TrimLeft(x.Value, "#"), "'") {
			return nil // bytes
		}
		text, err := literal.Unquote(x.Value)
		if err != nil {
			return nil
		}
		n.kind, n.text = stringNode, text
	case token.TRUE, token.FALSE:
		n.kind, n.text = boolNode, x.Value
	case token.NULL:
		n.kind = nullNode
	case token.INT:
		if !decimal(x.Value, "") || sign == "-" && x.Value == "0" {
			return nil
		}
		n.kind, n.text = intNode, sign+x.Value
	case token.FLOAT:
		if !decimal(x.Value, ".") {
			return nil
		}
		n.kind, n.text = floatNode, sign+x.Value
	default:
		return nil
	}
	return n
}

// decimal reports whether a number has only digits and the characters of extra: no prefix,
// multiplier or underscore.
func decimal(text, extra string) bool {
	for i, c := range text {
		if (c < '0' || c > '9') && !strings.ContainsRune(extra, c) {
			return false
		}
		if i == 0 && c == '0' && len(text) > 1 && text[1] != '.' {
			return false
		}
	}
	return text != "" && len(text) < 400
}

func (r *literalReader) structure(x *ast.StructLit) *node {
	if r.depth--; r.depth < 0 {
		return nil
	}
	defer func() { r.depth++ }()
	b := newBuilder(r.at(x), len(x.Elts))
	for _, d := range x.Elts {
		if _, ok := d.(*ast.CommentGroup); ok {
			continue
		}
		name, f, ok := plainField(d)
		if !ok {
			return nil
		}
		value := r.node(f.Value)
		if value == nil {
			return nil
		}
		b.add(field{name: name, at: r.at(f.Label), value: value}, r.conflict)
	}
	return b.n
}

func (r *literalReader) list(x *ast.ListLit) *node {
	if r.depth--; r.depth < 0 {
		return nil
	}
	defer func() { r.depth++ }()
	n := &node{kind: listNode, at: r.at(x), fields: make([]field, 0, len(x.Elts))}
	for _, e := range x.Elts {
		value := r.node(e)
		if value == nil {
			return nil
		}
		n.fields = append(n.fields, field{at: value.at, value: value})
	}
	return n
}

// syntax converts a node back to a CUE expression.
func (n *node) syntax() ast.Expr {
	switch n.kind {
	case boolNode:
		return ast.NewBool(n.text == "true")
	case stringNode:
		return ast.NewString(n.text)
	case intNode, floatNode:
		digits, negative := strings.CutPrefix(n.text, "-")
		lit := &ast.BasicLit{Kind: token.INT, Value: digits}
		if n.kind == floatNode {
			lit.Kind = token.FLOAT
		}
		if negative {
			return &ast.UnaryExpr{Op: token.SUB, X: lit}
		}
		return lit
	case structNode:
		s := &ast.StructLit{Elts: make([]ast.Decl, 0, len(n.fields))}
		for _, f := range n.fields {
			s.Elts = append(s.Elts, &ast.Field{Label: ast.NewString(f.name), Value: f.value.syntax()})
		}
		return s
	case listNode:
		l := &ast.ListLit{Elts: make([]ast.Expr, 0, len(n.fields))}
		for _, f := range n.fields {
			l.Elts = append(l.Elts, f.value.syntax())
		}
		return l
	}
	return ast.NewNull()
}
