package records

import (
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// recordKey identifies a record.
type recordKey struct{ kind, key string }

// fileContext has the settings outside a file on which its result depends.
type fileContext struct {
	// types are the custom attributes.
	types map[string]string
	zone  *time.Location
}

// fileResult has the users and groups of a file that are valid on their own, and the keys of the
// others.
type fileResult struct {
	users  []*declaration.User
	groups []*declaration.Group
	// memberLists are records with members only, for groups that are declared elsewhere.
	memberLists []*declaration.Group
	// remaining are the records that take the slow path.
	remaining []recordKey
	// hasProblems is set if the file itself has a problem, or no records.
	hasProblems bool
}

// acceptor checks the records of a file against the compiled schema, without collecting problems,
// and binds the valid ones. It is not safe for concurrent use.
type acceptor struct {
	*declaration.Binder
	schema *constraint.Schema
	arena  tree.Arena
	result *fileResult
}

func newAcceptor(schema *constraint.Schema, context *fileContext) *acceptor {
	return &acceptor{Binder: declaration.NewBinder(context.zone), schema: schema}
}

// CUEFile accepts the literal records of a CUE file.
func (a *acceptor) cueFile(records []source.Record) *fileResult {
	a.result = &fileResult{}
	for _, r := range records {
		a.accept(r.Kind, r.Field)
	}
	return a.result
}

// DataFile accepts the records of a data file.
func (a *acceptor) dataFile(ref *tree.File, text []byte, context *fileContext, limits source.Limits) *fileResult {
	a.result = &fileResult{}
	a.arena.Reset()
	f := &source.DataFile{
		Ref: ref, Types: context.types, Limits: limits, Arena: &a.arena, ReuseNodes: true,
		Yield:    a.accept,
		Discard:  func() { *a.result = fileResult{} },
		Report:   func(tree.Problem) { a.result.hasProblems = true },
		Conflict: func(string, *tree.Node, *tree.Node) { a.result.hasProblems = true },
	}
	f.Read(text)
	a.result.hasProblems = a.result.hasProblems || a.result.isEmpty()
	return a.result
}

// accept adds one record to the result.
func (a *acceptor) accept(kind string, f tree.Field) {
	n := *f.Value // a copy for the defaults: the node may still be unified with others
	validKey := a.schema.AcceptsKey(kind, f.Name) && !constraint.HasTextFinding(&n)
	switch {
	case validKey && kind == "users" && a.schema.Accepts(kind, &n):
		a.result.users = append(a.result.users, a.User(f.Name, f.At.Pos(), &n))
	case validKey && kind == "groups" && a.schema.AcceptsMembers(&n):
		a.result.memberLists = append(a.result.memberLists, a.Group(f.Name, f.At.Pos(), &n))
	case validKey && kind == "groups" && a.schema.Accepts(kind, &n):
		a.result.groups = append(a.result.groups, a.Group(f.Name, f.At.Pos(), &n))
	default:
		a.result.remaining = append(a.result.remaining, recordKey{kind, f.Name})
	}
}

// isEmpty reports whether the file has no records.
func (r *fileResult) isEmpty() bool {
	return len(r.users)+len(r.groups)+len(r.memberLists)+len(r.remaining) == 0
}

// keys iterates over the keys of all records.
func (r *fileResult) keys(yield func(recordKey) bool) {
	for _, k := range r.remaining {
		if !yield(k) {
			return
		}
	}
	for _, u := range r.users {
		if !yield(recordKey{"users", u.Key}) {
			return
		}
	}
	for _, groups := range [][]*declaration.Group{r.groups, r.memberLists} {
		for _, g := range groups {
			if !yield(recordKey{"groups", g.Key}) {
				return
			}
		}
	}
}
