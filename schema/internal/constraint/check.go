package constraint

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Check checks every record below root against the compiled schema and adds defaults. The first
// check only decides. A rejected record is checked again to collect its problems, and CUE confirms
// the rejection. The result failed is set if a kind has no records to which others could refer.
func (s *Schema) Check(ctx context.Context, records *tree.Node) (found tree.Findings, failed bool) {
	rejected := map[string]map[string]tree.Problems{}
	collected := 0
	alike := map[string]int{} // rejected records by what all their problems have in common
	for _, kind := range s.kinds {
		root := s.roots[kind]
		have := records.Get(kind)
		switch {
		case kind == "mappings":
		case have == nil && root.defaultValue != nil:
			value := root.defaultValue.Copy(tree.Position{})
			records.Fields = append(records.Fields, tree.Field{Name: kind, Value: value})
		case have == nil:
		case have.Value.Kind != tree.Struct || root.defaultValue.Kind != tree.Struct:
			valid := root.rule.check(have.Value, &problemCollector{path: kind, add: found.Report})
			if !valid && root.defaultValue.Kind == tree.Struct {
				failed = true // references to its records would be reported as unknown
			}
		default:
			for i := range have.Value.Fields {
				if collected >= tree.MaxProblems { // one more would not be listed
					found.Omitted++
					break
				}
				problems := checkRecord(root.rule.(*structRule), &have.Value.Fields[i], kind)
				if len(problems) == 0 || countMistakes(alike, problems, &found) {
					continue
				}
				if rejected[kind] == nil {
					rejected[kind] = map[string]tree.Problems{}
				}
				rejected[kind][have.Value.Fields[i].Name] = problems
				collected += len(problems)
			}
		}
	}
	found.ReportAll(s.confirm(ctx, records, rejected))
	return found, failed
}

// maxAlike is the largest number of records with the same mistakes whose problems are collected.
const maxAlike = 1000

// countMistakes counts the problems of a record, instead of collecting them, if those of maxAlike
// records with the same mistakes were collected. A required field that is missing follows from a
// misspelled one; another problem makes the record different.
func countMistakes(alike map[string]int, problems tree.Problems, found *tree.Findings) bool {
	var mistakes []tree.Mistake
	var all strings.Builder
	misspelled := map[string]bool{} // paths of required fields
	for _, p := range problems {
		if m, ok := p.Mistake(); ok {
			above := tree.PathsAbove(p.Path)
			misspelled[tree.JoinPath(above[len(above)-1], tree.Suggested(p.Advice))] = true
			mistakes = append(mistakes, m)
			fmt.Fprintf(&all, "%q %q\n", m.Field, p.Advice)
		}
	}
	for _, p := range problems {
		_, ok := p.Mistake()
		if !ok && (p.Code != tree.MissingField.ID || !misspelled[p.Path]) {
			return false
		}
	}
	if alike[all.String()]++; alike[all.String()] <= maxAlike {
		return false
	}
	for _, m := range mistakes {
		found.Count(m)
	}
	return true
}

// AttributeTypes returns the declared custom attributes by name.
func AttributeTypes(records *tree.Node) map[string]*tree.Node {
	out := map[string]*tree.Node{}
	if n := records.Child("attributeTypes"); n != nil {
		for _, f := range n.Fields {
			out[f.Name] = f.Value
		}
	}
	return out
}

// checkRecord checks one record of a kind, and its key.
func checkRecord(records *structRule, f *tree.Field, kind string) tree.Problems {
	single := &tree.Node{Kind: tree.Struct, At: f.At, Fields: []tree.Field{*f}}
	if records.check(single, nil) {
		return nil
	}
	var found tree.Problems
	records.check(single, &problemCollector{path: kind, add: func(p tree.Problem) {
		if p.Code == tree.BadLength.ID && kind == "provisioners" &&
			p.Path == tree.JoinPath(tree.JoinPath(kind, f.Name), "groups") {
			p.Code, p.Message, p.Advice = tree.EmptyGroups.ID, "the list of groups is empty", tree.EmptyGroups.Advice
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

// confirm evaluates rejected records with CUE, and returns the problems only of those that CUE
// rejects too.
func (s *Schema) confirm(
	ctx context.Context, all *tree.Node, rejected map[string]map[string]tree.Problems,
) (confirmed tree.Problems) {
	file := &ast.File{Filename: "literals.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	add := func(kind, key string, n *tree.Node) {
		record := &ast.Field{Label: ast.NewString(key), Value: source.Syntax(n)}
		records := &ast.StructLit{Elts: []ast.Decl{record}}
		file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(kind), Value: records})
	}
	count, values := 0, 0
	for _, kind := range s.kinds {
		for _, key := range slices.Sorted(maps.Keys(rejected[kind])) {
			n := all.Find(kind, key)
			size := 0
			if n != nil {
				size = n.Size()
			}
			if n != nil && count < maxConfirmed && values+size <= maxConfirmedValues && !n.HasInvalid() {
				count, values = count+1, values+size
				add(kind, key, n)
				continue
			}
			confirmed = append(confirmed, rejected[kind][key]...)
			delete(rejected[kind], key)
		}
	}
	if count == 0 {
		return confirmed
	}
	for name, n := range AttributeTypes(all) {
		if !n.HasInvalid() && rejected["attributeTypes"][name] == nil {
			add("attributeTypes", name, n)
		}
	}
	done := make(chan *Evaluation, 1)
	go func() { done <- s.evaluateSafely([]*ast.File{file}) }()
	var e *Evaluation
	select {
	case e = <-done:
	case <-ctx.Done():
	}
	for kind, records := range rejected {
		for key, found := range records {
			if e != nil && e.panicked == nil && e.accepts(kind, key) {
				continue
			}
			confirmed = append(confirmed, found...)
		}
	}
	return confirmed
}

// accepts reports whether CUE accepts a record.
func (e *Evaluation) accepts(kind, key string) bool {
	if !e.full.Exists() {
		return false
	}
	v := e.full.LookupPath(cue.MakePath(cue.Str(kind), cue.Str(key)))
	if !v.Exists() || v.Validate(cue.Concrete(true), cue.Final()) != nil {
		return false
	}
	for _, err := range e.errs {
		if path := cuePath(err.Path()); path == "" || strings.HasPrefix(path, tree.JoinPath(kind, key)) {
			return false
		}
	}
	return true
}
