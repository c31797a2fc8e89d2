package declaration

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/civil"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Binder converts checked nodes to declarations. It converts invalid ones as far as possible, so
// that checks across declarations still run. It is not safe for concurrent use.
type Binder struct {
	zone *time.Location
	// dates are shared by text, because many memberships end on the same date.
	dates map[string]*Date
	// Problems are the unknown timezones so far.
	Problems tree.Problems
}

// NewBinder returns a binder for declarations whose bare dates are in a timezone.
func NewBinder(zone *time.Location) *Binder { return &Binder{zone: zone, dates: map[string]*Date{}} }

// LoadZone returns a timezone by its name in the IANA database.
func LoadZone(name string) (*time.Location, error) { return civil.LoadZone(name) }

// Timezone returns a timezone by name, or otherwise if there is none.
func (b *Binder) Timezone(n *tree.Node, path string, otherwise *time.Location) *time.Location {
	name := n.Str()
	if name == "" {
		return otherwise
	}
	zone, err := civil.LoadZone(name)
	if err != nil {
		p := tree.BadTimezone.Problem(n.At.Pos(), path, "unknown timezone").WithValue(tree.Quote(name))
		p.Advice = tree.Suggestion(name, civil.ZoneNames(), p.Advice)
		b.Problems = append(b.Problems, p)
		return otherwise
	}
	return zone
}

// date returns the date of a node, or nil. The compiled schema has rejected invalid dates.
func (b *Binder) date(n *tree.Node) *Date {
	text := n.Str()
	if text == "" {
		return nil
	}
	have, ok := b.dates[text]
	if !ok {
		have = NewDate(text, b.zone)
		b.dates[text] = have
	}
	return have
}

// NewDate parses a date. It returns nil if the text is invalid.
func NewDate(text string, zone *time.Location) *Date {
	if day, err := civil.ParseDate(text); err == nil {
		return &Date{Text: text, Start: day.Start(zone), End: day.End(zone)}
	}
	if moment, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return &Date{Text: text, Start: moment, End: moment}
	}
	return nil
}

// AttributeType converts a custom attribute.
func (b *Binder) AttributeType(key string, at tree.Pos, n *tree.Node) *AttributeType {
	return &AttributeType{Key: key, Pos: at, Type: n.Child("type").Str(), Redact: n.Child("redact").Bool()}
}

// User converts a user.
func (b *Binder) User(key string, at tree.Pos, n *tree.Node) *User {
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

// Group converts a group.
func (b *Binder) Group(key string, at tree.Pos, n *tree.Node) *Group {
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
