package source

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
	"golang.org/x/text/unicode/norm"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// CUEFile is a CUE file, separated into literal data and the declarations that CUE must evaluate.
type CUEFile struct {
	// Records are the users and groups that are literal data.
	Records []Record
	// Literals are the other literal data. The kind "" has top-level values that are not structs.
	Literals []Record
	Dynamic  *Dynamic
	// Mixed is set if the file has any declaration, valid or not, other than records.
	Mixed    bool
	Problems tree.Problems
}

// Dynamic holds the declarations that CUE must evaluate: all that are not literal data.
type Dynamic struct {
	Files []*ast.File
	// Identifiers are the names that the declarations refer to.
	Identifiers map[string]bool
	// Kinds are those with a declaration that applies to all of their records.
	Kinds map[string]bool
	// Keys are the records that have a dynamic declaration, by kind.
	Keys map[string]map[string]bool
	// Positions are those of the values whose field is written out, by path.
	Positions map[string]tree.Position
	// LabelPositions are those of their names.
	LabelPositions map[string]tree.Position
	// Refs are the files by name.
	Refs map[string]*tree.File
	// Constants are the hidden fields and definitions with literal data. A name that is declared
	// twice maps to nil.
	Constants map[string]*tree.Node
	// Mappings are the declarations of mappings by key.
	Mappings map[string]*MappingCode
	// Failed is set after an error that makes evaluation pointless.
	Failed bool
}

// MappingCode has the declarations of a mapping.
type MappingCode struct {
	Key          string
	Position     tree.Position
	Declarations []MappingDeclaration
}

// MappingDeclaration is one declaration of a mapping, with the imports of its file.
type MappingDeclaration struct {
	Expr    ast.Expr
	Imports map[string]string
	Ref     *tree.File
}

// NewDynamic returns a Dynamic without declarations.
func NewDynamic() *Dynamic {
	return &Dynamic{
		Identifiers: map[string]bool{}, Kinds: map[string]bool{}, Keys: map[string]map[string]bool{},
		Positions: map[string]tree.Position{}, LabelPositions: map[string]tree.Position{},
		Refs: map[string]*tree.File{}, Constants: map[string]*tree.Node{}, Mappings: map[string]*MappingCode{},
	}
}

// Merge adds the declarations of another file.
func (d *Dynamic) Merge(o *Dynamic) {
	d.Files = append(d.Files, o.Files...)
	maps.Copy(d.Identifiers, o.Identifiers)
	maps.Copy(d.Kinds, o.Kinds)
	for kind, keys := range o.Keys {
		for key := range keys {
			d.addKey(kind, key)
		}
	}
	for path, at := range o.Positions {
		if _, have := d.Positions[path]; !have {
			d.Positions[path] = at
			if label, ok := o.LabelPositions[path]; ok {
				d.LabelPositions[path] = label
			}
		}
	}
	maps.Copy(d.Refs, o.Refs)
	for name, n := range o.Constants {
		if _, twice := d.Constants[name]; twice {
			n = nil
		}
		d.Constants[name] = n
	}
	for key, m := range o.Mappings {
		if have := d.Mappings[key]; have != nil {
			m = &MappingCode{key, have.Position, append(slices.Clone(have.Declarations), m.Declarations...)}
		}
		d.Mappings[key] = m
	}
	d.Failed = d.Failed || o.Failed
}

func (d *Dynamic) addKey(kind, key string) {
	if d.Keys[kind] == nil {
		d.Keys[kind] = map[string]bool{}
	}
	d.Keys[kind][key] = true
}

// ReadCUE parses a file and separates literal data from what CUE must evaluate. kinds are the
// top-level fields of the schema.
func ReadCUE(ref *tree.File, text []byte, kinds []string, limits Limits) *CUEFile {
	out := &CUEFile{Dynamic: NewDynamic(), Mixed: true}
	text, problem, ok := unreadableText(ref, text)
	if !ok {
		out.report(problem)
		out.Dynamic.Failed = true
		return out
	}
	if reason, at := limits.checkTokens(text); reason != "" {
		out.fail(tree.TooLarge.Problem(tree.Pos{File: ref.Path, Line: at.Line, Column: at.Column}, "", reason).
			WithAdvice(""))
		return out
	}
	text = norm.NFC.Bytes(text) // so that names and texts in expressions equal those of other files
	file, err := parser.ParseFile(ref.Path, text)
	if err != nil {
		last := 0
		for _, e := range errors.Errors(err) {
			at := posOf(ref, e.Position())
			if at.Line == last {
				continue // it follows from the error before
			}
			last = at.Line
			out.fail(tree.SyntaxError.Problem(at, "", CUEMessage(e)).WithAdvice(syntaxAdvice(text, at.Line)))
		}
		return out
	}
	if name := file.PackageName(); name != "roster" {
		at := tree.Pos{File: ref.Path, Line: 1, Column: 1}
		out.report(tree.WrongPackage.Problem(at, "", "the file is not in package roster").WithValue(name))
		return out
	}
	s := &splitter{CUEFile: out, kinds: kinds}
	s.safety = &safetyCheck{ref: ref, limits: limits, report: out.report, identifiers: out.Dynamic.Identifiers}
	s.reader = &LiteralReader{ref: ref, Depth: limits.depth, conflict: out.conflict}
	out.Mixed = false
	s.file(file)
	return out
}

// PackageName returns the name of the package of a CUE file. It returns "" if the file has none or
// cannot be parsed.
func PackageName(content []byte) string {
	file, err := parser.ParseFile("", content, parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return file.PackageName()
}

func (f *CUEFile) report(p tree.Problem) { f.Problems = append(f.Problems, p) }

func (f *CUEFile) conflict(name string, a, b *tree.Node) { f.report(tree.ConflictProblem(name, a, b)) }

// fail reports a problem that makes evaluation pointless.
func (f *CUEFile) fail(p tree.Problem) {
	f.report(p)
	f.Dynamic.Failed = true
}

// posOf converts a position of the CUE parser, or returns the start of the file if it is unknown.
func posOf(ref *tree.File, p token.Pos) tree.Pos {
	if !p.IsValid() {
		return tree.Pos{File: ref.Path, Line: 1, Column: 1}
	}
	return TokenPosition(ref, p).Pos()
}

// splitter separates the literal declarations of one file from the dynamic ones.
type splitter struct {
	*CUEFile
	kinds  []string
	reader *LiteralReader
	safety *safetyCheck
}

// file separates all declarations of a file.
func (s *splitter) file(file *ast.File) {
	if !s.safety.checkImports(file) {
		s.Dynamic.Failed = true
	}
	rest := &ast.File{Filename: file.Filename, LanguageVersion: file.LanguageVersion}
	hasDynamic := false
	for _, d := range file.Decls {
		switch d.(type) {
		case *ast.Package, *ast.ImportDecl:
			rest.Decls = append(rest.Decls, d)
			continue
		}
		if d := s.declaration(d); d != nil {
			rest.Decls = append(rest.Decls, d)
			hasDynamic = true
		}
	}
	if hasDynamic {
		s.Dynamic.Files = append(s.Dynamic.Files, rest)
		s.Dynamic.Refs[s.reader.ref.Path] = s.reader.ref
	}
	s.Mixed = hasDynamic || len(s.Literals) > 0 || len(s.Problems) > 0
}

// declaration stores the literal part of a top-level declaration. It returns the part that CUE must
// evaluate, or nil.
func (s *splitter) declaration(d ast.Decl) ast.Decl {
	name, f, ok := PlainField(d)
	if !ok {
		return s.otherDeclaration(d)
	}
	if !slices.Contains(s.kinds, name) {
		advice := "known fields: " + strings.Join(slices.Sorted(slices.Values(s.kinds)), ", ")
		advice = tree.Suggestion(name, s.kinds, advice)
		s.report(tree.UnknownField.Problem(s.reader.at(f.Label).Pos(), name, "unknown field").WithAdvice(advice))
		return nil
	}
	records, ok := f.Value.(*ast.StructLit)
	if !ok {
		if n := s.reader.Node(f.Value); n != nil {
			s.Literals = append(s.Literals, Record{"", tree.Field{Name: name, At: s.reader.at(f.Label), Value: n}})
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

// entry stores one literal record of a kind, or returns it for evaluation.
func (s *splitter) entry(kind string, d ast.Decl) ast.Decl {
	if _, ok := d.(*ast.CommentGroup); ok {
		return nil
	}
	key, f, ok := PlainField(d)
	if !ok {
		s.Dynamic.Kinds[kind] = true
		if f, ok := d.(*ast.Field); ok && f.Value != nil { // such as "key"!: {...}
			if name, ok := LabelName(f.Label); ok {
				s.locate(tree.JoinPath(kind, name), f)
			}
		}
		if !s.safety.check(d) {
			s.Dynamic.Failed = true
			return nil
		}
		return d
	}
	s.reader.reported = (kind == "users" || kind == "groups") && !s.checkForms(f.Value)
	n := s.reader.Node(f.Value)
	if n == nil && s.reader.reported {
		s.Dynamic.Failed = true // CUE would report the value again
		return nil
	}
	if n != nil && kind != "mappings" {
		x := tree.Field{Name: key, At: s.reader.at(f.Label), Value: n}
		if kind == "users" || kind == "groups" {
			s.Records = append(s.Records, Record{kind, x})
			return nil
		}
		s.Literals = append(s.Literals, Record{kind, x})
		return nil
	}
	if !s.safety.check(f.Value) {
		s.Dynamic.Failed = true
		return nil
	}
	s.Dynamic.addKey(kind, key)
	path := tree.JoinPath(tree.JoinPath("", kind), key)
	s.locate(path, f)
	if kind == "mappings" {
		s.mapping(key, f)
	}
	return f
}

// mapping stores a declaration of a mapping.
func (s *splitter) mapping(key string, f *ast.Field) {
	m := s.Dynamic.Mappings[key]
	if m == nil {
		m = &MappingCode{Key: key, Position: s.reader.at(f.Label)}
		s.Dynamic.Mappings[key] = m
	}
	m.Declarations = append(m.Declarations, MappingDeclaration{f.Value, s.safety.imports, s.reader.ref})
}

// wholeKind returns all records of a kind for evaluation.
func (s *splitter) wholeKind(f *ast.Field, kind string) ast.Decl {
	s.Dynamic.Kinds[kind] = true
	if !s.safety.check(f.Value) {
		s.Dynamic.Failed = true
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
		s.Dynamic.Failed = true
		return nil
	}
	return d
}

// constant stores a hidden field or definition with literal data for look-ups in mappings.
func (s *splitter) constant(name string, f *ast.Field) {
	n := s.reader.Node(f.Value)
	if _, twice := s.Dynamic.Constants[name]; twice || f.Constraint != token.ILLEGAL {
		n = nil
	}
	s.Dynamic.Constants[name] = n
}

// mayAffectAll marks all kinds as dynamic.
func (s *splitter) mayAffectAll() {
	for _, kind := range s.kinds {
		s.Dynamic.Kinds[kind] = true
	}
}

// locate stores the positions of a field and of all fields that its value writes out.
func (s *splitter) locate(path string, f *ast.Field) {
	where := s.reader.at(f.Value)
	if _, ok := f.Value.(*ast.BinaryExpr); ok {
		where = s.reader.at(f.Label)
	}
	if _, have := s.Dynamic.Positions[path]; !have {
		s.Dynamic.Positions[path], s.Dynamic.LabelPositions[path] = where, s.reader.at(f.Label)
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
				if name, ok := LabelName(f.Label); ok {
					s.locate(tree.JoinPath(path, name), f)
				}
			}
		}
	case *ast.ListLit:
		for i, e := range x.Elts {
			below := path + "[" + strconv.Itoa(i) + "]"
			s.Dynamic.Positions[below] = s.reader.at(e)
			s.locateIn(below, e)
		}
	}
}

// Includes reports whether CUE must evaluate a literal record too, because a dynamic declaration
// refers to it or extends it.
func (d *Dynamic) Includes(kind, key string) bool {
	return d.Kinds[kind] || d.Identifiers[kind] || d.Identifiers[key] || d.Keys[kind][key]
}

// CUEMessage returns the message of a CUE error, without its position.
func CUEMessage(err errors.Error) string {
	format, args := err.Msg()
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "'EOF'", "the end of the file")
}
