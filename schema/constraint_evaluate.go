package schema

import (
	"context"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// evaluation is the result of CUE for the dynamic declarations.
type evaluation struct {
	// raw has no constraints on records.
	raw cue.Value
	// full has all constraints.
	full cue.Value
	errs []errors.Error
	// incomplete are the expressions that have no value, because what they refer to has none. CUE
	// leaves such a field out: a group would lose its members.
	incomplete []errors.Error
	// panicked is set if CUE panicked.
	panicked error
}

// evaluate evaluates the dynamic declarations with CUE, and merges the results with the literal
// records into l.root.
//
// The context limits how long Load waits. CUE cannot be interrupted: after a timeout the evaluation
// continues in its goroutine and its result is dropped.
func (l *loader) evaluate(ctx context.Context) error {
	l.root = &tree.Node{Kind: tree.Struct}
	literals, hasRecords := l.literalsForCUE()
	if len(l.dynamic.Files) > 0 && hasRecords && !l.guard.allowsData() {
		return l.guard.err
	}
	var e *evaluation
	if len(l.dynamic.Files) > 0 && !l.dynamic.Failed {
		done := make(chan *evaluation, 1)
		files := append(l.dynamic.Files, literals)
		go func() { done <- evaluateSafely(files) }()
		select {
		case e = <-done:
			if e.panicked != nil {
				return e.panicked
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, name := range l.schema.order {
		l.mergeRecords(name, e)
	}
	for name, n := range l.attributeTypes() {
		l.schema.types[name] = n.Child("type").Str()
	}
	l.evaluated = e
	return nil
}

// evaluateSafely returns a panic of CUE as an error.
func evaluateSafely(files []*ast.File) (e *evaluation) {
	defer func() {
		if failed := tree.Recovered(recover()); failed != nil {
			e = &evaluation{panicked: failed}
		}
	}()
	return evaluateCUE(files)
}

// literalsForCUE returns a file with the literal records that CUE must evaluate too. It always
// includes the custom attributes. hasRecords is set if the file has users or groups.
func (l *loader) literalsForCUE() (file *ast.File, hasRecords bool) {
	file = &ast.File{Filename: "literals.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	for _, kind := range slices.Sorted(maps.Keys(l.literals)) {
		for _, f := range l.literals[kind].Node.Fields {
			switch {
			case kind == "":
				if l.dynamic.Includes(f.Name, "") {
					file.Decls = append(file.Decls,
						&ast.Field{Label: ast.NewIdent(f.Name), Value: source.Syntax(f.Value)})
				}
			case kind == "attributeTypes" || l.dynamic.Includes(kind, f.Name):
				record := &ast.Field{Label: ast.NewString(f.Name), Value: source.Syntax(f.Value)}
				records := &ast.StructLit{Elts: []ast.Decl{record}}
				file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(kind), Value: records})
				hasRecords = hasRecords || kind == "users" || kind == "groups"
			}
		}
	}
	return file, hasRecords
}

// evaluateCUE builds and validates an instance in a CUE context of its own.
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
	e.incomplete = incompleteIn(e.full)
	return e
}

// incompleteIn returns the expressions without a value in the records, except of mappings, whose
// input is never concrete.
func incompleteIn(full cue.Value) (out []errors.Error) {
	it, err := full.Fields()
	if err != nil {
		return nil
	}
	for it.Next() {
		if it.Selector().Unquoted() == "mappings" || it.Value().Validate(cue.Concrete(false)) != nil {
			continue // an error of the value is in errs
		}
		for _, err := range errors.Errors(it.Value().Validate(cue.Concrete(true))) {
			message := source.CUEMessage(err)
			// The compiled schema or the extraction of values reports them.
			if message != "field is required but not present" && !strings.HasPrefix(message, "incomplete value ") {
				out = append(out, err)
			}
		}
	}
	return out
}

// buildInstance builds a package from schema.cue and some files. Without constraints, schema.cue is
// reduced to its definitions and attributeTypes.
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
	root, err := parser.ParseFile(source.SchemaFile, schemaText(source.SchemaFile))
	if err != nil {
		return cue.Value{}, err
	}
	if !constraints {
		root.Decls = slices.DeleteFunc(root.Decls, func(d ast.Decl) bool {
			name, _, ok := source.PlainField(d)
			return ok && name != "attributeTypes"
		})
	}
	for _, f := range append([]*ast.File{root}, files...) {
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
	// An error at the top, such as an unknown reference, leaves no value. Validation finds the
	// errors in fields.
	if !v.Exists() || v.IncompleteKind() != cue.StructKind {
		return v, v.Err()
	}
	return v, nil
}

// mergeRecords adds the literal and the evaluated records of a kind to the root.
func (l *loader) mergeRecords(name string, e *evaluation) {
	if have := l.literals[""]; have != nil {
		if f := have.Node.Get(name); f != nil && !l.dynamic.Includes(name, "") {
			l.root.Fields = append(l.root.Fields, *f)
			return
		}
	}
	out := &tree.Node{Kind: tree.Struct}
	literal := l.literals[name]
	if literal != nil {
		out.At = literal.Node.At
		out.Fields = make([]tree.Field, 0, len(literal.Node.Fields))
		for _, f := range literal.Node.Fields {
			if !l.dynamic.Includes(name, f.Name) {
				out.Fields = append(out.Fields, f)
			}
		}
	}
	if e != nil && name != "mappings" {
		if v := e.full.LookupPath(cue.MakePath(cue.Str(name))); v.Exists() {
			x := &extractor{loader: l, literal: literal}
			if !x.records(out, v, name) {
				out = x.value(v, name, tree.Position{}, nil)
			}
		}
	}
	if out.Kind != tree.Struct || len(out.Fields) > 0 {
		l.root.Fields = append(l.root.Fields, tree.Field{Name: name, At: out.At, Value: out})
	}
}
