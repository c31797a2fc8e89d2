package constraint

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

// Input has the declarations that the fast path has not accepted.
type Input struct {
	// Literals are literal records, by kind.
	Literals source.Literals
	// Dynamic are the declarations that CUE must evaluate.
	Dynamic *source.Dynamic
}

// Evaluation is the result of CUE for the dynamic declarations.
type Evaluation struct {
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

// Evaluate evaluates the dynamic declarations with CUE. It returns nil if there is nothing to
// evaluate. Before CUE evaluates users or groups, it calls allowed; an error of it is the result.
//
// The context limits how long Evaluate waits. CUE cannot be interrupted: after a timeout the
// evaluation continues in its goroutine and its result is dropped.
func (s *Schema) Evaluate(ctx context.Context, in Input, allowed func() error) (*Evaluation, error) {
	if len(in.Dynamic.Files) == 0 {
		return nil, nil
	}
	literals, hasRecords := in.literalsForCUE()
	if hasRecords {
		if err := allowed(); err != nil {
			return nil, err
		}
	}
	if in.Dynamic.Failed {
		return nil, nil
	}
	done := make(chan *Evaluation, 1)
	files := append(in.Dynamic.Files, literals)
	go func() { done <- s.evaluateSafely(files) }()
	select {
	case e := <-done:
		return e, e.panicked
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Merge returns all records of the input, by kind: the literal ones, and those that CUE evaluated.
// It sets the types of the custom attributes.
func (s *Schema) Merge(in Input, e *Evaluation) (records *tree.Node, found tree.Findings) {
	records = &tree.Node{Kind: tree.Struct}
	for _, kind := range s.kinds {
		if f, ok := in.records(kind, e, &found); ok {
			records.Fields = append(records.Fields, f)
		}
	}
	for name, n := range AttributeTypes(records) {
		s.types[name] = n.Child("type").Str()
	}
	return records, found
}

// Mappings iterates over the mappings and their values.
func (e *Evaluation) Mappings(yield func(key string, v cue.Value) bool) {
	if e == nil || !e.full.Exists() {
		return
	}
	it, err := e.full.LookupPath(cue.ParsePath("mappings")).Fields()
	for err == nil && it.Next() {
		if !yield(it.Selector().Unquoted(), it.Value()) {
			return
		}
	}
}

// evaluateSafely returns a panic of CUE as an error.
func (s *Schema) evaluateSafely(files []*ast.File) (e *Evaluation) {
	defer func() {
		if failed := tree.Recovered(recover()); failed != nil {
			e = &Evaluation{panicked: failed}
		}
	}()
	return s.evaluateCUE(files)
}

// literalsForCUE returns a file with the literal records that CUE must evaluate too. It always
// includes the custom attributes. hasRecords is set if the file has users or groups.
func (in Input) literalsForCUE() (file *ast.File, hasRecords bool) {
	file = &ast.File{Filename: "literals.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	for _, kind := range slices.Sorted(maps.Keys(in.Literals)) {
		for _, f := range in.Literals[kind].Node.Fields {
			switch {
			case kind == "":
				if in.Dynamic.Includes(f.Name, "") {
					file.Decls = append(file.Decls,
						&ast.Field{Label: ast.NewIdent(f.Name), Value: source.Syntax(f.Value)})
				}
			case kind == "attributeTypes" || in.Dynamic.Includes(kind, f.Name):
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
func (s *Schema) evaluateCUE(files []*ast.File) *Evaluation {
	ctx := cuecontext.New()
	raw, err := buildPackage(ctx, s.text, false, files)
	if err != nil {
		return &Evaluation{errs: errors.Errors(err)}
	}
	schema, err := buildPackage(ctx, s.text, true, nil)
	if err != nil {
		return &Evaluation{errs: errors.Errors(err)}
	}
	e := &Evaluation{raw: raw, full: raw.Unify(schema)}
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

// buildPackage builds a package from schema.cue and some files. Without constraints, schema.cue is
// reduced to its definitions and attributeTypes.
func buildPackage(ctx *cue.Context, t source.SchemaText, constraints bool, files []*ast.File) (cue.Value, error) {
	var bctx *build.Context
	bctx = build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		if path != source.SchemaImportPath {
			return nil
		}
		inst := bctx.NewInstance(source.SchemaImportPath, nil)
		inst.ImportPath = source.SchemaImportPath
		definitions, err := parser.ParseFile("declarations.cue", t.Definitions)
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
	root, err := parser.ParseFile(source.SchemaFile, t.Root)
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

// records returns the literal and the evaluated records of a kind. It returns false if there are
// none.
func (in Input) records(name string, e *Evaluation, found *tree.Findings) (tree.Field, bool) {
	if have := in.Literals[""]; have != nil {
		if f := have.Node.Get(name); f != nil && !in.Dynamic.Includes(name, "") {
			return *f, true
		}
	}
	out := &tree.Node{Kind: tree.Struct}
	literal := in.Literals[name]
	if literal != nil {
		out.At = literal.Node.At
		out.Fields = make([]tree.Field, 0, len(literal.Node.Fields))
		for _, f := range literal.Node.Fields {
			if !in.Dynamic.Includes(name, f.Name) {
				out.Fields = append(out.Fields, f)
			}
		}
	}
	if e != nil && name != "mappings" {
		if v := e.full.LookupPath(cue.MakePath(cue.Str(name))); v.Exists() {
			x := &extractor{dynamic: in.Dynamic, found: found, literal: literal}
			if !x.records(out, v, name) {
				out = x.value(v, name, tree.Position{}, nil)
			}
		}
	}
	return tree.Field{Name: name, At: out.At, Value: out}, out.Kind != tree.Struct || len(out.Fields) > 0
}
