package source

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// LiteralReader converts CUE syntax that needs no evaluation to nodes.
type LiteralReader struct {
	ref *tree.File
	// Depth is the nesting that is still allowed.
	Depth    int
	conflict tree.ConflictFunc
	// reported is set if the literals that other formats read differently were reported. They have
	// no value then.
	reported bool
}

func (r *LiteralReader) at(n ast.Node) tree.Position { return TokenPosition(r.ref, n.Pos()) }

// TokenPosition converts a position of the CUE parser.
func TokenPosition(ref *tree.File, p token.Pos) tree.Position {
	if !p.IsValid() {
		return tree.Position{Ref: ref}
	}
	pos := p.Position()
	return tree.Position{Ref: ref, Line: int32(pos.Line), Col: int32(pos.Column)}
}

// LabelName returns the name of a regular field's label.
func LabelName(l ast.Label) (string, bool) {
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

// PlainField returns the name and value of a field without alias, constraint or attributes.
func PlainField(d ast.Decl) (name string, f *ast.Field, ok bool) {
	f, ok = d.(*ast.Field)
	if !ok || f.Alias != nil || f.Constraint != token.ILLEGAL || len(f.Attrs) > 0 || f.Value == nil {
		return "", nil, false
	}
	name, ok = LabelName(f.Label)
	return name, f, ok
}

// Node returns the value of a literal expression, or nil if CUE must evaluate it.
func (r *LiteralReader) Node(x ast.Expr) *tree.Node {
	switch x := x.(type) {
	case *ast.BasicLit:
		n := r.scalar(x, "")
		if n == nil && r.reported {
			n = &tree.Node{Kind: tree.Invalid, At: r.at(x)}
		}
		return n
	case *ast.UnaryExpr:
		lit, ok := x.X.(*ast.BasicLit)
		if ok && x.Op == token.SUB && (lit.Kind == token.INT || lit.Kind == token.FLOAT) {
			n := r.scalar(lit, "-")
			if n != nil {
				n.At = r.at(x)
			}
			return n
		}
		if ok && r.reported {
			return &tree.Node{Kind: tree.Invalid, At: r.at(x)}
		}
	case *ast.StructLit:
		return r.structure(x)
	case *ast.ListLit:
		return r.list(x)
	case *ast.BinaryExpr:
		if r.reported && subtractedDate(x) != "" {
			return &tree.Node{Kind: tree.Invalid, At: r.at(x)}
		}
	}
	return nil
}

func (r *LiteralReader) scalar(x *ast.BasicLit, sign string) *tree.Node {
	n := &tree.Node{At: r.at(x)}
	switch x.Kind {
	case token.STRING:
		if strings.HasPrefix(x.Value, "'") || strings.HasPrefix(strings.TrimLeft(x.Value, "#"), "'") {
			return nil // bytes
		}
		text, err := literal.Unquote(x.Value)
		if err != nil {
			return nil
		}
		n.Kind, n.Text = tree.String, text
	case token.TRUE, token.FALSE:
		n.Kind, n.Text = tree.Bool, x.Value
	case token.NULL:
		n.Kind = tree.Null
	case token.INT:
		if !decimal(x.Value, "") || sign == "-" && x.Value == "0" {
			return nil
		}
		n.Kind, n.Text = tree.Int, sign+x.Value
	case token.FLOAT:
		if !decimal(x.Value, ".") {
			return nil
		}
		n.Kind, n.Text = tree.Float, sign+x.Value
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

func (r *LiteralReader) structure(x *ast.StructLit) *tree.Node {
	if r.Depth--; r.Depth < 0 {
		return nil
	}
	defer func() { r.Depth++ }()
	b := tree.NewBuilder(r.at(x), len(x.Elts))
	for _, d := range x.Elts {
		if _, ok := d.(*ast.CommentGroup); ok {
			continue
		}
		name, f, ok := PlainField(d)
		if !ok {
			return nil
		}
		value := r.Node(f.Value)
		if value == nil {
			return nil
		}
		b.Add(tree.Field{Name: name, At: r.at(f.Label), Value: value}, r.conflict)
	}
	return b.Node
}

func (r *LiteralReader) list(x *ast.ListLit) *tree.Node {
	if r.Depth--; r.Depth < 0 {
		return nil
	}
	defer func() { r.Depth++ }()
	n := &tree.Node{Kind: tree.List, At: r.at(x), Fields: make([]tree.Field, 0, len(x.Elts))}
	for _, e := range x.Elts {
		value := r.Node(e)
		if value == nil {
			return nil
		}
		n.Fields = append(n.Fields, tree.Field{At: value.At, Value: value})
	}
	return n
}

// Syntax converts a node back to a CUE expression.
func Syntax(n *tree.Node) ast.Expr {
	switch n.Kind {
	case tree.Bool:
		return ast.NewBool(n.Text == "true")
	case tree.String:
		return ast.NewString(n.Text)
	case tree.Int, tree.Float:
		digits, negative := strings.CutPrefix(n.Text, "-")
		lit := &ast.BasicLit{Kind: token.INT, Value: digits}
		if n.Kind == tree.Float {
			lit.Kind = token.FLOAT
		}
		if negative {
			return &ast.UnaryExpr{Op: token.SUB, X: lit}
		}
		return lit
	case tree.Struct:
		s := &ast.StructLit{Elts: make([]ast.Decl, 0, len(n.Fields))}
		for _, f := range n.Fields {
			s.Elts = append(s.Elts, &ast.Field{Label: ast.NewString(f.Name), Value: Syntax(f.Value)})
		}
		return s
	case tree.List:
		l := &ast.ListLit{Elts: make([]ast.Expr, 0, len(n.Fields))}
		for _, f := range n.Fields {
			l.Elts = append(l.Elts, Syntax(f.Value))
		}
		return l
	}
	return ast.NewNull()
}
