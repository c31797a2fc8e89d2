package schema

import (
	"context"
	"io/fs"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/records"
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

// load reads and evaluates the files, and assembles the declarations. Each step takes the values of
// earlier steps.
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
	scanner := source.Scanner{
		FS: fsys, Limits: limits.FileLimits, Size: cache.records.Size(fsys),
		OwnSchema: ownSchemaFile(), Mark: generated,
	}
	files, err := scanner.Scan(ctx)
	if err != nil {
		return nil, err
	}
	guard := newCUEGuard(fsys, files, o.Verified)
	defer guard.finish()
	if err := guard.checkCode(); err != nil {
		return nil, err
	}
	read, err := records.Read(records.Input{
		FS: fsys, Files: files, Limits: limits, Schema: schema, Cache: &cache.records,
	})
	if err != nil {
		return nil, err
	}
	limit := time.Duration(limits.EvalMillis) * time.Millisecond
	timeout, cancel := context.WithTimeoutCause(ctx, limit, &TimeoutError{limit})
	defer cancel()
	evaluated, err := schema.Evaluate(timeout, read.Input, guard.checkData)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	found := fileFindings(files, o.RequireFiles)
	found.Add(read.Findings)
	result := assemble(timeout, assembly{fsys, schema, read, evaluated, guard, &cache.previous}, found)
	return result.conclude(cache, guard)
}

// assembly has what declarations are assembled from.
type assembly struct {
	fs        fs.FS
	schema    *constraint.Schema
	read      *records.Records
	evaluated *constraint.Evaluation
	guard     *cueGuard
	previous  *previousLoad
}

// assembled are the declarations with all findings.
type assembled struct {
	tree.Findings
	declarations *Declarations
	// secret are the attributes with `redact: true`.
	secret map[string]bool
	// next is what the next Load needs if there are no problems.
	next previousLoad
	// unread is why a file that declarations name could not be read. The declarations may be valid.
	unread error
}

// assemble checks the records, compiles the mappings, binds all to declarations, and checks the
// relations between them.
func assemble(ctx context.Context, in assembly, found tree.Findings) assembled {
	all, merged := in.schema.Merge(in.read.Input, in.evaluated)
	found.Add(merged)
	checked, failed := in.schema.Check(ctx, all)
	found.Add(checked)
	found.Add(constraint.CheckTexts(all))
	var lint mapping.Lint
	if in.evaluated != nil {
		lint = mapping.NewLint(in.schema, in.read.Dynamic.Mappings)
	}
	found.Add(lint.Findings)
	found.Add(in.schema.Explain(in.read.Input, in.evaluated, found.Problems, lint.Positions))
	mappings, compiled := mapping.Compile(mapping.Input{
		Schema: in.schema, Dynamic: in.read.Dynamic, Evaluated: in.evaluated, Lint: lint, Records: all,
		Allowed: in.guard.checkData,
	})
	found.Add(compiled)
	in.read.Release() // the records of all have what is needed
	in.evaluated = nil
	d, bound := bind(all, in.read.Principals, mappings)
	found.Add(bound)
	out := assembled{declarations: d, secret: mapping.SecretAttributes(constraint.AttributeTypes(all))}
	if !failed && !in.read.Dynamic.Failed && relationsCanBeChecked(found.Problems) {
		earlier := in.previous.compare(d, in.read)
		related := validate.Check(relations(in, d, all, earlier))
		found.Add(related.Findings)
		for ref, content := range related.Ciphertexts {
			ref.Ciphertext = content
		}
		out.unread = related.Unread
		out.next = in.previous.next(d, in.read, earlier, related.State)
	}
	out.Findings = found
	return out
}

// conclude returns the declarations, or the problems.
func (a assembled) conclude(cache *Cache, guard *cueGuard) (*Declarations, error) {
	if a.unread != nil {
		return nil, a.unread
	}
	cache.previous = previousLoad{}
	switch {
	case guard.refused():
		return nil, guard.err
	case len(a.Problems) > 0:
		return nil, listProblems(a.Findings, a.secret)
	}
	cache.previous = a.next
	redactProblems(a.Warnings, a.secret)
	a.Warnings.Sort()
	a.declarations.Warnings = slices.Compact(a.Warnings)
	return a.declarations, nil
}
