package schema

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
	"github.com/seed-d64a251c/roster/schema/internal/validate"
)

// Load reads the declarations below fsys. Every .cue file is part of one configuration. Files
// ending in .yaml, .yml, .json, .jsonl and .csv below users/ and groups/ are data. Load skips
// hidden files and folders, and cue.mod.
//
// The error is a Problems with all problems, sorted, or an error of reading fsys. Load uses no
// clock, no environment and no file outside fsys.
func Load(fsys fs.FS) (*Declarations, error) {
	return Options{}.Load(context.Background(), fsys)
}

// Options are how declarations are loaded. The zero value is that of the function Load.
type Options struct {
	Limits source.FileLimits
	// Cache, if set, has the results of earlier Loads.
	Cache *Cache
	// RequireFiles rejects a tree without any file that roster reads, such as that of a commit from
	// before the first declarations.
	RequireFiles bool
	// Verified, if set, reports whether CUE may evaluate an input in this process. The argument is
	// a digest of the input. If it returns false, the error of Load is an *UnverifiedError.
	Verified func(digest string) bool
}

// Load has the same result as the function Load. If the context ends, the error is its cause. A
// panic while loading is a *tree.PanicError.
func (o Options) Load(ctx context.Context, fsys fs.FS) (*Declarations, error) {
	l, cache := source.StandardLimits(), o.Cache
	l.FileLimits = o.Limits.OrStandard()
	if cache == nil {
		cache = &Cache{}
	}
	cache.mu.Lock()
	defer cache.mu.Unlock()
	return load(ctx, fsys, l, cache, o)
}

// loader is the state of one Load.
type loader struct {
	limits source.Limits
	schema *constraint.Schema
	tree.Findings
	fsys  fs.FS
	cache *Cache

	// types are the custom attributes that are declared as literal data.
	types map[string]string
	// mixed are the CUE files that have more than users and groups.
	mixed []*sourceFile
	// accepted are the users and groups of the fast path. If it is nil, all take the slow path.
	accepted *accepted
	// literals are the literal records on the slow path, by kind.
	literals source.Literals
	// dynamic are the declarations that CUE must evaluate.
	dynamic *source.Dynamic
	// root has all records of the slow path, checked and with defaults.
	root *tree.Node
	// guard decides what CUE may evaluate. It is nil if CUE may evaluate everything.
	guard *cueGuard
}

func load(
	ctx context.Context, fsys fs.FS, limits source.Limits, cache *Cache, o Options,
) (d *Declarations, err error) {
	defer func() {
		if failed := tree.Recovered(recover()); failed != nil {
			cache.reset()
			d, err = nil, failed
		}
	}()
	schema, err := constraint.Compile(schemaText())
	if err != nil {
		return nil, err
	}
	l := &loader{
		limits: limits, schema: schema, fsys: fsys, cache: cache,
		literals: source.Literals{}, dynamic: source.NewDynamic(),
	}
	scan := &source.Scanner{
		FS: fsys, Limits: limits.FileLimits, Size: l.size, OwnSchema: ownSchemaFile(), Mark: generated,
	}
	files, err := scan.Scan(ctx)
	if err != nil {
		return nil, err
	}
	l.ReportAll(files.Problems)
	if o.RequireFiles && len(files.CUE)+len(files.Data)+len(files.Problems) == 0 {
		l.Report(tree.NothingDeclared.Problem(tree.Pos{}, "",
			"there is no .cue file, and no data file below users/ or groups/"))
	}
	l.Warnings = files.Warnings
	if l.guard = newCUEGuard(fsys, files, o.Verified); l.guard != nil {
		defer l.guard.finish()
		if !l.guard.allowsCode() {
			return nil, l.guard.err
		}
	}
	return l.load(ctx, files)
}

// load loads the files. It returns an *UnverifiedError if the guard has refused to run CUE.
func (l *loader) load(ctx context.Context, files *source.Files) (*Declarations, error) {
	if err := l.readFiles(files); err != nil {
		return nil, err
	}
	limit := time.Duration(l.limits.EvalMillis) * time.Millisecond
	timeout, cancel := context.WithTimeoutCause(ctx, limit, &TimeoutError{limit})
	defer cancel()
	in := constraint.Input{Literals: l.literals, Dynamic: l.dynamic}
	evaluated, err := l.schema.Evaluate(timeout, in, l.guard.checkData)
	if err != nil {
		return nil, err
	}
	records, found := l.schema.Merge(in, evaluated)
	l.root = records
	l.Add(found)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	found, failed := l.schema.Check(timeout, l.root)
	l.Add(found)
	l.dynamic.Failed = l.dynamic.Failed || failed
	l.Add(constraint.CheckTexts(l.root))
	var lint mapping.Lint
	if evaluated != nil {
		lint = mapping.NewLint(l.schema, l.dynamic.Mappings)
	}
	l.Add(lint.Findings)
	l.Add(l.schema.Explain(in, evaluated, l.Problems, lint.Positions))
	mappings, found := mapping.Compile(mapping.Input{
		Schema: l.schema, Dynamic: l.dynamic, Evaluated: evaluated, Lint: lint, Records: l.root,
		Allowed: l.guard.checkData,
	})
	l.Add(found)
	mappingInputs := l.mappingInputs()
	l.literals, l.dynamic.Files = nil, nil // root has all that is needed
	d := l.bind(mappings)
	var earlier *validate.Earlier
	var checked validate.Output
	if !l.dynamic.Failed && relationsCanBeChecked(l.Problems) {
		earlier = l.cache.previous.compare(d, l.accepted, mappingInputs)
		checked = validate.Check(l.relations(d, earlier))
	}
	l.Add(checked.Findings)
	for ref, content := range checked.Ciphertexts {
		ref.Ciphertext = content
	}
	if checked.Unread != nil {
		return nil, checked.Unread
	}
	if l.guard.refused() {
		l.cache.previous = previousLoad{}
		return nil, l.guard.err
	}
	if len(l.Problems) > 0 {
		l.cache.previous = previousLoad{}
		return nil, l.sortedProblems()
	}
	l.cache.previous = l.cache.previous.next(d, l.accepted, earlier, mappingInputs, checked.State)
	redactProblems(l.Warnings, l.secret())
	l.Warnings.Sort()
	d.Warnings = slices.Compact(l.Warnings)
	return d, nil
}

// relationsCanBeChecked reports whether all files could be read and evaluated. The declarations of
// any other file would be reported as missing.
func relationsCanBeChecked(found tree.Problems) bool {
	return !slices.ContainsFunc(found, func(p tree.Problem) bool {
		return p.Code == tree.SyntaxError.ID || p.Code == tree.WrongPackage.ID || p.Code == tree.CUEError.ID
	})
}

// relations returns the input of the checks across declarations.
func (l *loader) relations(d *Declarations, earlier *validate.Earlier) validate.Input {
	in := validate.Input{
		Principals: d.principals(), Timezone: d.Timezone, AttributeTypes: d.AttributeTypes, Mappings: d.Mappings,
		Apps: d.Apps, Provisioners: d.Provisioners, Assertions: d.Assertions, Approvals: d.Approvals,
		Kinds: l.schema.Kinds(), Catalog: mapping.NewCatalog(l.schema), Records: l.root, Reread: l.reread, FS: l.fsys,
		Earlier: earlier,
	}
	if x := &l.cache.users; l.accepted != nil && l.accepted.userSet != nil {
		in.Index = &validate.Index{Keys: &x.keys, Emails: &x.emails, UserIDs: &x.userIDs, Renamed: x.renamed}
	}
	return in
}

// reread reads the literal records of an accepted file again, because the result of the fast path
// has no positions of values.
func (l *loader) reread(file string) source.Literals {
	again := &loader{limits: l.limits, schema: l.schema, types: l.types, dynamic: source.NewDynamic(),
		literals: source.Literals{}}
	if text, err := fs.ReadFile(l.fsys, file); err != nil {
		// The file was read before. Without it the positions are less exact.
	} else if strings.EqualFold(path.Ext(file), ".cue") {
		records, _ := again.readCUE(&tree.File{Path: file}, text)
		for _, r := range records {
			again.record(r)
		}
	} else {
		again.readData(&tree.File{Path: file}, text)
	}
	return again.literals
}

// sortedProblems returns the problems, sorted and without duplicates.
func (l *loader) sortedProblems() tree.Problems {
	redactProblems(l.Problems, l.secret())
	l.Problems.Sort()
	out := dropConsequences(slices.Compact(l.Problems))
	if l.Omitted > 0 {
		out = append(out, tree.TooLarge.Problem(tree.Pos{}, "",
			fmt.Sprintf("there are more problems than the %d listed",
				len(out))).WithAdvice("correct these first"))
	}
	return out
}

// secret returns the attributes with `redact: true`.
func (l *loader) secret() map[string]bool {
	return mapping.SecretAttributes(constraint.AttributeTypes(l.root))
}

// record adds a literal record. It skips accepted records.
func (l *loader) record(r source.Record) {
	if l.accepted != nil && (r.Kind == "users" || r.Kind == "groups") &&
		!l.accepted.slowPath[recordKey{r.Kind, r.Name}] {
		return
	}
	l.literals.Add(r, l.Report)
}

// ReadCUE reads a CUE file and adds the part that is neither a user nor a group.
func (l *loader) readCUE(ref *tree.File, text []byte) (records []source.Record, mixed bool) {
	f := source.ReadCUE(ref, text, l.schema.Kinds(), l.limits)
	l.ReportAll(f.Problems)
	for _, r := range f.Literals {
		l.record(r)
	}
	l.dynamic.Merge(f.Dynamic)
	return f.Records, f.Mixed
}

// bind converts the checked nodes to Declarations. It converts invalid records as far as possible,
// so that the checks across declarations still run.
func (l *loader) bind(mappings map[string]*Mapping) *Declarations {
	d := &Declarations{
		Timezone:       time.UTC,
		AttributeTypes: map[string]*AttributeType{}, Users: map[string]*User{}, Groups: map[string]*Group{},
		Mappings: mappings, Apps: map[string]*App{}, Provisioners: map[string]*Provisioner{},
		Assertions: map[string]*Assertion{}, Approvals: map[string]*Approval{},
	}
	zone := declaration.NewBinder(time.UTC)
	if n := l.root.Child("timezone"); n != nil {
		d.Timezone = zone.Timezone(n, "timezone", time.UTC)
	}
	if l.accepted != nil {
		d.Users, d.Groups = l.accepted.users, l.accepted.groups
	}
	b := declaration.NewBinder(d.Timezone)
	bindRecords(l.root, "attributeTypes", d.AttributeTypes, b.AttributeType)
	bindRecords(l.root, "users", d.Users, b.User)
	bindRecords(l.root, "groups", d.Groups, b.Group)
	bindRecords(l.root, "apps", d.Apps, b.App)
	bindRecords(l.root, "provisioners", d.Provisioners, b.Provisioner)
	bindRecords(l.root, "assertions", d.Assertions, b.Assertion)
	bindRecords(l.root, "approvals", d.Approvals, b.Approval)
	l.ReportAll(zone.Problems)
	l.ReportAll(b.Problems)
	return d
}

// bindRecords converts the records of a kind.
func bindRecords[V any](
	root *tree.Node, kind string, into map[string]*V, bind func(key string, at tree.Pos, n *tree.Node) *V,
) {
	if records := root.Child(kind); records != nil && records.Kind == tree.Struct {
		for _, f := range records.Fields {
			into[f.Name] = bind(f.Name, f.At.Pos(), f.Value)
		}
	}
}
