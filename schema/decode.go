package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/seed-d64a251c/roster/internal/civil"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Decode reads declarations that Encode has written in another process. It trusts nothing: it
// checks the relations on which users of Declarations rely. The reader has to limit the size.
func Decode(r io.Reader) (*Declarations, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	dec.UseNumber()
	var in wireDeclarations
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("decode declarations: %w", err)
	}
	if in.Format != wireFormat {
		return nil, fmt.Errorf("decode declarations: unknown format %d", in.Format)
	}
	d := &decoder{in: &in, out: &Declarations{
		AttributeTypes: orEmpty(in.AttributeTypes), Users: map[string]*User{}, Groups: map[string]*Group{},
		Mappings: map[string]*Mapping{}, Apps: orEmpty(in.Apps), Provisioners: map[string]*Provisioner{},
		Assertions: orEmpty(in.Assertions), Approvals: orEmpty(in.Approvals), Warnings: in.Warnings,
	}}
	for _, step := range []func() error{
		d.timezone, d.attributeTypes, d.users, d.groups, d.mappings, d.apps, d.provisioners, d.assertions, d.approvals,
		d.includes,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("decode declarations: %w", err)
		}
	}
	return d.out, nil
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// decoder converts wire types to Declarations.
type decoder struct {
	in    *wireDeclarations
	out   *Declarations
	dates []*Date
	list  []*User // in the order of the wire
}

// errInconsistent is the error for numbers and references without an object.
var errInconsistent = errors.New("inconsistent data")

func at[V any](list []V, i int) (V, error) {
	if i < 0 || i >= len(list) {
		var none V
		return none, errInconsistent
	}
	return list[i], nil
}

func (d *decoder) timezone() (err error) {
	if d.out.Timezone, err = civil.LoadZone(d.in.Timezone); err != nil {
		return err
	}
	for _, text := range d.in.Dates {
		date := declaration.NewDate(text, d.out.Timezone)
		if date == nil {
			return fmt.Errorf("date %q", text)
		}
		d.dates = append(d.dates, date)
	}
	return nil
}

func (d *decoder) attributeTypes() error {
	for key, t := range d.out.AttributeTypes {
		if t == nil || t.Key != key {
			return errInconsistent
		}
	}
	return nil
}

func (d *decoder) pos(p wirePos) (tree.Pos, error) {
	file, err := at(d.in.Files, p[0])
	return tree.Pos{File: file, Line: p[1], Column: p[2]}, err
}

// date returns the date with a number minus 1, or nil for 0.
func (d *decoder) date(number int) (*Date, error) {
	if number == 0 {
		return nil, nil
	}
	return at(d.dates, number-1)
}

// completeDate replaces a date that has only its text.
func (d *decoder) completeDate(date **Date) error {
	if *date == nil {
		return nil
	}
	if *date = declaration.NewDate((*date).Text, d.out.Timezone); *date == nil {
		return errInconsistent
	}
	return nil
}

func (d *decoder) users() error {
	for i := range d.in.Users {
		w := &d.in.Users[i]
		u := &User{
			Key: w.Key, UserID: w.UserID, FirstName: w.FirstName, LastName: w.LastName, Email: w.Email, State: w.State,
			Attributes: w.Attributes, Previously: w.Previously,
		}
		var failed [3]error
		u.Pos, failed[0] = d.pos(w.Pos)
		u.ValidFrom, failed[1] = d.date(w.ValidFrom)
		u.ValidUntil, failed[2] = d.date(w.ValidUntil)
		known := u.State == Active || u.State == Locked || u.State == Inactive
		if err := errors.Join(failed[:]...); err != nil || !known || d.out.Users[u.Key] != nil {
			return fmt.Errorf("user %q: %w", u.Key, errors.Join(err, errInconsistent))
		}
		for name, v := range u.Attributes {
			value, err := jsonValue(v)
			if err != nil || d.out.AttributeTypes[name] == nil {
				return fmt.Errorf("attribute %q: %w", name, errInconsistent)
			}
			u.Attributes[name] = value
		}
		d.out.Users[u.Key] = u
		d.list = append(d.list, u)
	}
	return nil
}

// jsonValue converts a decoded JSON value to a string, bool, int64 or []string.
func jsonValue(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		return v.Int64()
	case []any:
		out := make([]string, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, errInconsistent
			}
			out[i] = s
		}
		return out, nil
	}
	return nil, errInconsistent
}

func (d *decoder) groups() error {
	for i := range d.in.Groups {
		w := &d.in.Groups[i]
		g := &Group{
			Key: w.Key, DisplayName: w.DisplayName, Description: w.Description, Where: w.Where,
			Previously: w.Previously, Include: map[string]tree.Pos{},
		}
		var err error
		if g.Pos, err = d.pos(w.Pos); err != nil || d.out.Groups[g.Key] != nil {
			return fmt.Errorf("group %q: %w", g.Key, errInconsistent)
		}
		for key, p := range w.Include {
			if g.Include[key], err = d.pos(p); err != nil {
				return err
			}
		}
		if err := plainRule(g.Where); err != nil {
			return err
		}
		if err := d.members(g, w.Members); err != nil {
			return fmt.Errorf("group %q: %w", g.Key, err)
		}
		d.out.Groups[g.Key] = g
	}
	return nil
}

func (d *decoder) members(g *Group, list []wireMember) error {
	g.Members = make([]GroupMember, 0, len(list))
	for _, w := range list {
		user, err := at(d.list, w[0])
		if err != nil {
			return err
		}
		m := GroupMember{User: user.Key}
		var failed [3]error
		m.Pos, failed[0] = d.pos(wirePos{w[1], w[2], w[3]})
		m.Until, failed[1] = d.date(w[4])
		m.Reason, failed[2] = at(d.in.Texts, w[5])
		if err := errors.Join(failed[:]...); err != nil {
			return err
		}
		g.Members = append(g.Members, m)
	}
	if !slices.IsSortedFunc(g.Members, declaration.CompareMembers) {
		return errInconsistent
	}
	return nil
}

// plainRule converts the values of a decoded rule.
func plainRule(r *Rule) error {
	if r == nil {
		return nil
	}
	for _, values := range r.Fields {
		for i, v := range values {
			value, err := jsonValue(v)
			if _, isList := value.([]string); err != nil || isList {
				return errInconsistent
			}
			values[i] = value
		}
	}
	return nil
}

func (d *decoder) mappings() error {
	for i := range d.in.Mappings {
		w := &d.in.Mappings[i]
		at, err := d.pos(w.Pos)
		if err != nil || d.out.Mappings[w.Key] != nil {
			return fmt.Errorf("mapping %q: %w", w.Key, errInconsistent)
		}
		positions := map[string]tree.Pos{}
		for path, p := range w.Positions {
			if positions[path], err = d.pos(p); err != nil {
				return err
			}
		}
		m := mapping.NewRecorded(mapping.Description{
			Key: w.Key, Pos: at, Positions: positions, ReadsGroups: w.ReadsGroups, Fingerprint: w.Fingerprint,
			SecretFields: w.SecretFields, Redacts: w.Redacts,
		})
		for _, r := range w.Results {
			if err := d.result(m, r); err != nil {
				return fmt.Errorf("mapping %q: %w", m.Key, err)
			}
		}
		d.out.Mappings[m.Key] = m
	}
	return nil
}

func (d *decoder) result(m *Mapping, w wireResult) error {
	u, err := at(d.list, w.User)
	if err != nil {
		return err
	}
	var groups []string
	for _, n := range w.Groups {
		key, err := at(d.in.Texts, n)
		if err != nil {
			return err
		}
		groups = append(groups, key)
	}
	var out Mapped
	if out.Attributes, err = d.values(w.Values); err != nil {
		return err
	}
	if out.OnCreate, err = d.values(w.OnCreate); err != nil {
		return err
	}
	state := u.State
	if w.Inactive {
		state = Inactive
	}
	m.AddResult(u, state, groups, out, w.Problems)
	return nil
}

func (d *decoder) values(list []wireValue) (Attributes, error) {
	var out Attributes
	for i, w := range list {
		path, err := at(d.in.Texts, w.Path)
		if err != nil || i > 0 && out[i-1].Path >= path {
			return nil, errInconsistent
		}
		out = append(out, Attribute{Path: path, Value: w.Value})
	}
	return out, nil
}

func (d *decoder) approvals() error {
	for key, a := range d.out.Approvals {
		if a == nil || a.Key != key {
			return errInconsistent
		}
		if err := d.completeDate(&a.Expires); err != nil {
			return err
		}
	}
	return nil
}

// includes checks that nested groups exist and have no cycle.
func (d *decoder) includes() error {
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(key string) error
	visit = func(key string) error {
		g := d.out.Groups[key]
		if g == nil || state[key] == visiting {
			return fmt.Errorf("group %q: %w", key, errInconsistent)
		}
		if state[key] == done {
			return nil
		}
		state[key] = visiting
		for nested := range g.Include {
			if err := visit(nested); err != nil {
				return err
			}
		}
		state[key] = done
		return nil
	}
	for key := range d.out.Groups {
		if err := visit(key); err != nil {
			return err
		}
	}
	return nil
}
