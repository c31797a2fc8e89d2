package mapping

import "github.com/seed-d64a251c/roster/schema/internal/declaration"

// ByCUE returns the mapping as CUE evaluates it, or nil if the mapping is not compiled.
func (m *Mapping) ByCUE() *Mapping {
	compiled, ok := m.program.(*compiledProgram)
	if !ok {
		return nil
	}
	slow := *m
	slow.program = compiled.cue
	return &slow
}

// Evaluate maps a user, whether it was mapped before or not.
func (m *Mapping) Evaluate(u *declaration.User, groups []string) (Mapped, error) {
	return m.evaluate(u, groups)
}

// Run returns the values of the attributes of the catalog.
func (m *Mapping) Run(u *declaration.User, groups []string) (scim, onCreate []any, err error) {
	return m.program.run(newUserInput(u, groups))
}

// CatalogSize returns the number of attributes in the catalog.
func (m *Mapping) CatalogSize() int { return len(m.catalog) }
