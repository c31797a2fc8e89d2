package schema

import (
	"cmp"
	"context"
	"io/fs"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/records"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// load is the pipeline from files to declarations: scan, read, evaluate, merge, check, compile the
// mappings, bind, relate, conclude. Each step takes values of earlier steps and returns values with
// its findings. Only an error that says nothing about the declarations ends it before all steps.
func load(
	ctx context.Context, fsys fs.FS, limits source.Limits, cache *Cache, o Options,
) (*Declarations, error) {
	schema, err := compileSchema()
	if err != nil {
		return nil, err
	}
	files, err := scan(ctx, fsys, limits.FileLimits, cache)
	if err != nil {
		return nil, err
	}
	guard, err := newCUEGuard(fsys, files, o.Verified)
	if err != nil {
		return nil, err
	}
	defer guard.finish()
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
	if err := cmp.Or(err, context.Cause(ctx)); err != nil {
		return nil, err
	}
	all, merged := schema.Merge(read.Input, evaluated)
	checked, failed := schema.Check(timeout, all)
	lint := mapping.NewLint(schema, read.Dynamic)
	found := tree.Join(fileFindings(files, o.RequireFiles), read.Findings, merged, checked,
		constraint.CheckTexts(all), lint.Findings)
	found.Add(schema.Explain(read.Input, evaluated, found.Problems, lint.Positions))
	mappings, compiled := mapping.Compile(mapping.Input{
		Schema: schema, Dynamic: read.Dynamic, Evaluated: evaluated, Lint: lint, Records: all, Allowed: guard.checkData,
	})
	read.Release() // all has what the next steps need
	d, bound := bind(all, read.Principals, mappings)
	found = tree.Join(found, compiled, bound)
	var related relations
	if !failed && !read.Dynamic.Failed && relationsCanBeChecked(found.Problems) {
		related = relate(d, cache.previous, schema, read, all, fsys)
	}
	found = redact(tree.Join(found, related.Findings), mapping.SecretAttributes(constraint.AttributeTypes(all)))
	d.Warnings = listWarnings(found)
	cache.previous = related.next
	if err := cmp.Or(related.unread, guard.refusal(), listProblems(found)); err != nil {
		cache.previous = previousLoad{}
		return nil, WithWarnings(err, d.Warnings)
	}
	return d, nil
}
