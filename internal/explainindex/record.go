package explainindex

import (
	"encoding/binary"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// userRecord is one user of a shard. File is the number of a text.
type userRecord struct {
	_                                       struct{} `cbor:",toarray"`
	Key, UserID, FirstName, LastName, Email string
	State                                   schema.UserState
	File                                    uint64
	Line, Column                            int
	AttributeNames                          int // the number of a list of names
	Attributes                              []any
	ValidFrom, ValidUntil                   string // as declared; "" for no date
	Previously                              []string
	Direct                                  []byte // the declared memberships: see appendMembership
	// Mapped are the results of the mappings for the user as declared, in the order of mappingKeys;
	// Outside those outside the validity, empty if there is none.
	Mapped, Outside []mappedRecord
}

// mappedRecord is the result of a mapping. Paths is the number of a list of SCIM paths.
type mappedRecord struct {
	_      struct{} `cbor:",toarray"`
	Error  string
	Paths  int
	Values []string
}

// mappingKeys returns the mappings that provisioners use, sorted.
func mappingKeys(d *schema.Declarations) []string {
	var out []string
	for _, p := range d.Provisioners {
		if d.Mappings[p.Mapping] != nil && !slices.Contains(out, p.Mapping) {
			out = append(out, p.Mapping)
		}
	}
	slices.Sort(out)
	return out
}

func dateText(d *schema.Date) string {
	if d == nil {
		return ""
	}
	return d.Text
}

// appendMembership appends a membership of a group, whose key has a number.
func (t *textTable) appendMembership(to []byte, group uint64, m *schema.GroupMember) []byte {
	for _, n := range [...]uint64{group, t.number(m.Pos.File), uint64(m.Pos.Line), uint64(m.Pos.Column),
		t.number(dateText(m.Until)), t.number(m.Reason)} {
		to = binary.AppendUvarint(to, n)
	}
	return to
}

// membershipReader reads what appendMembership has written.
type membershipReader struct {
	index *Index
	data  []byte
	err   error
}

func (r *membershipReader) number() uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 {
		r.err, r.data = errDamaged, nil
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *membershipReader) text() string {
	text, err := r.index.texts.at(r.number())
	if err != nil {
		r.err = err
	}
	return text
}

// direct returns the memberships of a record.
func (i *Index) direct(record *userRecord) ([]explain.DirectMembership, error) {
	r := &membershipReader{index: i, data: record.Direct}
	var out []explain.DirectMembership
	for len(r.data) > 0 {
		m := explain.DirectMembership{Group: r.text()}
		m.Pos = schema.Pos{File: r.text(), Line: int(r.number()), Column: int(r.number())}
		until := r.text()
		m.Reason = r.text()
		if r.err == nil {
			m.Until, r.err = i.date(until)
		}
		if r.err != nil {
			return nil, r.err
		}
		out = append(out, m)
	}
	return out, nil
}

// date returns the date of a text; nil for "".
func (i *Index) date(text string) (*schema.Date, error) {
	if text == "" {
		return nil, nil
	}
	if d := schema.NewDate(text, i.organization.Timezone); d != nil {
		return d, nil
	}
	return nil, errDamaged
}

// declaredUser returns the user of a record.
func (i *Index) declaredUser(r *userRecord) (*schema.User, error) {
	u := &schema.User{Key: r.Key, UserID: r.UserID, FirstName: r.FirstName, LastName: r.LastName, Email: r.Email,
		State: r.State, Pos: schema.Pos{Line: r.Line, Column: r.Column}, Previously: r.Previously,
		Attributes: make(map[string]any, len(r.Attributes))}
	names, err := i.lists.at(r.AttributeNames, len(r.Attributes))
	if err != nil {
		return nil, err
	}
	for n, name := range names {
		u.Attributes[name] = attributeValue(r.Attributes[n])
	}
	if u.Pos.File, err = i.texts.at(r.File); err != nil {
		return nil, err
	}
	if u.ValidFrom, err = i.date(r.ValidFrom); err != nil {
		return nil, err
	}
	u.ValidUntil, err = i.date(r.ValidUntil)
	return u, err
}

// attributeValue returns a decoded value as declarations have it.
func attributeValue(v any) any {
	list, isList := v.([]any)
	if !isList {
		return v
	}
	out := make([]string, len(list))
	for n, v := range list {
		out[n], _ = v.(string) // lists have only texts
	}
	return out
}

// mapped returns the results of the mappings by provisioner.
func (i *Index) mapped(records []mappedRecord) (map[string]explain.MappedUser, error) {
	if len(records) != len(i.mappings) {
		return nil, errDamaged
	}
	out := make(map[string]explain.MappedUser, len(i.organization.Provisioners))
	for key, p := range i.organization.Provisioners {
		n, found := slices.BinarySearch(i.mappings, p.Mapping)
		if !found {
			continue
		}
		r := &records[n]
		paths, err := i.lists.at(r.Paths, len(r.Values))
		if err != nil {
			return nil, err
		}
		attributes := make(schema.Attributes, len(r.Values))
		for v, value := range r.Values {
			attributes[v] = schema.Attribute{Path: paths[v], Value: value}
		}
		out[key] = explain.NewMappedUser(i.organization.Mappings[p.Mapping], attributes, r.Error)
	}
	return out, nil
}
