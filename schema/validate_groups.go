package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// groups checks the groups that changed since the previous Load, and the names of all groups.
func (v *validator) groups() {
	if v.cache.previous.sameGroups && !v.cache.previous.referencesRemoved {
		return
	}
	if hasDuplicates(len(v.d.Groups), mapSeq(maps.Values(v.d.Groups), func(g *Group) string { return g.DisplayName })) {
		names := &duplicateFinder{v: v, code: tree.DupGroupName, message: "group %s (%s) has the same displayName"}
		for _, key := range slices.Sorted(maps.Keys(v.d.Groups)) {
			g := v.d.Groups[key]
			at := func() tree.Pos { return v.node("groups", key, "displayName").PosOr(g.Pos) }
			names.addLazily(g.DisplayName, key, at,
				func() string { return tree.JoinPath("groups", key) + ".displayName" })
		}
	}
	for key, g := range v.d.Groups {
		if !v.cache.previous.unchanged(g) {
			v.group(key, g)
		}
	}
	of := func(g *Group) []string { return g.Previously }
	previousKeys(v, "groups", v.d.Groups, withPrevious(v.d.Groups, of), of, always)
}

func (v *validator) group(key string, g *Group) {
	path := tree.JoinPath("groups", key)
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
		if v.d.Users[m.User] == nil {
			checkReference(v, m.Pos, path+".members", "user", m.User, v.d.Users)
		}
	}
	for nested, at := range g.Include {
		checkReference(v, at, path+".include", "group", nested, v.d.Groups)
	}
	if g.Where != nil {
		v.rule(g.Where, func() *tree.Node { return v.node("groups", key, "where") }, path+".where")
	}
}

// cycles reports groups that include each other, each cycle once.
func (v *validator) cycles() {
	if v.cache.previous.sameGroups {
		return
	}
	const white, grey, black = 0, 1, 2
	color := map[string]int{}
	var trail []string
	var visit func(key string)
	visit = func(key string) {
		color[key] = grey
		trail = append(trail, key)
		g := v.d.Groups[key]
		for _, next := range slices.Sorted(maps.Keys(g.Include)) {
			switch {
			case v.d.Groups[next] == nil:
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
	for _, key := range slices.Sorted(maps.Keys(v.d.Groups)) {
		if color[key] == white {
			visit(key)
		}
	}
}
