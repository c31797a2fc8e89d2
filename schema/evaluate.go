package schema

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// evaluation is what CUE makes of the dynamic part.
type evaluation struct {
	raw  cue.Value // without the schema's constraints on records
	full cue.Value // with them
	errs []errors.Error
}

// evaluate lets CUE evaluate what is dynamic, and joins its results with the literal records into l.root. The context bounds the time that Load waits; CUE
// cannot be interrupted, so an evaluation that is given up goes on until it ends by itself, in a goroutine whose result nobody reads.
func (l *loader) evaluate(ctx context.Context) {
	l.root = &node{kind: structNode}
	moved := l.moved()
	var e *evaluation
	if len(l.dynamic.files) > 0 && !l.dynamic.failed {
		done := make(chan *evaluation, 1)
		files := append(l.dynamic.files, moved)
		go func() { done <- evaluateCUE(files) }()
		select {
		case e = <-done:
		case <-ctx.Done():
			l.report(Problem{Code: tooSlow.id, Message: fmt.Sprintf("CUE did not finish within %d s", l.limits.evalMillis/1000), Advice: tooSlow.advice})
			l.dynamic.failed = true
		}
	}
	for _, name := range l.schema.order {
		l.join(name, e)
	}
	for name, n := range l.attributeTypes() {
		l.schema.types[name] = n.child("type").string()
	}
	l.evaluated = e
}

// moved returns the literal records that must be evaluated as well, as a file. The custom attributes always are.
func (l *loader) moved() *ast.File {
	file := &ast.File{Filename: "literals.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	for _, kind := range slices.Sorted(maps.Keys(l.literals)) {
		for _, f := range l.literals[kind].n.fields {
			switch {
			case kind == "":
				if l.dynamic.moves(f.name, "") {
					file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(f.name), Value: f.value.syntax()})
				}
			case kind == "attributeTypes" || l.dynamic.moves(kind, f.name):
				record := &ast.Field{Label: ast.NewString(f.name), Value: f.value.syntax()}
				file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(kind), Value: &ast.StructLit{Elts: []ast.Decl{record}}})
			}
		}
	}
	return file
}

// evaluateCUE builds and checks an instance. Its context is its own and goes with it.
func evaluateCUE(files []*ast.File) *evaluation {
	ctx := cuecontext.New()
	raw, err := buildInstance(ctx, false, files)
	if err != nil {
		return &evaluation{errs: errors.Errors(err)}
	}
	schema, err := buildInstance(ctx, true, nil)
	if err != nil {
		return &evaluation{errs: errors.Errors(err)}
	}
	e := &evaluation{raw: raw, full: raw.Unify(schema)}
	if err := e.full.Validate(cue.Concrete(false)); err != nil {
		e.errs = errors.Errors(err)
	}
	return e
}

// buildInstance makes a package of the schema's entrance and some files. Without constraints the entrance has only its definitions and attributeTypes.
func buildInstance(ctx *cue.Context, constraints bool, files []*ast.File) (cue.Value, error) {
	var bctx *build.Context
	bctx = build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		if path != importPath {
			return nil
		}
		inst := bctx.NewInstance(importPath, nil)
		inst.ImportPath = importPath
		definitions, err := parser.ParseFile(definitionsFile, schemaText(definitionsFile))
		if err != nil {
			inst.ReportError(errors.Promote(err, "parse schema"))
			return inst
		}
		if err := inst.AddSyntax(definitions); err != nil {
			inst.ReportError(errors.Promote(err, "add schema"))
		}
		if err := inst.Complete(); err != nil {
			inst.ReportError(errors.Promote(err, "complete schema"))
		}
		return inst
	}))
	inst := bctx.NewInstance("", nil)
	entrance, err := parser.ParseFile(schemaFile, schemaText(schemaFile))
	if err != nil {
		return cue.Value{}, err
	}
	if !constraints {
		entrance.Decls = slices.DeleteFunc(entrance.Decls, func(d ast.Decl) bool {
			name, _, ok := regular(d)
			return ok && name != "attributeTypes"
		})
	}
	for _, f := range append([]*ast.File{entrance}, files...) {
		if err := inst.AddSyntax(f); err != nil {
			return cue.Value{}, err
		}
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, err
	}
	v := ctx.BuildInstance(inst)
	if err := inst.ResolutionErr; err != nil {
		return v, err
	}
	// An error of the whole, such as a reference to nothing, leaves no value; one below a field is found by validation.
	if !v.Exists() || v.IncompleteKind() != cue.StructKind {
		return v, v.Err()
	}
	return v, nil
}

// join puts the literal records of a kind, and those that CUE evaluated, below the root.
func (l *loader) join(name string, e *evaluation) {
	if have := l.literals[""]; have != nil {
		if f := have.n.get(name); f != nil && !l.dynamic.moves(name, "") {
			l.root.fields = append(l.root.fields, *f)
			return
		}
	}
	out := &node{kind: structNode}
	literal := l.literals[name]
	if literal != nil {
		out.at = literal.n.at
		out.fields = make([]field, 0, len(literal.n.fields))
		for _, f := range literal.n.fields {
			if !l.dynamic.moves(name, f.name) {
				out.fields = append(out.fields, f)
			}
		}
	}
	if e != nil && name != "mappings" {
		if v := e.full.LookupPath(cue.MakePath(cue.Str(name))); v.Exists() {
			x := &extractor{loader: l, literal: literal}
			if !x.records(out, v, name) {
				out = x.value(v, name, spot{}, nil)
			}
		}
	}
	if out.kind != structNode || len(out.fields) > 0 {
		l.root.fields = append(l.root.fields, field{name: name, at: out.at, value: out})
	}
}

// extractor turns values into nodes.
type extractor struct {
	*loader
	literal *builder // the literal records of the kind, whose positions are better than CUE's
	lenient bool     // what has no value is left out without a word
}

// records adds the records of a kind that CUE evaluated to out. It reports whether v is a struct.
func (x *extractor) records(out *node, v cue.Value, kind string) bool {
	it, err := v.Fields()
	if err != nil {
		return false
	}
	for it.Next() {
		key := it.Selector().Unquoted()
		if !x.dynamic.moves(kind, key) {
			continue
		}
		var known field
		if x.literal != nil {
			if f := x.literal.lookup(key); f != nil {
				known = *f
			}
		}
		path := join(kind, key)
		value := x.value(it.Value(), path, spot{}, known.value)
		out.fields = append(out.fields, field{name: key, at: x.keySpot(path, value, known.at), value: value})
	}
	return true
}

// keySpot returns where the name of a field stands.
func (x *extractor) keySpot(path string, value *node, known spot) spot {
	if known.src != nil {
		return known
	}
	if s, ok := x.dynamic.labels[path]; ok {
		return s
	}
	return value.at
}

// spot returns where a value stands: as a literal, in a declaration, as CUE says, or where what holds it stands.
func (x *extractor) spot(v cue.Value, path string, around spot, known *node) spot {
	if known != nil {
		return known.at
	}
	if s, ok := x.dynamic.spots[path]; ok {
		return s
	}
	if p := v.Pos(); p.IsValid() {
		if src := x.dynamic.srcs[p.Filename()]; src != nil {
			return at(src, p)
		}
	}
	return around
}

func (x *extractor) value(v cue.Value, path string, around spot, known *node) *node {
	v, _ = v.Default()
	n := &node{kind: badNode, at: x.spot(v, path, around, known)}
	if v.IncompleteKind() == cue.BottomKind {
		return n
	}
	if !v.IsConcrete() {
		if !x.lenient {
			x.report(Problem{Pos: n.at.pos(), Code: notConcrete.id, Path: path, Message: "has no value", Value: shorten(fmt.Sprint(v)), Advice: "give it one value"})
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
		x.structure(n, v, path, known)
	case cue.ListKind:
		x.list(n, v, path, known)
	}
	return n
}

func (x *extractor) structure(n *node, v cue.Value, path string, known *node) {
	it, err := v.Fields()
	if err != nil {
		return
	}
	n.kind = structNode
	for it.Next() {
		name := it.Selector().Unquoted()
		below := join(path, name)
		var have field
		if f := known.get(name); f != nil {
			have = *f
		}
		value := x.value(it.Value(), below, n.at, have.value)
		n.fields = append(n.fields, field{name: name, at: x.keySpot(below, value, have.at), value: value})
	}
}

func (x *extractor) list(n *node, v cue.Value, path string, known *node) {
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

// explain reports what CUE found wrong: in the words of the schema where the value itself is wrong, and in CUE's where it is not that simple.
func (l *loader) explain() {
	e := l.evaluated
	if e == nil {
		return
	}
	wrong := map[Pos]bool{}
	for _, key := range keysOf(l.mapped) {
		n := len(l.problems)
		l.lintMapping(l.mapped[key])
		l.mapped[key].broken = len(l.problems) > n
		for _, p := range l.problems[n:] {
			wrong[p.Pos] = true
		}
	}
	if len(e.errs) == 0 {
		return
	}
	own := l.rawProblems(e)
	l.problems = append(l.problems, own...)
	said := map[string]bool{}
	for _, p := range l.problems {
		said[p.Path] = true
	}
	for _, err := range e.errs {
		path := cuePath(err.Path())
		if covered(path, said) || slices.ContainsFunc(l.positions(err), func(p Pos) bool { return wrong[p] }) {
			continue
		}
		said[path] = true
		if path == "" && len(l.positions(err)) == 0 && len(l.problems) > 0 {
			continue // a consequence of what was said
		}
		p := Problem{Pos: l.positionOf(err, path), Code: cueError.id, Path: path, Message: scrub(message(err))}
		if secretPath(path) {
			p.Code, p.Message, p.Advice = secretLiteral.id, "is not a reference to a secret", secretLiteral.advice
		}
		l.report(p)
	}
}

// rawProblems checks what people wrote, before the schema was unified with it, against the compiled schema.
func (l *loader) rawProblems(e *evaluation) Problems {
	var own Problems
	if !e.raw.Exists() {
		return nil
	}
	for _, kind := range l.schema.order {
		v := e.raw.LookupPath(cue.MakePath(cue.Str(kind)))
		if !v.Exists() {
			continue
		}
		if kind == "mappings" {
			for _, key := range keysOf(l.mapped) {
				m := v.LookupPath(cue.MakePath(cue.Str(key)))
				own = append(own, l.rawMapping(m, key)...)
			}
			continue
		}
		x := &extractor{loader: l, literal: l.literals[kind], lenient: true}
		out := &node{kind: structNode}
		if x.records(out, v, kind) {
			l.schema.roots[kind].rule.check(out, &witness{path: kind, report: func(p Problem) { own = append(own, p) }})
		}
	}
	return own
}

// rawMapping checks the fields of a mapping that are data.
func (l *loader) rawMapping(m cue.Value, key string) (own Problems) {
	for _, name := range []string{"ifEmpty", "examples"} {
		v := m.LookupPath(cue.MakePath(cue.Str(name)))
		if !v.Exists() {
			continue
		}
		x := &extractor{loader: l, lenient: true}
		path := join(join("mappings", key), name)
		n := x.value(v, path, spot{}, nil)
		l.schema.mapping().field(name).rule.check(n, &witness{path: path, report: func(p Problem) { own = append(own, p) }})
	}
	return own
}

// covered reports whether something was said about a path, about what is below it or about what holds it.
func covered(path string, said map[string]bool) bool {
	if path == "" {
		return false
	}
	for other := range said {
		if other == path || strings.HasPrefix(other, path) || other != "" && strings.HasPrefix(path, other) {
			return true
		}
	}
	return false
}

// positionOf finds where in the repository an error of CUE arose.
func (l *loader) positionOf(err errors.Error, path string) Pos {
	if own := l.positions(err); len(own) > 0 {
		return own[0]
	}
	for path != "" {
		if s, ok := l.dynamic.spots[path]; ok {
			return s.pos()
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return Pos{}
}

// positions returns the places in the repository that an error of CUE names.
func (l *loader) positions(err errors.Error) []Pos {
	var own []Pos
	for _, p := range append([]token.Pos{err.Position()}, err.InputPositions()...) {
		if src := l.dynamic.srcs[p.Filename()]; src != nil {
			own = append(own, at(src, p).pos())
		}
	}
	return own
}

// cuePath renders a path of CUE as roster does, without the definitions that it went through.
func cuePath(selectors []string) string {
	path := ""
	for _, s := range selectors {
		if strings.HasPrefix(s, "#") {
			continue
		}
		if name, err := strconv.Unquote(s); err == nil {
			s = name
		}
		if _, err := strconv.Atoi(s); err == nil && path != "" {
			path += "[" + s + "]"
			continue
		}
		path = join(path, s)
	}
	return path
}

// message returns what an error says, without the position.
func message(err errors.Error) string {
	format, args := err.Msg()
	return fmt.Sprintf(format, args...)
}

// secretPath reports whether a path leads to where references to secrets stand.
func secretPath(path string) bool {
	return strings.HasPrefix(path, "provisioners.") && strings.Contains(path, ".auth") || strings.Contains(path, ".signing.") && strings.Contains(path, ".key")
}

// scrub keeps long unbroken strings, which may be tokens, out of CUE's messages.
func scrub(message string) string { return longString.ReplaceAllString(message, `"..."`) }

var longString = regexp.MustCompile(`"[^"\s]{40,}"`)

func shorten(s string) string {
	if len(s) > longest {
		return ""
	}
	return s
}
