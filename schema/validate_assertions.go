package schema

import (
	"maps"
	"regexp"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

func (v *validator) assertions() {
	catalog := mapping.NewCatalog(v.schema)
	for _, key := range slices.Sorted(maps.Keys(v.d.Assertions)) {
		a := v.d.Assertions[key]
		path := tree.JoinPath("assertions", key)
		n := v.node("assertions", key)
		for i, group := range a.Disjoint {
			at := n.Child("disjoint").Fields[i].At.Pos()
			checkReference(v, at, path+".disjoint", "group", group, v.d.Groups)
			if slices.Contains(a.Disjoint[:i], group) {
				p := tree.BadAssertion.Problem(at, path, "duplicate group").WithValue(tree.Quote(group))
				v.Report(p.WithAdvice("name each group once"))
			}
		}
		if a.AtLeast != nil && a.AtLeast.Group != "" {
			at := n.Find("atLeast", "group").PosOr(a.Pos)
			checkReference(v, at, path+".atLeast.group", "group", a.AtLeast.Group, v.d.Groups)
		}
		if a.Only != nil {
			v.only(a, n.Child("only"), path, catalog)
		}
	}
}

// only checks the assertion that only some users match a pattern.
func (v *validator) only(a *Assertion, n *tree.Node, path string, catalog mapping.Catalog) {
	if _, err := regexp.Compile(a.Only.Pattern); err != nil {
		message := "invalid regular expression: " + err.Error()
		p := tree.BadAssertion.Problem(n.Child("pattern").PosOr(a.Pos), path, message).
			WithValue(tree.Quote(a.Only.Pattern))
		v.Report(p.WithAdvice("use RE2 syntax"))
	}
	if !catalog.Has(a.Only.Attribute) {
		f := tree.Field{Name: a.Only.Attribute, At: n.Child("attribute").At}
		v.Report(catalog.UnknownPath(f, path+".only"))
	}
	if a.Only.Where != nil {
		v.rule(a.Only.Where, func() *tree.Node { return n.Child("where") }, path+".only.where")
	}
}
