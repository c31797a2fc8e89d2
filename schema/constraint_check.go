package schema

import (
	"context"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// checkRecords checks every record against the compiled schema and adds defaults. The first check
// only decides. A rejected record is checked again to collect its problems, and CUE confirms the
// rejection.
func (l *loader) checkRecords(ctx context.Context) {
	rejected := map[string]map[string]Problems{}
	collected := 0
	for _, kind := range l.schema.order {
		root := l.schema.roots[kind]
		have := l.root.get(kind)
		switch {
		case kind == "mappings":
		case have == nil && root.defaultValue != nil:
			value := root.defaultValue.copy(position{})
			l.root.fields = append(l.root.fields, field{name: kind, value: value})
		case have == nil:
		case have.value.kind != structNode || root.defaultValue.kind != structNode:
			valid := root.rule.check(have.value, &problemCollector{path: kind, add: l.report})
			if !valid && root.defaultValue.kind == structNode {
				l.dynamic.failed = true // references to its records would be reported as unknown
			}
		default:
			for i := range have.value.fields {
				if collected >= l.limits.problems { // one more would not be listed
					l.omitted++
					break
				}
				if found := checkRecord(root.rule.(*structRule), &have.value.fields[i], kind); len(found) > 0 {
					if rejected[kind] == nil {
						rejected[kind] = map[string]Problems{}
					}
					rejected[kind][have.value.fields[i].name] = found
					collected += len(found)
				}
			}
		}
	}
	l.confirm(ctx, rejected)
}

func (l *loader) attributeTypes() map[string]*node {
	out := map[string]*node{}
	if n := l.root.child("attributeTypes"); n != nil {
		for _, f := range n.fields {
			out[f.name] = f.value
		}
	}
	return out
}

// checkRecord checks one record of a kind, and its key.
func checkRecord(records *structRule, f *field, kind string) Problems {
	single := &node{kind: structNode, at: f.at, fields: []field{*f}}
	if records.check(single, nil) {
		return nil
	}
	var found Problems
	records.check(single, &problemCollector{path: kind, add: func(p Problem) {
		if p.Code == badLength.id && kind == "provisioners" && p.Path == joinPath(joinPath(kind, f.name), "groups") {
			p.Code, p.Message, p.Advice = emptyGroups.id, "the list of groups is empty", emptyGroups.advice
		}
		found = append(found, p)
	}})
	return found
}

// CUE confirms at most maxConfirmed rejected records, with at most maxConfirmedValues values. A
// record takes a quarter of a millisecond. The time for a list grows with the square of its length.
const (
	maxConfirmed       = 200
	maxConfirmedValues = 5000
)

// confirm evaluates rejected records with CUE, and reports only those that CUE rejects too.
func (l *loader) confirm(ctx context.Context, rejected map[string]map[string]Problems) {
	file := &ast.File{Filename: "literals.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	add := func(kind, key string, n *node) {
		record := &ast.Field{Label: ast.NewString(key), Value: n.syntax()}
		records := &ast.StructLit{Elts: []ast.Decl{record}}
		file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(kind), Value: records})
	}
	count, values := 0, 0
	lookup := &validator{loader: l, records: map[string]map[string]*node{}}
	for _, kind := range l.schema.order {
		for _, key := range slices.Sorted(maps.Keys(rejected[kind])) {
			n := lookup.node(kind, key)
			size := 0
			if n != nil {
				size = n.size()
			}
			if n != nil && count < maxConfirmed && values+size <= maxConfirmedValues && !n.hasInvalid() {
				count, values = count+1, values+size
				add(kind, key, n)
				continue
			}
			l.reportAll(rejected[kind][key])
			delete(rejected[kind], key)
		}
	}
	if count == 0 {
		return
	}
	for name, n := range l.attributeTypes() {
		if !n.hasInvalid() && rejected["attributeTypes"][name] == nil {
			add("attributeTypes", name, n)
		}
	}
	done := make(chan *evaluation, 1)
	go func() { done <- evaluateSafely([]*ast.File{file}) }()
	var e *evaluation
	select {
	case e = <-done:
	case <-ctx.Done():
	}
	for kind, records := range rejected {
		for key, found := range records {
			if e != nil && e.panicked == nil && e.accepts(kind, key) {
				continue
			}
			l.reportAll(found)
		}
	}
}

// accepts reports whether CUE accepts a record.
func (e *evaluation) accepts(kind, key string) bool {
	if !e.full.Exists() {
		return false
	}
	v := e.full.LookupPath(cue.MakePath(cue.Str(kind), cue.Str(key)))
	if !v.Exists() || v.Validate(cue.Concrete(true), cue.Final()) != nil {
		return false
	}
	for _, err := range e.errs {
		if path := cuePath(err.Path()); path == "" || strings.HasPrefix(path, joinPath(kind, key)) {
			return false
		}
	}
	return true
}

// size is the number of values in n.
func (n *node) size() int {
	size := 1
	for _, f := range n.fields {
		size += f.value.size()
	}
	return size
}

// hasInvalid reports whether n has a value that CUE could not evaluate.
func (n *node) hasInvalid() bool {
	if n.kind == invalidNode {
		return true
	}
	for _, f := range n.fields {
		if f.value.hasInvalid() {
			return true
		}
	}
	return false
}
