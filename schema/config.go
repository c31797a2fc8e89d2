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
	files  []*ast.File
	names  map[string]bool            // identifiers that it refers to
	kinds  map[string]bool            // kinds of which it says something about every record
	keys   map[string]map[string]bool // records of which it says something, by kind
	spots  map[string]spot            // where the values stand of the fields that it names outright, by path
	labels map[string]spot            // and where their names stand
	srcs   map[string]*source         // its files by name
	consts map[string]*node           // hidden fields and definitions that are data; nil for what is declared twice
	failed bool                       // there are errors that would make evaluation pointless
}

func newDynamic() *dynamic {
	return &dynamic{names: map[string]bool{}, kinds: map[string]bool{}, keys: map[string]map[string]bool{}, spots: map[string]spot{}, labels: map[string]spot{}, srcs: map[string]*source{}, consts: map[string]*node{}}
}

// readCUE parses a file and parts what is data from what must be evaluated. It returns people and groups that are data, and whether there is anything else in
// the file, wrong or right.
func (l *loader) readCUE(src *source, text []byte) (people []record, mixed bool) {
	if tooDeep(text, 40*l.limits.depth) {
		l.report(Problem{Pos: Pos{File: src.path}, Code: tooLarge.id, Message: "values nest too deeply"})
		l.dynamic.failed = true
		return nil, true
	}
	file, err := parser.ParseFile(src.path, text)
	if err != nil {
		for _, e := range errors.Errors(err) {
			l.report(Problem{Pos: position(src, e.Position()), Code: syntaxError.id, Message: message(e), Advice: ""})
		}
		l.dynamic.failed = true
		return nil, true
	}
	if name := file.PackageName(); name != "roster" {
		l.report(Problem{Pos: Pos{src.path, 1, 1}, Code: wrongPackage.id, Message: "the file is not in package roster", Value: name, Advice: wrongPackage.advice})
		return nil, true
	}
	found := len(l.problems)
	g := &guard{src: src, limits: l.limits, report: l.report, names: l.dynamic.names}
	if !g.checkImports(file) {
		l.dynamic.failed = true
	}
	s := &splitter{loader: l, reader: &reader{src: src, depth: l.limits.depth, conflict: l.conflict}, guard: g}
	rest := &ast.File{Filename: file.Filename, LanguageVersion: file.LanguageVersion}
	for _, d := range file.Decls {
		switch d.(type) {
		case *ast.Package, *ast.ImportDecl:
			rest.Decls = append(rest.Decls, d)
			continue
		}
		if d := s.declaration(d); d != nil {
			rest.Decls = append(rest.Decls, d)
			s.some = true
		}
	}
	if s.some {
		l.dynamic.files = append(l.dynamic.files, rest)
		l.dynamic.srcs[src.path] = src
	}
	return s.people, s.mixed || s.some || len(l.problems) > found
}

func position(src *source, p token.Pos) Pos {
	if !p.IsValid() {
		return Pos{File: src.path, Line: 1, Column: 1}
	}
	return at(src, p).pos()
}

// splitter parts the declarations of one file.
type splitter struct {
	*loader
	reader *reader
	guard  *guard
	some   bool // there is something to evaluate
	people []record
	mixed  bool // there is data of another kind
}

// declaration keeps what is data, and returns what is left of a top-level declaration for CUE to evaluate, or nil.
func (s *splitter) declaration(d ast.Decl) ast.Decl {
	name, f, ok := regular(d)
	if !ok {
		return s.irregular(d)
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
		return s.evaluated(f, name)
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
	key, f, ok := regular(d)
	if !ok {
		s.dynamic.kinds[kind] = true
		if !s.guard.check(d) {
			s.dynamic.failed = true
			return nil
		}
		return d
	}
	if n := s.reader.node(f.Value); n != nil && kind != "mappings" {
		x := field{name: key, at: s.reader.at(f.Label), value: n}
		if kind == "users" || kind == "groups" {
			s.people = append(s.people, record{kind, x})
			return nil
		}
		s.mixed = true
		s.record(kind, x)
		return nil
	}
	if !s.guard.check(f.Value) {
		s.dynamic.failed = true
		return nil
	}
	if s.dynamic.keys[kind] == nil {
		s.dynamic.keys[kind] = map[string]bool{}
	}
	s.dynamic.keys[kind][key] = true
	path := join(join("", kind), key)
	s.locate(path, f)
	s.mappingSource(kind, key, f)
	return f
}

// evaluated hands over the whole of a kind.
func (s *splitter) evaluated(f *ast.Field, kind string) ast.Decl {
	s.dynamic.kinds[kind] = true
	if !s.guard.check(f.Value) {
		s.dynamic.failed = true
		return nil
	}
	s.locate(join("", kind), f)
	return f
}

// irregular hands over a declaration that is no plain field. Definitions and hidden fields touch nothing else; the rest may touch everything.
func (s *splitter) irregular(d ast.Decl) ast.Decl {
	switch d := d.(type) {
	case *ast.CommentGroup:
		return nil
	case *ast.Attribute:
		s.guard.attribute(d)
		return nil
	case *ast.LetClause:
	case *ast.Field:
		if id, ok := d.Label.(*ast.Ident); !ok || d.Alias != nil || id.Name == "" || id.Name[0] != '_' && id.Name[0] != '#' {
			s.everything()
		} else {
			s.constant(id.Name, d)
		}
	default:
		s.everything()
	}
	if !s.guard.check(d) {
		s.dynamic.failed = true
		return nil
	}
	return d
}

// constant notes a hidden field or definition that is data, for mappings to look things up in.
func (s *splitter) constant(name string, f *ast.Field) {
	n := s.reader.node(f.Value)
	if _, twice := s.dynamic.consts[name]; twice || f.Constraint != token.ILLEGAL {
		n = nil
	}
	s.dynamic.consts[name] = n
}

func (s *splitter) everything() {
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
	if _, have := s.dynamic.spots[path]; !have {
		s.dynamic.spots[path], s.dynamic.labels[path] = where, s.reader.at(f.Label)
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
				if name, ok := label(f.Label); ok {
					s.locate(join(path, name), f)
				}
			}
		}
	case *ast.ListLit:
		for i, e := range x.Elts {
			below := path + "[" + strconv.Itoa(i) + "]"
			s.dynamic.spots[below] = s.reader.at(e)
			s.locateIn(below, e)
		}
	}
}

// moves reports whether a literal record must be evaluated after all, because something that is evaluated refers to it or adds to it.
func (d *dynamic) moves(kind, key string) bool {
	return d.kinds[kind] || d.names[kind] || d.names[key] || d.keys[kind][key]
}
