package validate

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// groups checks the groups that changed since the previous Load, and the names of all groups.
func (v *validator) groups() {
	if v.sameGroups() && !v.referencesRemoved() {
		return
	}
	displayNames := mapSeq(maps.Values(v.Groups), func(g *declaration.Group) string { return g.DisplayName })
	if hasDuplicates(len(v.Groups), displayNames) {
		names := &duplicateFinder{v: v, code: tree.DupGroupName, message: "group %s (%s) has the same displayName"}
		for _, key := range slices.Sorted(maps.Keys(v.Groups)) {
			g := v.Groups[key]
			at := func() tree.Pos { return v.node("groups", key, "displayName").PosOr(g.Pos) }
			names.addLazily(g.DisplayName, key, at,
				func() string { return tree.JoinPath("groups", key) + ".displayName" })
		}
	}
	for key, g := range v.Groups {
		if v.referencesRemoved() || !v.sameGroup(g) {
			v.group(key, g)
		}
	}
	of := func(g *declaration.Group) []string { return g.Previously }
	previousKeys(v, "groups", v.Groups, withPrevious(v.Groups, of), of, always)
}

// isDeclared reports whether declarations have more than members of a group: rows of memberships
// may name a group that does not exist.
func isDeclared(g *declaration.Group) bool {
	return g.DisplayName != "" || g.Description != "" || g.Where != nil ||
		len(g.Members) == 0 || len(g.Include)+len(g.Previously) > 0
}

func (v *validator) group(key string, g *declaration.Group) {
	path := tree.JoinPath("groups", key)
	if !isDeclared(g) {
		if v.declaredGroups == nil {
			v.declaredGroups = maps.Clone(v.Groups)
			maps.DeleteFunc(v.declaredGroups, func(_ string, g *declaration.Group) bool { return !isDeclared(g) })
		}
		checkReference(v, g.Pos, path, "group", key, v.declaredGroups)
	}
	at := func() tree.Pos { return v.node("groups", key, "displayName").PosOr(g.Pos) }
	if mapping.Reserved(g.DisplayName) {
		v.Report(tree.ReservedName.Problem(at(), path+".displayName", mapping.NameIsReserved).
			WithValue(tree.Quote(g.DisplayName)))
	} else if bad := mapping.BadRune(g.DisplayName, true, false, false); bad >= 0 {
		p := tree.BadGroupName.Problem(at(), path+".displayName", mapping.ForbiddenCharacter(bad)).
			WithValue(tree.Quote(g.DisplayName))
		v.Report(p.WithAdvice(mapping.CharacterAdvice(true)))
	}
	for i := range g.Members {
		m := &g.Members[i]
		v.reason(m.Reason, m.Pos, "groups", key, "members", m.User)
		if v.Users[m.User] == nil {
			checkReference(v, m.Pos, path+".members", "user", m.User, v.Users)
		}
	}
	for nested, at := range g.Include {
		checkReference(v, at, path+".include", "group", nested, v.Groups)
	}
	if g.Where != nil {
		v.rule(g.Where, func() *tree.Node { return v.node("groups", key, "where") }, path+".where")
	}
}

// cycles reports groups that include each other, each cycle once.
func (v *validator) cycles() {
	if v.sameGroups() {
		return
	}
	const white, grey, black = 0, 1, 2
	color := map[string]int{}
	var trail []string
	var visit func(key string)
	visit = func(key string) {
		color[key] = grey
		trail = append(trail, key)
		g := v.Groups[key]
		for _, next := range slices.Sorted(maps.Keys(g.Include)) {
			switch {
			case v.Groups[next] == nil:
			case color[next] == grey:
				groups := append(slices.Clone(trail[slices.Index(trail, next):]), next)
				message := "groups include each other in a cycle: " + strings.Join(groups, " -> ")
				v.Report(tree.Cycle.Problem(g.Include[next], tree.JoinPath("groups", key)+".include", message))
			case color[next] == white:
				visit(next)
			}
		}
		trail = trail[:len(trail)-1]
		color[key] = black
	}
	for _, key := range slices.Sorted(maps.Keys(v.Groups)) {
		if color[key] == white {
			visit(key)
		}
	}
}
