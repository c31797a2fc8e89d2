package scim

import (
	"encoding/json"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// Schema URIs of users (RFC 7643 section 10).
const (
	UserSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	EnterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// User is a user (RFC 7643 section 4.1), without the attributes that IAM Identity Center does not
// support: password, ims, photos, entitlements and x509Certificates. An empty string is an absent
// attribute. The client never sends it, because IAM Identity Center rejects empty values.
//
// IAM Identity Center requires UserName, DisplayName, Name.GivenName and Name.FamilyName. It
// accepts at most one email, phone number, address and role, and requires the email to be primary.
//
// The fields are the client's table of attributes, one row each: requests and responses are encoded
// by the JSON names, and [Profile.UserOps] compares the fields and derives the paths of a PATCH
// from the JSON names. The order of the fields is their order in requests.
type User struct {
	ID         string `json:"id,omitempty"`         // assigned by the server, never changes
	ExternalID string `json:"externalId,omitempty"` // assigned by the client
	UserName   string `json:"userName,omitempty"`
	Name       Name   `json:"name,omitzero"`

	DisplayName       string `json:"displayName,omitempty"`
	NickName          string `json:"nickName,omitempty"`
	ProfileURL        string `json:"profileUrl,omitempty"`
	Title             string `json:"title,omitempty"`
	UserType          string `json:"userType,omitempty"`
	PreferredLanguage string `json:"preferredLanguage,omitempty"`
	Locale            string `json:"locale,omitempty"`
	Timezone          string `json:"timezone,omitempty"`

	// Active is nil if the attribute is absent. IAM Identity Center does not document the default
	// for a new user, so set it when you create one.
	Active *Bool `json:"active,omitempty"`

	Emails       []Email       `json:"emails,omitempty"`
	PhoneNumbers []PhoneNumber `json:"phoneNumbers,omitempty"`
	Addresses    []Address     `json:"addresses,omitempty"`
	Roles        []Role        `json:"roles,omitempty"`

	Enterprise *Enterprise `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitzero"`
	Meta       Meta        `json:"meta,omitzero"`
}

// IsActive reports whether the server sent that the user is active.
func (u *User) IsActive() bool { return u.Active != nil && bool(*u.Active) }

// Name is the name of a user, in parts.
type Name struct {
	Formatted       string `json:"formatted,omitempty"`
	FamilyName      string `json:"familyName,omitempty"`
	GivenName       string `json:"givenName,omitempty"`
	MiddleName      string `json:"middleName,omitempty"`
	HonorificPrefix string `json:"honorificPrefix,omitempty"`
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// Email is an email address.
type Email struct {
	Value   string `json:"value,omitempty"`
	Type    string `json:"type,omitempty"`
	Display string `json:"display,omitempty"`
	Primary Bool   `json:"primary,omitempty"`
}

// PhoneNumber is a telephone number.
type PhoneNumber struct {
	Value   string `json:"value,omitempty"`
	Type    string `json:"type,omitempty"`
	Display string `json:"display,omitempty"`
	Primary Bool   `json:"primary,omitempty"`
}

// Role is a role of a user. Its meaning depends on the server.
type Role struct {
	Value   string `json:"value,omitempty"`
	Type    string `json:"type,omitempty"`
	Display string `json:"display,omitempty"`
	Primary Bool   `json:"primary,omitempty"`
}

// Address is a postal address.
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"streetAddress,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postalCode,omitempty"`
	Country       string `json:"country,omitempty"`
	Type          string `json:"type,omitempty"`
	Primary       Bool   `json:"primary,omitempty"`
}

// Enterprise is the enterprise extension (RFC 7643 section 4.3).
type Enterprise struct {
	EmployeeNumber string  `json:"employeeNumber,omitempty"`
	CostCenter     string  `json:"costCenter,omitempty"`
	Organization   string  `json:"organization,omitempty"`
	Division       string  `json:"division,omitempty"`
	Department     string  `json:"department,omitempty"`
	Manager        Manager `json:"manager,omitzero"`
}

// IsZero reports whether the extension has no attribute. It is then absent in JSON.
func (e Enterprise) IsZero() bool { return e == Enterprise{} }

// Manager is a user's manager. Value is the id of the manager. IAM Identity Center accepts Ref but
// does not return it, and rejects DisplayName.
type Manager struct {
	Value       string `json:"value,omitempty"`
	Ref         string `json:"$ref,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
}

// wireUser is a user in the body of a request or a response.
type wireUser struct {
	Schemas []string `json:"schemas,omitempty"`
	User
}

// userBody returns the body of a request that creates or replaces a user. The id is empty if the
// user is created.
func userBody(u *User, id string) ([]byte, error) {
	w := wireUser{[]string{UserSchema}, *u}
	w.ID, w.Meta = id, Meta{}
	if w.Enterprise != nil && !w.Enterprise.IsZero() {
		w.Schemas = append(w.Schemas, EnterpriseSchema)
	}
	return json.Marshal(w)
}

// decodeUser reads a user. A user without an id is an error.
func decodeUser(d *jsontext.Decoder) (*User, error) {
	u := &User{}
	if err := decode(d, u); err != nil {
		return nil, err
	}
	if u.ID == "" {
		return nil, errors.New("a user without id")
	}
	if u.Enterprise != nil && u.Enterprise.IsZero() {
		u.Enterprise = nil
	}
	dropEmptyLists(u)
	return u, nil
}
