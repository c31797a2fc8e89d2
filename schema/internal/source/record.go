package source

import (
	"path"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Record is a literal record.
type Record struct {
	Kind string
	tree.Field
}

// Literals are literal records by kind. The kind "" has the top-level values that are not structs.
type Literals map[string]*tree.Builder

// Add adds a record, and unifies it with an existing record of the same key. It reports values that
// cannot be unified.
//
// CUE declarations may each state a part of a record. A data file states the whole of a user, and
// the whole of a membership: a second statement must be equal, and for a user there must be none.
func (l Literals) Add(r Record, report func(tree.Problem)) {
	b := l[r.Kind]
	if b == nil {
		b = tree.NewBuilder(r.At, 0)
		l[r.Kind] = b
	}
	have := b.Lookup(r.Name)
	switch {
	case have == nil:
	case r.Kind == "users" && isData(have.At) && isData(r.At):
		report(duplicateUser(r.Field, have))
		return
	case r.Kind == "groups":
		r.Value = agreedMembers(have.Value, r.Value, report)
	}
	var conflicts tree.Problems
	var names []string
	b.Add(r.Field, func(name string, a, b *tree.Node) {
		conflicts, names = append(conflicts, tree.ConflictProblem(name, a, b)), append(names, name)
	})
	if r.Kind == "users" && slices.Contains(names, "userId") && slices.Contains(names, "email") {
		conflicts = tree.Problems{duplicateUser(r.Field, have)} // it is another person
	}
	for _, p := range conflicts {
		report(p)
	}
}

// duplicateUser returns the problem of a second user with the key of an earlier one.
func duplicateUser(f tree.Field, first *tree.Field) tree.Problem {
	message := "duplicate user, first at " + first.At.Pos().String()
	return tree.DuplicateKey.Problem(f.At.Pos(), "", message).WithValue(tree.Quote(f.Name))
}

// memberConflict returns the problem of a membership that does not agree with an earlier one.
func memberConflict(f tree.Field, first *tree.Field) tree.Problem {
	message := "the user is a member twice, with different dates or reasons: first at " + first.At.Pos().String()
	return tree.Conflict.Problem(f.At.Pos(), "", message).WithValue(tree.Quote(f.Name))
}

// isData reports whether a position is in a data file.
func isData(at tree.Position) bool {
	return at.Ref != nil && !strings.EqualFold(path.Ext(at.Ref.Path), ".cue")
}

// agreedMembers returns the second declaration of a group without the memberships that do not agree
// with the first one. It reports these, if one of the two statements is in a data file.
func agreedMembers(first, second *tree.Node, report func(tree.Problem)) *tree.Node {
	members, more := first.Child("members"), second.Get("members")
	if members == nil || more == nil || members.Kind != tree.Struct || more.Value.Kind != tree.Struct {
		return second
	}
	known := &tree.Builder{Node: members}
	disagrees := func(f tree.Field) bool {
		have := known.Lookup(f.Name)
		return have != nil && (isData(have.At) || isData(f.At)) && !have.Value.Equal(f.Value)
	}
	if !slices.ContainsFunc(more.Value.Fields, disagrees) {
		return second
	}
	agreed := *more.Value
	agreed.Fields = nil
	for _, f := range more.Value.Fields {
		if disagrees(f) {
			report(memberConflict(f, known.Lookup(f.Name)))
			continue
		}
		agreed.Fields = append(agreed.Fields, f)
	}
	out := *second
	out.Fields = slices.Clone(second.Fields)
	out.Get("members").Value = &agreed
	return &out
}
