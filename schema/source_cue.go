package schema

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// dynamic is what CUE must evaluate: everything that is not plain data.
type dynamic struct {
	files          []*ast.File
	identifiers    map[string]bool            // identifiers that it refers to
	kinds          map[string]bool            // kinds of which it says something about every record
	keys           map[string]map[string]bool // records of which it says something, by kind
	positions      map[string]position        // where the values stand of the fields that it names outright, by path
	labelPositions map[string]position        // and where their names stand
	refs           map[string]*fileRef        // its files by name
	constants      map[string]*node           // hidden fields and definitions that are data; nil for what is declared twice
	failed         bool                       // there are errors that would make evaluation pointless
}

func newDynamic() *dynamic {
	return &dynamic{identifiers: map[string]bool{}, kinds: map[string]bool{}, keys: map[string]map[string]bool{}, positions: map[string]position{}, labelPositions: map[string]position{}, refs: map[string]*fileRef{}, constants: map[string]*node{}}
}

// readCUE parses a file and parts what is data from what must be evaluated. It returns people and groups that are data, and whether there is anything else in
// the file, wrong or right.
func (l *loader) readCUE(src *fileRef, text []byte) (people []record, mixed bool) {
	if tooDeep(text, 40*l.limits.depth) {
		l.report(Problem{Pos: Pos{File: src.path}, Code: tooLarge.id, Message: "values nest too deeply"})
		l.dynamic.failed = true
		return nil, true
	}
	file, err := parser.ParseFile(src.path, text)
	if err != nil {
		for _, e := range errors.Errors(err) {
			l.report(Problem{Pos: posOf(src, e.Position()), Code: syntaxError.id, Message: cueMessage(e), Advice: ""})
		}
		l.dynamic.failed = true
		return nil, true
	}
	if name := file.PackageName(); name != "roster" {
		l.report(Problem{Pos: Pos{src.path, 1, 1}, Code: wrongPackage.id, Message: "the file is not in package roster", Value: name, Advice: wrongPackage.advice})
		return nil, true
	}
	found := len(l.problems)
	g := &safetyCheck{ref: src, limits: l.limits, report: l.report, identifiers: l.dynamic.identifiers}
	if !g.checkImports(file) {
		l.dynamic.failed = true
	}
	s := &splitter{loader: l, reader: &literalReader{ref: src, depth: l.limits.depth, conflict: l.conflict}, safety: g}
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
		l.dynamic.refs[src.path] = src
	}
	return s.records, s.mixed || s.hasDynamic || len(l.problems) > found
}

func posOf(src *fileRef, p token.Pos) Pos {
	if !p.IsValid() {
		return Pos{File: src.path, Line: 1, Column: 1}
	}
	return tokenPosition(src, p).pos()
}

// splitter parts the declarations of one file.
type splitter struct {
	*loader
	reader     *literalReader
	safety     *safetyCheck
	hasDynamic bool // there is something to evaluate
	records    []record
	mixed      bool // there is data of another kind
}

// declaration keeps what is data, and returns what is left of a top-level declaration for CUE to evaluate, or nil.
func (s *splitter) declaration(d ast.Decl) ast.Decl {
	name, f, ok := plainField(d)
	if !ok {
		return s.otherDeclaration(d)
	}
	root := s.schema.roots[name]
	if root == nil {
		advice := "known fields: " + strings.Join(slices.Sorted(slices.Values(s.schema.order)), ", ")
		if guess := nearest(name, s.schema.order); guess != "" {
			advice = "did you mean \"" + guess + "\"?"
		}
		s.report(Problem{Pos: s.reader.at(f.Label).pos(), Code: unknownField.id, Path: name, Message: "unknown field", Advice: advice})
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
	return &ast.Field{Label: f.Label, TokenPos: f.TokenPos, Value: &ast.StructLit{Lbrace: records.Lbrace, Elts: left, Rbrace: records.Rbrace}}
}

// scalar keeps a top-level value that is no struct: a timezone, or something wrong.
func (s *splitter) scalar(name string, f *ast.Field, n *node) {
	s.mixed = true
	b := s.literals[""]
	if b == nil {
		b = newBuilder(n.at, 0)
		s.literals[""] = b
	}
	b.add(field{name: name, at: s.reader.at(f.Label), value: n}, s.conflict)
}

// entry keeps one record of a kind if it is data, or returns it.
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
		x := field{name: key, at: s.reader.at(f.Label), value: n}
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
	path := joinPath(joinPath("", kind), key)
	s.locate(path, f)
	s.mappingSource(kind, key, f)
	return f
}

// evaluated hands over the whole of a kind.
func (s *splitter) wholeKind(f *ast.Field, kind string) ast.Decl {
	s.dynamic.kinds[kind] = true
	if !s.safety.check(f.Value) {
		s.dynamic.failed = true
		return nil
	}
	s.locate(joinPath("", kind), f)
	return f
}

// irregular hands over a declaration that is no plain field. Definitions and hidden fields touch nothing else; the rest may touch everything.
func (s *splitter) otherDeclaration(d ast.Decl) ast.Decl {
	switch d := d.(type) {
	case *ast.CommentGroup:
		return nil
	case *ast.Attribute:
		s.safety.attribute(d)
		return nil
	case *ast.LetClause:
	case *ast.Field:
		if id, ok := d.Label.(*ast.Ident); !ok || d.Alias != nil || id.Name == "" || id.Name[0] != '_' && id.Name[0] != '#' {
			s.dependsOnAll()
		} else {
			s.constant(id.Name, d)
		}
	default:
		s.dependsOnAll()
	}
	if !s.safety.check(d) {
		s.dynamic.failed = true
		return nil
	}
	return d
}

// constant notes a hidden field or definition that is data, for mappings to look things up in.
func (s *splitter) constant(name string, f *ast.Field) {
	n := s.reader.node(f.Value)
	if _, twice := s.dynamic.constants[name]; twice || f.Constraint != token.ILLEGAL {
		n = nil
	}
	s.dynamic.constants[name] = n
}

func (s *splitter) dependsOnAll() {
	for kind := range s.schema.roots {
		s.dynamic.kinds[kind] = true
	}
}

// locate notes where the fields stand that an expression names outright.
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
					s.locate(joinPath(path, name), f)
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

// moves reports whether a literal record must be evaluated after all, because something that is evaluated refers to it or adds to it.
func (d *dynamic) includes(kind, key string) bool {
	return d.kinds[kind] || d.identifiers[kind] || d.identifiers[key] || d.keys[kind][key]
}
