package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Description is a mapping without its code, for another process.
type Description struct {
	Key         string
	Pos         tree.Pos
	Positions   map[string]tree.Pos // of the expressions, by SCIM path
	ReadsGroups bool
	Fingerprint string
	// SecretFields are the attributes with `redact: true`.
	SecretFields []string
	// Redacts has the SCIM paths that may reveal an attribute. The key "" is for all attributes
	// that have no key.
	Redacts map[string][]string
}

// Describe describes the mapping. Redacts has the attributes that it selects, and the given ones.
func (m *Mapping) Describe(attributes []string) Description {
	out := Description{
		Key: m.Key, Pos: m.Pos, Positions: m.positions, ReadsGroups: m.ReadsGroups(), Fingerprint: m.fingerprint,
		SecretFields: slices.Sorted(maps.Keys(m.secretFields)), Redacts: map[string][]string{},
	}
	for _, name := range append(slices.Clone(attributes), m.attributeNames...) {
		out.Redacts[name] = m.redactedWith(map[string]bool{name: true})
	}
	out.Redacts[""] = m.redactedWith(map[string]bool{"": true})
	return out
}

// NewRecorded returns a mapping that has only the results of AddResult.
func NewRecorded(d Description) *Mapping {
	m := &Mapping{
		Key: d.Key, Pos: d.Pos, positions: d.Positions, secretFields: map[string]bool{}, fingerprint: d.Fingerprint,
		recorded: &recordedResults{readsGroups: d.ReadsGroups, results: map[resultKey]recordedResult{}},
	}
	for _, name := range d.SecretFields {
		m.secretFields[name] = true
	}
	m.redactedWith = func(secret map[string]bool) []string { return redactedBy(d.Redacts, secret) }
	m.redacted = m.redactedWith(m.secretFields)
	return m
}

// AddResult adds the result for a user with effective groups to a recorded mapping: what was
// mapped, or the problems. The user was mapped in a state that may differ from the declared one.
func (m *Mapping) AddResult(
	u *declaration.User, state declaration.UserState, groups []string, mapped Mapped, problems tree.Problems,
) {
	key := newResultKey(u, groups)
	key.state = state
	m.recorded.results[key] = recordedResult{input: u, mapped: mapped, err: problems}
}

// redactedBy returns the paths that may reveal one of the secret attributes.
func redactedBy(redacts map[string][]string, secret map[string]bool) []string {
	paths := map[string]bool{}
	for name := range secret {
		list, ok := redacts[name]
		if !ok {
			list = redacts[""]
		}
		for _, path := range list {
			paths[path] = true
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(paths))
}

// recordedResults are the results of a mapping that another process has evaluated.
type recordedResults struct {
	readsGroups bool
	results     map[resultKey]recordedResult
}

// resultKey identifies the input of a mapping: a user in a state, with effective groups.
type resultKey struct {
	user   string
	state  declaration.UserState
	groups string
}

type recordedResult struct {
	input  *declaration.User
	mapped Mapped
	err    tree.Problems
}

func newResultKey(u *declaration.User, groups []string) resultKey {
	return resultKey{u.Key, u.State, strings.Join(groups, " ")}
}

// lookup returns the result for a user. There is none for a user or for groups that were not
// evaluated.
func (r *recordedResults) lookup(m *Mapping, u *declaration.User, groups []string) (Mapped, error) {
	if !r.readsGroups {
		groups = nil
	}
	have, ok := r.results[newResultKey(u, groups)]
	switch {
	case !ok || !sameMappingInput(have.input, u):
		message := "mapping " + tree.Quote(m.Key) + " was not evaluated for this user with these groups"
		return Mapped{}, tree.Problems{tree.MapFailed.Problem(u.Pos, tree.JoinPath("users", u.Key), message)}
	case len(have.err) > 0:
		return Mapped{}, have.err
	}
	return have.mapped, nil
}

// sameMappingInput reports whether all fields that a mapping can read are equal, except the state.
func sameMappingInput(a, b *declaration.User) bool {
	if a == b {
		return true
	}
	if a.UserID != b.UserID || a.FirstName != b.FirstName || a.LastName != b.LastName || a.Email != b.Email ||
		declaration.DateText(a.ValidFrom) != declaration.DateText(b.ValidFrom) ||
		declaration.DateText(a.ValidUntil) != declaration.DateText(b.ValidUntil) ||
		len(a.Attributes) != len(b.Attributes) {
		return false
	}
	for name, v := range a.Attributes {
		have, ok := b.Attributes[name]
		if list, isList := v.([]string); isList {
			other, same := have.([]string)
			if !same || !slices.Equal(list, other) {
				return false
			}
		} else if _, isList := have.([]string); !ok || isList || have != v {
			return false
		}
	}
	return true
}
