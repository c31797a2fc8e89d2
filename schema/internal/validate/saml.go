package validate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// rollover checks that the phases of the signing certificates are consistent: one is active, at
// most one is next or uploaded, and each has the dates of the phases up to its own. It uses no
// clock and no earlier commit.
func (v *validator) rollover(p *declaration.IdentityProvider, path string) {
	phases := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(p.Signing)) {
		phase := p.Signing[name].Phase
		phases[phase] = append(phases[phase], name)
		v.phaseDates(p.Signing[name], tree.JoinPath(path, name))
	}
	report := func(at tree.Pos, below string, code tree.Code, format string, args ...any) {
		v.Report(code.Problem(at, below, fmt.Sprintf(format, args...)))
	}
	upcoming := append(phases["next"], phases["uploaded"]...)
	active := phases["active"]
	switch {
	case len(p.Signing) == 0:
		report(p.Pos, path, tree.BadSigning, "no signing certificate")
		return
	case len(active) == 0 && slices.ContainsFunc(slices.Collect(maps.Keys(phases)), isUnknownPhase):
		return // it may be the active one
	case len(active) != 1:
		report(p.Pos, path, tree.BadSigning, "%s in phase \"active\"", tree.Count(len(active), "certificate"))
		return
	case len(phases["previous"])+len(phases["retired"]) > 0 && isFirst(p.Signing[active[0]]):
		report(p.Signing[active[0]].Pos, tree.JoinPath(path, active[0]), tree.BadRollover,
			"must have dates for next and uploaded, because it follows another certificate")
	}
	if len(upcoming) > 1 {
		report(p.Signing[upcoming[1]].Pos, tree.JoinPath(path, upcoming[1]), tree.BadRollover,
			"only one certificate may be in phase \"next\" or \"uploaded\"; %s already is", tree.Quote(upcoming[0]))
	}
	var firsts []string
	for _, name := range slices.Concat(phases["active"], phases["previous"], phases["retired"]) {
		if isFirst(p.Signing[name]) {
			firsts = append(firsts, name)
		}
	}
	if len(firsts) > 1 {
		report(p.Signing[firsts[1]].Pos, tree.JoinPath(path, firsts[1]), tree.BadRollover,
			"must have dates for next and uploaded; only the first certificate, %s, may omit them",
			tree.Quote(firsts[0]))
	}
}

// isUnknownPhase reports whether a phase does not exist, which is reported where it is declared.
func isUnknownPhase(phase string) bool { return !slices.Contains(declaration.Phases, phase) }

// isFirst reports whether a certificate may be the first one, which has no dates before "active".
func isFirst(k *declaration.SigningKey) bool {
	return k.Dates["next"] == nil && k.Dates["uploaded"] == nil && k.Phase != "next" && k.Phase != "uploaded"
}

// phaseDates checks the dates of one certificate. Each phase up to the current one must have a
// date, in order. Later phases must have none.
func (v *validator) phaseDates(k *declaration.SigningKey, path string) {
	reached := slices.Index(declaration.Phases, k.Phase)
	if reached < 0 {
		return // the compiled schema reports the unknown phase
	}
	report := func(phase, format string, args ...any) {
		p := tree.BadRollover.Problem(k.Pos, path+".dates."+phase, fmt.Sprintf(format, args...))
		if d := k.Dates[phase]; d != nil {
			p.Value = tree.Quote(d.Text)
		}
		v.Report(p)
	}
	var before string
	for i, phase := range declaration.Phases {
		date := k.Dates[phase]
		switch {
		case i > reached && date != nil:
			report(phase, "must not have a date: the certificate is still in phase %s", tree.Quote(k.Phase))
		case i > reached:
		case date == nil && !(isFirst(k) && slices.Contains([]string{"next", "uploaded", "active"}, phase)):
			report(phase, "must have a date: the certificate is already in phase %s", tree.Quote(k.Phase))
		case date != nil && before != "" && date.Start.Before(k.Dates[before].Start):
			report(phase, "must not be before %s (%s)", before, k.Dates[before].Text)
		}
		if date != nil && i <= reached {
			before = phase
		}
	}
}
