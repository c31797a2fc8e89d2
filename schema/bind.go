package schema

import (
	"maps"
	"slices"
	"time"
	_ "time/tzdata" // the same timezones on every machine
)

// bind converts the checked nodes to Declarations. It converts invalid records as far as possible,
// so that the checks across declarations still run.
func (l *loader) bind() *Declarations {
	d := &Declarations{
		Timezone:       time.UTC,
		AttributeTypes: map[string]*AttributeType{}, Users: map[string]*User{}, Groups: map[string]*Group{},
		Mappings: map[string]*Mapping{}, Apps: map[string]*App{}, Provisioners: map[string]*Provisioner{},
		Assertions: map[string]*Assertion{}, Approvals: map[string]*Approval{},
	}
	if n := l.root.child("timezone"); n != nil {
		d.Timezone = l.zone(n, "timezone", time.UTC)
	}
	if l.accepted != nil {
		d.Users, d.Groups = l.accepted.users, l.accepted.groups
	}
	b := &binder{loader: l, d: d, dates: map[string]*Date{}}
	each := func(kind string, bind func(key string, at Pos, n *node)) {
		if records := l.root.child(kind); records != nil && records.kind == structNode {
			for _, f := range records.fields {
				bind(f.name, f.at.pos(), f.value)
			}
		}
	}
	each("attributeTypes", b.attributeType)
	each("users", func(key string, at Pos, n *node) { d.Users[key] = b.user(key, at, n) })
	each("groups", func(key string, at Pos, n *node) { d.Groups[key] = b.group(key, at, n) })
	each("apps", b.app)
	each("provisioners", b.provisioner)
	each("assertions", b.assertion)
	each("approvals", b.approval)
	for _, key := range slices.Sorted(maps.Keys(l.mappingSources)) {
		d.Mappings[key] = l.mapping(l.mappingSources[key])
	}
	return d
}

// binder builds one Declarations.
type binder struct {
	*loader
	d *Declarations
	// dates are shared by text, because many memberships end on the same date.
	dates map[string]*Date
}

// zone returns a timezone by name, or otherwise if there is none.
func (l *loader) zone(n *node, path string, otherwise *time.Location) *time.Location {
	name := n.string()
	if name == "" {
		return otherwise
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.report(badTimezone.problem(n.at.pos(), path, "unknown timezone").withValue(quote(name)))
		return otherwise
	}
	return zone
}

// date returns the date of a node, or nil. The compiled schema has rejected invalid dates.
func (b *binder) date(n *node) *Date {
	text := n.string()
	if text == "" {
		return nil
	}
	have, ok := b.dates[text]
	if !ok {
		have = newDate(text, b.d.Timezone)
		b.dates[text] = have
	}
	return have
}

// newDate parses a date. It returns nil if the text is invalid.
func newDate(text string, zone *time.Location) *Date {
	if day, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return &Date{Text: text, Start: day, End: time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone)}
	}
	if moment, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return &Date{Text: text, Start: moment, End: moment}
	}
	return nil
}

func (b *binder) attributeType(key string, at Pos, n *node) {
	b.d.AttributeTypes[key] = &AttributeType{
		Key: key, Pos: at, Type: n.child("type").string(), Redact: n.child("redact").bool(),
	}
}

func (b *binder) user(key string, at Pos, n *node) *User {
	u := &User{Key: key, Pos: at}
	for _, f := range n.fields {
		switch v := f.value; f.name {
		case "userId":
			u.UserID = v.string()
		case "firstName":
			u.FirstName = v.string()
		case "lastName":
			u.LastName = v.string()
		case "email":
			u.Email = v.string()
		case "state":
			u.State = UserState(v.string())
		case "validFrom":
			u.ValidFrom = b.date(v)
		case "validUntil":
			u.ValidUntil = b.date(v)
		case "previously":
			u.Previously = slices.Sorted(maps.Keys(v.fieldPositions()))
		case "attributes":
			u.Attributes = make(map[string]any, len(v.fields))
			for _, a := range v.fields {
				if x := a.value.goValue(); x != nil {
					u.Attributes[a.name] = x
				}
			}
		}
	}
	return u
}

func (b *binder) group(key string, at Pos, n *node) *Group {
	g := &Group{Key: key, Pos: at}
	for _, f := range n.fields {
		switch v := f.value; f.name {
		case "displayName":
			g.DisplayName = v.string()
		case "description":
			g.Description = v.string()
		case "members":
			g.Members = make([]GroupMember, len(v.fields))
			for i, m := range v.fields {
				g.Members[i] = GroupMember{
					User: m.name, Pos: m.at.pos(),
					Until: b.date(m.value.child("until")), Reason: m.value.child("reason").string(),
				}
			}
			sortMembers(g.Members)
		case "include":
			g.Include = v.fieldPositions()
		case "where":
			g.Where = bindRule(f)
		case "previously":
			g.Previously = slices.Sorted(maps.Keys(v.fieldPositions()))
		}
	}
	return g
}

func bindRule(f field) *Rule {
	r := &Rule{Pos: f.at.pos(), Fields: make(map[string][]any, len(f.value.fields))}
	for _, c := range f.value.fields {
		if c.value.kind != listNode {
			r.Fields[c.name] = []any{c.value.goValue()}
			continue
		}
		for _, e := range c.value.fields {
			r.Fields[c.name] = append(r.Fields[c.name], e.value.goValue())
		}
	}
	return r
}

// fieldPositions returns the names of a struct's fields with their positions.
func (n *node) fieldPositions() map[string]Pos {
	out := map[string]Pos{}
	if n != nil {
		for _, f := range n.fields {
			out[f.name] = f.at.pos()
		}
	}
	return out
}

func (n *node) bool() bool { return n != nil && n.kind == boolNode && n.text == "true" }

// goValue returns a scalar as string, bool or int64, and a list of strings as []string. It returns
// nil for any other value.
func (n *node) goValue() any {
	switch n.kind {
	case stringNode:
		return n.text
	case boolNode:
		return n.text == "true"
	case intNode:
		if i, ok := n.int64(); ok {
			return i
		}
	case listNode:
		return n.strings()
	}
	return nil
}

// strings returns the strings of a list, or nil if n is nil.
func (n *node) strings() []string {
	if n == nil || n.kind != listNode {
		return nil
	}
	out := make([]string, len(n.fields))
	for i, f := range n.fields {
		out[i] = f.value.string()
	}
	return out
}

func (n *node) int() *int {
	if i, ok := n.int64(); ok {
		x := int(i)
		return &x
	}
	return nil
}

func (n *node) float() *float64 {
	if r, ok := n.number(); ok {
		x, _ := r.Float64()
		return &x
	}
	return nil
}

// posOr returns the position of n, or otherwise if n is nil.
func (n *node) posOr(otherwise Pos) Pos {
	if n == nil || n.at.ref == nil {
		return otherwise
	}
	return n.at.pos()
}
