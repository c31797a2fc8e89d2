package validate

import (
	"maps"
	"regexp"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

func (v *validator) assertions() {
	for _, key := range slices.Sorted(maps.Keys(v.Assertions)) {
		a := v.Assertions[key]
		path := tree.JoinPath("assertions", key)
		n := v.node("assertions", key)
		for i, group := range a.Disjoint {
			at := n.Child("disjoint").Fields[i].At.Pos()
			checkReference(v, at, path+".disjoint", "group", group, v.Groups)
			if slices.Contains(a.Disjoint[:i], group) {
				p := tree.BadAssertion.Problem(at, path, "duplicate group").WithValue(tree.Quote(group))
				v.Report(p.WithAdvice("name each group once"))
			}
		}
		if a.AtLeast != nil && a.AtLeast.Group != "" {
			at := n.Find("atLeast", "group").PosOr(a.Pos)
			checkReference(v, at, path+".atLeast.group", "group", a.AtLeast.Group, v.Groups)
		}
		if a.Only != nil {
			v.only(a, n.Child("only"), path)
		}
	}
}

// only checks the assertion that only some users match a pattern.
func (v *validator) only(a *declaration.Assertion, n *tree.Node, path string) {
	if _, err := regexp.Compile(a.Only.Pattern); err != nil {
		message := "invalid regular expression: " + err.Error()
		p := tree.BadAssertion.Problem(n.Child("pattern").PosOr(a.Pos), path, message).
			WithValue(tree.Quote(a.Only.Pattern))
		v.Report(p.WithAdvice("use RE2 syntax"))
	}
	if !v.Catalog.Has(a.Only.Attribute) {
		f := tree.Field{Name: a.Only.Attribute, At: n.Child("attribute").At}
		v.Report(v.Catalog.UnknownPath(f, path+".only"))
	}
	if a.Only.Where != nil {
		v.rule(a.Only.Where, func() *tree.Node { return n.Child("where") }, path+".only.where")
	}
}
