package schema

import (
	"encoding/json"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Encode writes the declarations for Decode in another process. It evaluates the mappings for all
// users that can be in the scope of a provisioner on any date, with their groups on each date. So
// the other process runs no code of the declarations, and the output does not depend on the time.
func (d *Declarations) Encode(w io.Writer) error {
	e := &encoder{d: d, files: newTable(), dates: newTable(), texts: newTable(), users: map[string]int{}}
	out := wireDeclarations{
		Format: wireFormat, Timezone: zoneName(d.Timezone), AttributeTypes: d.AttributeTypes, Apps: d.Apps,
		Assertions: d.Assertions, Approvals: d.Approvals, Warnings: d.Warnings,
		Provisioners: map[string]wireProvisioner{},
	}
	for i, key := range slices.Sorted(maps.Keys(d.Users)) {
		e.users[key] = i
		out.Users = append(out.Users, e.user(d.Users[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(d.Groups)) {
		out.Groups = append(out.Groups, e.group(d.Groups[key]))
	}
	for key, p := range d.Provisioners {
		out.Provisioners[key] = wireProvisioner{p, zoneName(p.Timezone)}
	}
	scopes := d.mappingScopes()
	undated := d.principals().UndatedMembership()
	for _, key := range slices.Sorted(maps.Keys(d.Mappings)) {
		out.Mappings = append(out.Mappings, e.mapping(d.Mappings[key], scopes[key], undated))
	}
	out.Files, out.Dates, out.Texts = e.files.list, e.dates.list, e.texts.list
	return json.NewEncoder(w).Encode(out)
}

// mappingScopes returns for each mapping that is used the users that it may have to map on any
// date.
func (d *Declarations) mappingScopes() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	var undated *Membership
	for _, p := range d.Provisioners {
		users := out[p.Mapping]
		if users == nil {
			users = map[string]bool{}
			out[p.Mapping] = users
		}
		if p.AllUsers {
			for key := range d.Users {
				users[key] = true
			}
			continue
		}
		if undated == nil {
			undated = d.principals().UndatedMembership()
		}
		for _, group := range p.Groups {
			for _, m := range undated.Group(group) {
				users[m.User] = true
			}
		}
	}
	return out
}

// encoder builds the tables of one Encode.
type encoder struct {
	d                   *Declarations
	files, dates, texts *table
	users               map[string]int
}

// table numbers texts in the order of their first use.
type table struct {
	numbers map[string]int
	list    []string
}

func newTable() *table { return &table{numbers: map[string]int{}} }

func (t *table) number(text string) int {
	n, ok := t.numbers[text]
	if !ok {
		n = len(t.list)
		t.numbers[text] = n
		t.list = append(t.list, text)
	}
	return n
}

func (e *encoder) pos(p tree.Pos) wirePos { return wirePos{e.files.number(p.File), p.Line, p.Column} }

// date returns the number of a date plus 1, or 0 for nil.
func (e *encoder) date(d *Date) int {
	if d == nil {
		return 0
	}
	return e.dates.number(d.Text) + 1
}

func (e *encoder) user(u *User) wireUser {
	return wireUser{
		Key: u.Key, Pos: e.pos(u.Pos), UserID: u.UserID, FirstName: u.FirstName, LastName: u.LastName, Email: u.Email,
		State: u.State, Attributes: u.Attributes, ValidFrom: e.date(u.ValidFrom), ValidUntil: e.date(u.ValidUntil),
		Previously: u.Previously,
	}
}

func (e *encoder) group(g *Group) wireGroup {
	out := wireGroup{
		Key: g.Key, Pos: e.pos(g.Pos), DisplayName: g.DisplayName, Description: g.Description, Where: g.Where,
		Previously: g.Previously, Include: map[string]wirePos{},
	}
	for key, at := range g.Include {
		out.Include[key] = e.pos(at)
	}
	for i := range g.Members {
		m := &g.Members[i]
		at := e.pos(m.Pos)
		out.Members = append(out.Members,
			wireMember{e.users[m.User], at[0], at[1], at[2], e.date(m.Until), e.texts.number(m.Reason)})
	}
	return out
}

func (e *encoder) mapping(m *Mapping, scope map[string]bool, undated *Membership) wireMapping {
	described := m.Describe(slices.Collect(maps.Keys(e.d.AttributeTypes)))
	out := wireMapping{
		Key: m.Key, Pos: e.pos(m.Pos), Positions: map[string]wirePos{}, ReadsGroups: described.ReadsGroups,
		Fingerprint: described.Fingerprint, SecretFields: described.SecretFields, Redacts: described.Redacts,
	}
	for path, at := range described.Positions {
		out.Positions[path] = e.pos(at)
	}
	for u, groups := range e.d.mappingInputs(m, scope, undated) {
		out.Results = append(out.Results, e.result(m, u, groups))
	}
	return out
}

// mappingInputs iterates over the users of a scope with their groups on each date: as declared, and
// also as inactive users if they are outside their validity on some dates.
func (d *Declarations) mappingInputs(
	m *Mapping, scope map[string]bool, undated *Membership,
) iter.Seq2[*User, []string] {
	return func(yield func(*User, []string) bool) {
		for _, key := range slices.Sorted(maps.Keys(scope)) {
			states := []*User{d.Users[key]}
			if u := states[0]; u.State != Inactive && (u.ValidFrom != nil || u.ValidUntil != nil) {
				inactive := *u
				inactive.State = Inactive
				states = append(states, &inactive)
			}
			sets := [][]string{nil}
			if m.ReadsGroups() {
				sets = undated.GroupsByDate(key)
			}
			for _, groups := range sets {
				for _, u := range states {
					if !yield(u, groups) {
						return
					}
				}
			}
		}
	}
}

// MapAll evaluates the mappings for all inputs that Encode evaluates, and drops the results.
func (d *Declarations) MapAll() {
	undated := d.principals().UndatedMembership()
	for key, scope := range d.mappingScopes() {
		if m := d.Mappings[key]; m != nil {
			for u, groups := range d.mappingInputs(m, scope, undated) {
				_, _ = m.Map(u, groups)
			}
		}
	}
}

func (e *encoder) result(m *Mapping, u *User, groups []string) wireResult {
	out := wireResult{User: e.users[u.Key], Inactive: u != e.d.Users[u.Key]}
	for _, g := range groups {
		out.Groups = append(out.Groups, e.texts.number(g))
	}
	mapped, err := m.Map(u, groups)
	if err != nil {
		out.Problems, _ = err.(tree.Problems) // Map returns no other errors
		return out
	}
	out.Values, out.OnCreate = e.values(mapped.Attributes), e.values(mapped.OnCreate)
	return out
}

func (e *encoder) values(list Attributes) []wireValue {
	out := make([]wireValue, 0, len(list))
	for _, a := range list {
		out = append(out, wireValue{e.texts.number(a.Path), a.Value})
	}
	return out
}
