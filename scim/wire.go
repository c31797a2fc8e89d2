package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Schema URIs (RFC 7643 section 10, RFC 7644 section 8.2).
const (
	UserSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

	patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

type wireUser struct {
	Schemas           []string        `json:"schemas,omitempty"`
	ID                string          `json:"id,omitempty"`
	ExternalID        string          `json:"externalId,omitempty"`
	UserName          string          `json:"userName,omitempty"`
	Name              *wireName       `json:"name,omitempty"`
	DisplayName       string          `json:"displayName,omitempty"`
	NickName          string          `json:"nickName,omitempty"`
	ProfileURL        string          `json:"profileUrl,omitempty"`
	Title             string          `json:"title,omitempty"`
	UserType          string          `json:"userType,omitempty"`
	PreferredLanguage string          `json:"preferredLanguage,omitempty"`
	Locale            string          `json:"locale,omitempty"`
	Timezone          string          `json:"timezone,omitempty"`
	Active            *truth          `json:"active,omitempty"`
	Emails            []wireValue     `json:"emails,omitempty"`
	PhoneNumbers      []wireValue     `json:"phoneNumbers,omitempty"`
	Addresses         []wireAddress   `json:"addresses,omitempty"`
	Roles             []wireValue     `json:"roles,omitempty"`
	Enterprise        *wireEnterprise `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitempty"`
	Meta              *wireMeta       `json:"meta,omitempty"`
}

type wireName struct {
	Formatted       string `json:"formatted,omitempty"`
	FamilyName      string `json:"familyName,omitempty"`
	GivenName       string `json:"givenName,omitempty"`
	MiddleName      string `json:"middleName,omitempty"`
	HonorificPrefix string `json:"honorificPrefix,omitempty"`
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// wireValue is an email, a phone number or a role.
type wireValue struct {
	Value   string `json:"value,omitempty"`
	Type    string `json:"type,omitempty"`
	Display string `json:"display,omitempty"`
	Primary truth  `json:"primary,omitempty"`
}

type wireAddress struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"streetAddress,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postalCode,omitempty"`
	Country       string `json:"country,omitempty"`
	Type          string `json:"type,omitempty"`
	Primary       truth  `json:"primary,omitempty"`
}

type wireEnterprise struct {
	EmployeeNumber string       `json:"employeeNumber,omitempty"`
	CostCenter     string       `json:"costCenter,omitempty"`
	Organization   string       `json:"organization,omitempty"`
	Division       string       `json:"division,omitempty"`
	Department     string       `json:"department,omitempty"`
	Manager        *wireManager `json:"manager,omitempty"`
}

type wireManager struct {
	Value       string `json:"value,omitempty"`
	Ref         string `json:"$ref,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
}

type wireMeta struct {
	ResourceType string `json:"resourceType,omitempty"`
	Created      string `json:"created,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	Location     string `json:"location,omitempty"`
}

type wireGroup struct {
	Schemas     []string     `json:"schemas,omitempty"`
	ID          string       `json:"id,omitempty"`
	ExternalID  string       `json:"externalId,omitempty"`
	DisplayName string       `json:"displayName,omitempty"`
	Members     []wireMember `json:"members,omitempty"`
	Meta        *wireMeta    `json:"meta,omitempty"`
}

type wireMember struct {
	Value   string `json:"value,omitempty"`
	Display string `json:"display,omitempty"`
	Type    string `json:"type,omitempty"`
	Ref     string `json:"$ref,omitempty"`
}

// truth is a boolean that is read from "true" and "false" in quotes too, as
// some servers and the Developer Guide's own examples write it.
type truth bool

func (t *truth) UnmarshalJSON(data []byte) error {
	switch strings.ToLower(strings.Trim(string(data), `"`)) {
	case "true":
		*t = true
	case "false":
		*t = false
	case "null":
	default:
		return fmt.Errorf("want true or false, got %.40q", data)
	}
	return nil
}

// decodeUser reads a user. A user without id is none.
func decodeUser(data []byte) (*User, error) {
	var w wireUser
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	if w.ID == "" {
		return nil, errors.New("a user without id")
	}
	return w.user(), nil
}

// wireID is as much of an object as a membership needs.
type wireID struct {
	ID string `json:"id"`
}

func decodeID(data []byte) (*wireID, error) {
	var w wireID
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	if w.ID == "" {
		return nil, errors.New("an object without id")
	}
	return &w, nil
}

// decodeGroup reads a group. A group without id is none.
func (p Profile) decodeGroup(data []byte) (*Group, error) {
	var w wireGroup
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	if w.ID == "" {
		return nil, errors.New("a group without id")
	}
	return w.group(p), nil
}

func (w *wireUser) user() *User {
	u := &User{
		ID: w.ID, ExternalID: w.ExternalID, UserName: w.UserName,
		DisplayName: w.DisplayName, NickName: w.NickName, ProfileURL: w.ProfileURL, Title: w.Title, UserType: w.UserType,
		PreferredLanguage: w.PreferredLanguage, Locale: w.Locale, Timezone: w.Timezone,
		Active: (*bool)(w.Active), Meta: w.Meta.meta(),
	}
	if w.Name != nil {
		u.Name = Name(*w.Name)
	}
	for _, v := range w.Emails {
		u.Emails = append(u.Emails, Email{v.Value, v.Type, v.Display, bool(v.Primary)})
	}
	for _, v := range w.PhoneNumbers {
		u.PhoneNumbers = append(u.PhoneNumbers, PhoneNumber{v.Value, v.Type, v.Display, bool(v.Primary)})
	}
	for _, v := range w.Roles {
		u.Roles = append(u.Roles, Role{v.Value, v.Type, v.Display, bool(v.Primary)})
	}
	for _, a := range w.Addresses {
		u.Addresses = append(u.Addresses, Address{a.Formatted, a.StreetAddress, a.Locality, a.Region, a.PostalCode, a.Country, a.Type, bool(a.Primary)})
	}
	if e := w.Enterprise; e != nil {
		u.Enterprise = &Enterprise{
			EmployeeNumber: e.EmployeeNumber, CostCenter: e.CostCenter, Organization: e.Organization,
			Division: e.Division, Department: e.Department,
		}
		if e.Manager != nil {
			u.Enterprise.Manager = Manager(*e.Manager)
		}
		if *u.Enterprise == (Enterprise{}) {
			u.Enterprise = nil
		}
	}
	return u
}

func wireUserOf(u *User) *wireUser {
	w := &wireUser{
		Schemas: []string{UserSchema}, ID: u.ID, ExternalID: u.ExternalID, UserName: u.UserName,
		DisplayName: u.DisplayName, NickName: u.NickName, ProfileURL: u.ProfileURL, Title: u.Title, UserType: u.UserType,
		PreferredLanguage: u.PreferredLanguage, Locale: u.Locale, Timezone: u.Timezone,
		Active: (*truth)(u.Active), Name: wireNameOf(u.Name), Enterprise: wireEnterpriseOf(u.Enterprise),
	}
	if w.Enterprise != nil {
		w.Schemas = append(w.Schemas, EnterpriseSchema)
	}
	for _, v := range u.Emails {
		w.Emails = append(w.Emails, wireValue{v.Value, v.Type, v.Display, truth(v.Primary)})
	}
	for _, v := range u.PhoneNumbers {
		w.PhoneNumbers = append(w.PhoneNumbers, wireValue{v.Value, v.Type, v.Display, truth(v.Primary)})
	}
	for _, v := range u.Roles {
		w.Roles = append(w.Roles, wireValue{v.Value, v.Type, v.Display, truth(v.Primary)})
	}
	for _, a := range u.Addresses {
		w.Addresses = append(w.Addresses, wireAddress{a.Formatted, a.StreetAddress, a.Locality, a.Region, a.PostalCode, a.Country, a.Type, truth(a.Primary)})
	}
	return w
}

func wireNameOf(n Name) *wireName {
	if n == (Name{}) {
		return nil
	}
	w := wireName(n)
	return &w
}

func wireEnterpriseOf(e *Enterprise) *wireEnterprise {
	if e == nil || *e == (Enterprise{}) {
		return nil
	}
	w := &wireEnterprise{
		EmployeeNumber: e.EmployeeNumber, CostCenter: e.CostCenter, Organization: e.Organization,
		Division: e.Division, Department: e.Department,
	}
	if e.Manager != (Manager{}) {
		m := wireManager(e.Manager)
		w.Manager = &m
	}
	return w
}

// group makes the public form. Servers that show members may leave out an empty
// list, so for them absence is an empty group; IAM Identity Center shows an
// empty list for any group, so for it the list says nothing.
func (w *wireGroup) group(p Profile) *Group {
	g := &Group{ID: w.ID, ExternalID: w.ExternalID, DisplayName: w.DisplayName, Meta: w.Meta.meta()}
	if !p.showsMembers() {
		return g
	}
	g.Members = make([]Member, 0, len(w.Members))
	seen := make(map[string]bool, len(w.Members))
	for _, m := range w.Members {
		if m.Value != "" && !seen[m.Value] { // some servers keep a member twice
			seen[m.Value] = true
			g.Members = append(g.Members, Member(m))
		}
	}
	return g
}

func wireGroupOf(g *Group) *wireGroup {
	w := &wireGroup{Schemas: []string{GroupSchema}, ExternalID: g.ExternalID, DisplayName: g.DisplayName}
	for _, m := range g.Members {
		w.Members = append(w.Members, wireMember(m))
	}
	return w
}

func (w *wireMeta) meta() Meta {
	if w == nil {
		return Meta{}
	}
	m := Meta{ResourceType: w.ResourceType, Location: w.Location}
	// A date that cannot be read is worth less than the rest of the object.
	m.Created, _ = time.Parse(time.RFC3339, w.Created)
	m.LastModified, _ = time.Parse(time.RFC3339, w.LastModified)
	return m
}
