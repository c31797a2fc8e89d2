package schema

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// dynamic holds the declarations that CUE must evaluate: all that are not literal data.
type dynamic struct {
	files []*ast.File
	// identifiers are the names that the declarations refer to.
	identifiers map[string]bool
	// kinds are those with a declaration that applies to all of their records.
	kinds map[string]bool
	// keys are the records that have a dynamic declaration, by kind.
	keys map[string]map[string]bool
	// positions are those of the values whose field is written out, by path.
	positions map[string]tree.Position
	// labelPositions are those of their names.
	labelPositions map[string]tree.Position
	// refs are the files by name.
	refs map[string]*tree.File
	// constants are the hidden fields and definitions with literal data. A name that is declared
	// twice maps to nil.
	constants map[string]*tree.Node
	// failed is set after an error that makes evaluation pointless.
	failed bool
}

func newDynamic() *dynamic {
	return &dynamic{
		identifiers: map[string]bool{}, kinds: map[string]bool{}, keys: map[string]map[string]bool{},
		positions: map[string]tree.Position{}, labelPositions: map[string]tree.Position{},
		refs:      map[string]*tree.File{},
		constants: map[string]*tree.Node{},
	}
}

// readCUE parses a file and separates literal data from what CUE must evaluate. It returns the
// users and groups that are literal data, and whether the file has any other declaration, valid or
// not.
func (l *loader) readCUE(ref *tree.File, text []byte) (records []record, mixed bool) {
	if reason, at := l.limits.checkTokens(text); reason != "" {
		l.report(tree.TooLarge.Problem(tree.Pos{File: ref.Path, Line: at.Line, Column: at.Column}, "", reason).
			WithAdvice(""))
		l.dynamic.failed = true
		return nil, true
	}
	file, err := parser.ParseFile(ref.Path, text)
	if err != nil {
		for _, e := range errors.Errors(err) {
			l.report(tree.SyntaxError.Problem(posOf(ref, e.Position()), "", cueMessage(e)).WithAdvice(""))
		}
		l.dynamic.failed = true
		return nil, true
	}
	if name := file.PackageName(); name != "roster" {
		l.report(tree.WrongPackage.Problem(tree.Pos{File: ref.Path, Line: 1, Column: 1}, "",
			"the file is not in package roster").WithValue(name))
		return nil, true
	}
	found := len(l.problems)
	safety := &safetyCheck{ref: ref, limits: l.limits, report: l.report, identifiers: l.dynamic.identifiers}
	if !safety.checkImports(file) {
		l.dynamic.failed = true
	}
	reader := &literalReader{ref: ref, depth: l.limits.depth, conflict: l.conflict}
	s := &splitter{loader: l, reader: reader, safety: safety}
	rest := &ast.File{Filename: file.Filename, LanguageVersion: file.LanguageVersion}
	for _, d := range file.Decls {
		switch d.(type) {
		case *ast.Package, *ast.ImportDecl:
			rest.Decls = append(rest.Decls, d)
			continue
		}
		if d := s.declaration(d); d != nil {
			rest.Decls = append(rest.Decls, d)
			s.hasDynamic = true
		}
	}
	if s.hasDynamic {
		l.dynamic.files = append(l.dynamic.files, rest)
		l.dynamic.refs[ref.Path] = ref
	}
	return s.records, s.mixed || s.hasDynamic || len(l.problems) > found
}

// posOf converts a position of the CUE parser, or returns the start of the file if it is unknown.
func posOf(ref *tree.File, p token.Pos) tree.Pos {
	if !p.IsValid() {
		return tree.Pos{File: ref.Path, Line: 1, Column: 1}
	}
	return tokenPosition(ref, p).Pos()
}

// splitter separates the literal declarations of one file from the dynamic ones.
type splitter struct {
	*loader
	reader *literalReader
	safety *safetyCheck
	// hasDynamic is set if CUE must evaluate part of the file.
	hasDynamic bool
	records    []record
	// mixed is set if there is literal data other than users and groups.
	mixed bool
}

// declaration stores the literal part of a top-level declaration. It returns the part that CUE must
// evaluate, or nil.
func (s *splitter) declaration(d ast.Decl) ast.Decl {
	name, f, ok := plainField(d)
	if !ok {
		return s.otherDeclaration(d)
	}
	root := s.schema.roots[name]
	if root == nil {
		advice := "known fields: " + strings.Join(slices.Sorted(slices.Values(s.schema.order)), ", ")
		advice = tree.Suggestion(name, s.schema.order, advice)
		s.report(tree.UnknownField.Problem(s.reader.at(f.Label).Pos(), name, "unknown field").WithAdvice(advice))
		return nil
	}
	records, ok := f.Value.(*ast.StructLit)
	if !ok {
		if n := s.reader.node(f.Value); n != nil {
			s.scalar(name, f, n)
			return nil
		}
		return s.wholeKind(f, name)
	}
	var left []ast.Decl
	for _, e := range records.Elts {
		if rest := s.entry(name, e); rest != nil {
			left = append(left, rest)
		}
	}
	if left == nil && len(records.Elts) > 0 {
		return nil
	}
	rest := &ast.StructLit{Lbrace: records.Lbrace, Elts: left, Rbrace: records.Rbrace}
	return &ast.Field{Label: f.Label, TokenPos: f.TokenPos, Value: rest}
}

// scalar stores a top-level value that is not a struct: a timezone, or an error.
func (s *splitter) scalar(name string, f *ast.Field, n *tree.Node) {
	s.mixed = true
	b := s.literals[""]
	if b == nil {
		b = tree.NewBuilder(n.At, 0)
		s.literals[""] = b
	}
	b.Add(tree.Field{Name: name, At: s.reader.at(f.Label), Value: n}, s.conflict)
}

// entry stores one literal record of a kind, or returns it for evaluation.
func (s *splitter) entry(kind string, d ast.Decl) ast.Decl {
	if _, ok := d.(*ast.CommentGroup); ok {
		return nil
	}
	key, f, ok := plainField(d)
	if !ok {
		s.dynamic.kinds[kind] = true
		if !s.safety.check(d) {
			s.dynamic.failed = true
			return nil
		}
		return d
	}
	if n := s.reader.node(f.Value); n != nil && kind != "mappings" {
		x := tree.Field{Name: key, At: s.reader.at(f.Label), Value: n}
		if kind == "users" || kind == "groups" {
			s.records = append(s.records, record{kind, x})
			return nil
		}
		s.mixed = true
		s.record(kind, x)
		return nil
	}
	if !s.safety.check(f.Value) {
		s.dynamic.failed = true
		return nil
	}
	if s.dynamic.keys[kind] == nil {
		s.dynamic.keys[kind] = map[string]bool{}
	}
	s.dynamic.keys[kind][key] = true
	path := tree.JoinPath(tree.JoinPath("", kind), key)
	s.locate(path, f)
	s.mappingSource(kind, key, f)
	return f
}

// wholeKind returns all records of a kind for evaluation.
func (s *splitter) wholeKind(f *ast.Field, kind string) ast.Decl {
	s.dynamic.kinds[kind] = true
	if !s.safety.check(f.Value) {
		s.dynamic.failed = true
		return nil
	}
	s.locate(tree.JoinPath("", kind), f)
	return f
}

// otherDeclaration returns a declaration that is not a plain field for evaluation. Definitions and
// hidden fields do not affect other declarations. Any other declaration may affect all of them.
func (s *splitter) otherDeclaration(d ast.Decl) ast.Decl {
	switch d := d.(type) {
	case *ast.CommentGroup:
		return nil
	case *ast.Attribute:
		s.safety.attribute(d)
		return nil
	case *ast.LetClause:
	case *ast.Field:
		id, ok := d.Label.(*ast.Ident)
		if !ok || d.Alias != nil || id.Name == "" || id.Name[0] != '_' && id.Name[0] != '#' {
			s.mayAffectAll()
		} else {
			s.constant(id.Name, d)
		}
	default:
		s.mayAffectAll()
	}
	if !s.safety.check(d) {
		s.dynamic.failed = true
		return nil
	}
	return d
}

// constant stores a hidden field or definition with literal data for look-ups in mappings.
func (s *splitter) constant(name string, f *ast.Field) {
	n := s.reader.node(f.Value)
	if _, twice := s.dynamic.constants[name]; twice || f.Constraint != token.ILLEGAL {
		n = nil
	}
	s.dynamic.constants[name] = n
}

// mayAffectAll marks all kinds as dynamic.
func (s *splitter) mayAffectAll() {
	for kind := range s.schema.roots {
		s.dynamic.kinds[kind] = true
	}
}

// locate stores the positions of a field and of all fields that its value writes out.
func (s *splitter) locate(path string, f *ast.Field) {
	where := s.reader.at(f.Value)
	if _, ok := f.Value.(*ast.BinaryExpr); ok {
		where = s.reader.at(f.Label)
	}
	if _, have := s.dynamic.positions[path]; !have {
		s.dynamic.positions[path], s.dynamic.labelPositions[path] = where, s.reader.at(f.Label)
	}
	s.locateIn(path, f.Value)
}

func (s *splitter) locateIn(path string, x ast.Expr) {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		s.locateIn(path, x.X)
		s.locateIn(path, x.Y)
	case *ast.StructLit:
		for _, d := range x.Elts {
			if f, ok := d.(*ast.Field); ok {
				if name, ok := labelName(f.Label); ok {
					s.locate(tree.JoinPath(path, name), f)
				}
			}
		}
	case *ast.ListLit:
		for i, e := range x.Elts {
			below := path + "[" + strconv.Itoa(i) + "]"
			s.dynamic.positions[below] = s.reader.at(e)
			s.locateIn(below, e)
		}
	}
}

// includes reports whether CUE must evaluate a literal record too, because a dynamic declaration
// refers to it or extends it.
func (d *dynamic) includes(kind, key string) bool {
	return d.kinds[kind] || d.identifiers[kind] || d.identifiers[key] || d.keys[kind][key]
}
