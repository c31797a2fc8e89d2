package schema

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/civil"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
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
	if n := l.root.Child("timezone"); n != nil {
		d.Timezone = l.zone(n, "timezone", time.UTC)
	}
	if l.accepted != nil {
		d.Users, d.Groups = l.accepted.users, l.accepted.groups
	}
	b := &binder{loader: l, d: d, dates: map[string]*Date{}}
	each := func(kind string, bind func(key string, at tree.Pos, n *tree.Node)) {
		if records := l.root.Child(kind); records != nil && records.Kind == tree.Struct {
			for _, f := range records.Fields {
				bind(f.Name, f.At.Pos(), f.Value)
			}
		}
	}
	each("attributeTypes", b.attributeType)
	each("users", func(key string, at tree.Pos, n *tree.Node) { d.Users[key] = b.user(key, at, n) })
	each("groups", func(key string, at tree.Pos, n *tree.Node) { d.Groups[key] = b.group(key, at, n) })
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
func (l *loader) zone(n *tree.Node, path string, otherwise *time.Location) *time.Location {
	name := n.Str()
	if name == "" {
		return otherwise
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.Report(tree.BadTimezone.Problem(n.At.Pos(), path, "unknown timezone").WithValue(tree.Quote(name)))
		return otherwise
	}
	return zone
}

// date returns the date of a node, or nil. The compiled schema has rejected invalid dates.
func (b *binder) date(n *tree.Node) *Date {
	text := n.Str()
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
	if day, err := civil.ParseDate(text); err == nil {
		return &Date{Text: text, Start: day.Start(zone), End: day.End(zone)}
	}
	if moment, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return &Date{Text: text, Start: moment, End: moment}
	}
	return nil
}

func (b *binder) attributeType(key string, at tree.Pos, n *tree.Node) {
	b.d.AttributeTypes[key] = &AttributeType{
		Key: key, Pos: at, Type: n.Child("type").Str(), Redact: n.Child("redact").Bool(),
	}
}

func (b *binder) user(key string, at tree.Pos, n *tree.Node) *User {
	u := &User{Key: key, Pos: at}
	for _, f := range n.Fields {
		switch v := f.Value; f.Name {
		case "userId":
			u.UserID = v.Str()
		case "firstName":
			u.FirstName = v.Str()
		case "lastName":
			u.LastName = v.Str()
		case "email":
			u.Email = v.Str()
		case "state":
			u.State = UserState(v.Str())
		case "validFrom":
			u.ValidFrom = b.date(v)
		case "validUntil":
			u.ValidUntil = b.date(v)
		case "previously":
			u.Previously = slices.Sorted(maps.Keys(v.FieldPositions()))
		case "attributes":
			u.Attributes = make(map[string]any, len(v.Fields))
			for _, a := range v.Fields {
				if x := a.Value.GoValue(); x != nil {
					u.Attributes[a.Name] = x
				}
			}
		}
	}
	return u
}

func (b *binder) group(key string, at tree.Pos, n *tree.Node) *Group {
	g := &Group{Key: key, Pos: at}
	for _, f := range n.Fields {
		switch v := f.Value; f.Name {
		case "displayName":
			g.DisplayName = v.Str()
		case "description":
			g.Description = v.Str()
		case "members":
			g.Members = make([]GroupMember, len(v.Fields))
			for i, m := range v.Fields {
				g.Members[i] = GroupMember{
					User: m.Name, Pos: m.At.Pos(),
					Until: b.date(m.Value.Child("until")), Reason: m.Value.Child("reason").Str(),
				}
			}
			sortMembers(g.Members)
		case "include":
			g.Include = v.FieldPositions()
		case "where":
			g.Where = bindRule(f)
		case "previously":
			g.Previously = slices.Sorted(maps.Keys(v.FieldPositions()))
		}
	}
	return g
}

func bindRule(f tree.Field) *Rule {
	r := &Rule{Pos: f.At.Pos(), Fields: make(map[string][]any, len(f.Value.Fields))}
	for _, c := range f.Value.Fields {
		if c.Value.Kind != tree.List {
			r.Fields[c.Name] = []any{c.Value.GoValue()}
			continue
		}
		for _, e := range c.Value.Fields {
			r.Fields[c.Name] = append(r.Fields[c.Name], e.Value.GoValue())
		}
	}
	return r
}
