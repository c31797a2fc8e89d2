package schema

import (
	"maps"
	"regexp"
	"slices"
)

func (v *validator) assertions() {
	catalog := newCatalog(v.schema)
	for _, key := range slices.Sorted(maps.Keys(v.d.Assertions)) {
		a := v.d.Assertions[key]
		path := joinPath("assertions", key)
		n := v.node("assertions", key)
		for i, group := range a.Disjoint {
			at := n.child("disjoint").fields[i].at.pos()
			checkReference(v, at, path+".disjoint", "group", group, v.d.Groups)
			if slices.Contains(a.Disjoint[:i], group) {
				p := badAssertion.problem(at, path, "duplicate group").withValue(quote(group))
				v.report(p.withAdvice("name each group once"))
			}
		}
		if a.AtLeast != nil && a.AtLeast.Group != "" {
			at := n.find("atLeast", "group").posOr(a.Pos)
			checkReference(v, at, path+".atLeast.group", "group", a.AtLeast.Group, v.d.Groups)
		}
		if a.Only != nil {
			v.only(a, n.child("only"), path, catalog)
		}
	}
}

// only checks the assertion that only some users match a pattern.
func (v *validator) only(a *Assertion, n *node, path string, catalog []attribute) {
	if _, err := regexp.Compile(a.Only.Pattern); err != nil {
		message := "invalid regular expression: " + err.Error()
		p := badAssertion.problem(n.child("pattern").posOr(a.Pos), path, message).withValue(quote(a.Only.Pattern))
		v.report(p.withAdvice("use RE2 syntax"))
	}
	if !slices.ContainsFunc(catalog, func(x attribute) bool { return x.path == a.Only.Attribute }) {
		f := field{name: a.Only.Attribute, at: n.child("attribute").at}
		v.report((&Mapping{catalog: catalog}).badPath(f, path+".only"))
	}
	if a.Only.Where != nil {
		v.rule(a.Only.Where, func() *node { return n.child("where") }, path+".only.where")
	}
}
