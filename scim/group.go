package scim

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// GroupSchema is the schema URI of groups (RFC 7643 section 10).
const GroupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group"

// Group is a group (RFC 7643 section 4.2).
type Group struct {
	ID          string `json:"id,omitempty"`         // assigned by the server, never changes
	ExternalID  string `json:"externalId,omitempty"` // assigned by the client
	DisplayName string `json:"displayName,omitempty"`

	// Members is nil if the members are unknown. IAM Identity Center never returns members.
	Members []Member `json:"members,omitempty"`
	Meta    Meta     `json:"meta,omitzero"`
}

// Member is a member of a group.
type Member struct {
	Value   string `json:"value,omitempty"` // the id of the user
	Display string `json:"display,omitempty"`
	Type    string `json:"type,omitempty"` // "User" or "Group"; IAM Identity Center has no nested groups
	Ref     string `json:"$ref,omitempty"`
}

// wireGroup is a group in the body of a request or a response.
type wireGroup struct {
	Schemas []string `json:"schemas,omitempty"`
	Group
}

// groupBody returns the body of a request that creates a group.
func groupBody(g *Group) ([]byte, error) {
	w := wireGroup{[]string{GroupSchema}, *g}
	w.ID, w.Meta, w.Members = "", Meta{}, nil
	body, err := json.Marshal(w)
	if err != nil || len(g.Members) == 0 {
		return body, err
	}
	body = append(body[:len(body)-1], `,"members":[`...) // without the end of the object
	for i, m := range g.Members {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = m.appendJSON(body); err != nil {
			return nil, err
		}
	}
	return append(body, "]}"...), nil
}

// appendJSON appends the member as JSON. Most members have only an id, and a new group has up to
// 100 of them.
func (m Member) appendJSON(b []byte) ([]byte, error) {
	if m == (Member{Value: m.Value}) && m.Value != "" && utf8.ValidString(m.Value) {
		b, err := jsontext.AppendQuote(append(b, `{"value":`...), m.Value)
		return append(b, '}'), err
	}
	data, err := json.Marshal(m)
	return append(b, data...), err
}

// decodeGroup reads a group. A group without an id is an error.
//
// Servers that return members may omit an empty list, so for them an absent list is an empty group.
// IAM Identity Center returns an empty list for every group, so its list is ignored.
func (p Profile) decodeGroup(d *jsontext.Decoder) (*Group, error) {
	g := &Group{}
	if err := decode(d, g); err != nil {
		return nil, err
	}
	if g.ID == "" {
		return nil, errors.New("a group without id")
	}
	members := g.Members
	g.Members = nil
	if p.returnsMembers() {
		g.Members = distinctMembers(members)
	}
	return g, nil
}

// distinctMembers removes duplicates, because some servers store a member twice. The result is
// never nil.
func distinctMembers(list []Member) []Member {
	members := make([]Member, 0, len(list))
	known := make(map[string]bool, len(list))
	for _, m := range list {
		if m.Value != "" && !known[m.Value] {
			known[m.Value] = true
			members = append(members, m)
		}
	}
	return members
}

// membersOf returns members with these user ids.
func membersOf(ids []string) []Member {
	members := make([]Member, len(ids))
	for i, id := range ids {
		members[i].Value = id
	}
	return members
}
