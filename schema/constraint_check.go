package schema

import (
	"context"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// check holds every record against the compiled schema and fills in defaults. The fast way only decides; a record that it refuses is gone through again for
// the reasons, and CUE has the last word on it.
func (l *loader) checkRecords(ctx context.Context) {
	refused := map[string]map[string]Problems{}
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
			if !root.rule.check(have.value, &problemCollector{path: kind, add: l.report}) && root.defaultValue.kind == structNode {
				l.dynamic.failed = true // what it should hold would seem to be missing
			}
		default:
			for i := range have.value.fields {
				if found := checkRecord(root.rule.(*structRule), &have.value.fields[i], kind); len(found) > 0 {
					if refused[kind] == nil {
						refused[kind] = map[string]Problems{}
					}
					refused[kind][have.value.fields[i].name] = found
				}
			}
		}
	}
	l.confirm(ctx, refused)
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
func checkRecord(kind *structRule, f *field, name string) Problems {
	single := &node{kind: structNode, at: f.at, fields: []field{*f}}
	if kind.check(single, nil) {
		return nil
	}
	var found Problems
	kind.check(single, &problemCollector{path: name, add: func(p Problem) {
		if p.Code == badLength.id && name == "provisioners" && p.Path == joinPath(joinPath(name, f.name), "groups") {
			p.Code, p.Message, p.Advice = emptyGroups.id, "the list of groups is empty", emptyGroups.advice
		}
		found = append(found, p)
	}})
	return found
}

// mostConfirmed is for how many refused records CUE is asked. It takes a quarter of a millisecond for each.
const maxConfirmed = 200

// confirm asks CUE about the records that the compiled schema refuses, and reports those that CUE refuses too. One that CUE takes is taken.
func (l *loader) confirm(ctx context.Context, refused map[string]map[string]Problems) {
	file := &ast.File{Filename: "literals.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	add := func(kind, key string, n *node) {
		record := &ast.Field{Label: ast.NewString(key), Value: n.syntax()}
		file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(kind), Value: &ast.StructLit{Elts: []ast.Decl{record}}})
	}
	asked := 0
	find := &validator{loader: l, records: map[string]map[string]*node{}}
	for _, kind := range l.schema.order {
		for _, key := range keysOf(refused[kind]) {
			if n := find.node(kind, key); asked < maxConfirmed && n != nil && !n.hasInvalid() {
				asked++
				add(kind, key, n)
				continue
			}
			l.problems = append(l.problems, refused[kind][key]...)
			delete(refused[kind], key)
		}
	}
	if asked == 0 {
		return
	}
	for name, n := range l.attributeTypes() {
		if !n.hasInvalid() && refused["attributeTypes"][name] == nil {
			add("attributeTypes", name, n)
		}
	}
	done := make(chan *evaluation, 1)
	go func() { done <- evaluateCUE([]*ast.File{file}) }()
	var e *evaluation
	select {
	case e = <-done:
	case <-ctx.Done():
	}
	for kind, records := range refused {
		for key, found := range records {
			if e != nil && e.accepts(kind, key) {
				continue
			}
			l.problems = append(l.problems, found...)
		}
	}
}

// takes reports whether CUE has nothing against a record.
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

// bad reports whether there is something in n that CUE could make no sense of.
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
