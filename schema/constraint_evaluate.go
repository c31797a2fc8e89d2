package schema

import (
	"context"
	"fmt"
	"maps"
	"slices"

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
	moved := l.literalsForCUE()
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
		l.mergeRecords(name, e)
	}
	for name, n := range l.attributeTypes() {
		l.schema.types[name] = n.child("type").string()
	}
	l.evaluated = e
}

// moved returns the literal records that must be evaluated as well, as a file. The custom attributes always are.
func (l *loader) literalsForCUE() *ast.File {
	file := &ast.File{Filename: "literals.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	for _, kind := range slices.Sorted(maps.Keys(l.literals)) {
		for _, f := range l.literals[kind].n.fields {
			switch {
			case kind == "":
				if l.dynamic.includes(f.name, "") {
					file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(f.name), Value: f.value.syntax()})
				}
			case kind == "attributeTypes" || l.dynamic.includes(kind, f.name):
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
			name, _, ok := plainField(d)
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
func (l *loader) mergeRecords(name string, e *evaluation) {
	if have := l.literals[""]; have != nil {
		if f := have.n.get(name); f != nil && !l.dynamic.includes(name, "") {
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
			if !l.dynamic.includes(name, f.name) {
				out.fields = append(out.fields, f)
			}
		}
	}
	if e != nil && name != "mappings" {
		if v := e.full.LookupPath(cue.MakePath(cue.Str(name))); v.Exists() {
			x := &extractor{loader: l, literal: literal}
			if !x.records(out, v, name) {
				out = x.value(v, name, position{}, nil)
			}
		}
	}
	if out.kind != structNode || len(out.fields) > 0 {
		l.root.fields = append(l.root.fields, field{name: name, at: out.at, value: out})
	}
}
