package scim

import "time"

// User is a user as RFC 7643 section 4.1 describes one, without the attributes
// that IAM Identity Center does not support (password, ims, photos,
// entitlements, x509Certificates). An empty string stands for an absent
// attribute; it is never sent, for the service refuses empty values.
//
// IAM Identity Center requires UserName, DisplayName, Name.GivenName and
// Name.FamilyName, takes at most one email, phone number, address and role, and
// wants the email to be primary.
type User struct {
	ID         string // given by the server, never changes
	ExternalID string // ours
	UserName   string
	Name       Name

	DisplayName       string
	NickName          string
	ProfileURL        string
	Title             string
	UserType          string
	PreferredLanguage string
	Locale            string
	Timezone          string

	// Active nil means not said. What the service makes of that when it creates
	// a user is not documented: always say it.
	Active *bool

	Emails       []Email
	PhoneNumbers []PhoneNumber
	Addresses    []Address
	Roles        []Role

	Enterprise *Enterprise // nil: none
	Meta       Meta
}

// Name is the name of a person, in parts.
type Name struct {
	Formatted, FamilyName, GivenName, MiddleName, HonorificPrefix, HonorificSuffix string
}

// Email is an email address.
type Email struct {
	Value, Type, Display string
	Primary              bool
}

// PhoneNumber is a telephone number.
type PhoneNumber struct {
	Value, Type, Display string
	Primary              bool
}

// Role is a role of a user, a word that means something to the service.
type Role struct {
	Value, Type, Display string
	Primary              bool
}

// Address is a postal address.
type Address struct {
	Formatted, StreetAddress, Locality, Region, PostalCode, Country, Type string
	Primary                                                               bool
}

// Enterprise is the enterprise extension (RFC 7643 section 4.3).
type Enterprise struct {
	EmployeeNumber, CostCenter, Organization, Division, Department string
	Manager                                                        Manager
}

// Manager names a user's manager by id. IAM Identity Center takes Ref but does
// not show it again, and refuses DisplayName.
type Manager struct {
	Value, Ref, DisplayName string
}

// Meta is what the server says about an object. The times are zero if it does
// not say.
type Meta struct {
	ResourceType string
	Created      time.Time
	LastModified time.Time
	Location     string
}

// IsActive says whether the server said that the user is active.
func (u *User) IsActive() bool { return u.Active != nil && *u.Active }

// Group is a group (RFC 7643 section 4.2).
type Group struct {
	ID          string // given by the server, never changes
	ExternalID  string // ours
	DisplayName string

	// Members nil means unknown: IAM Identity Center never shows members.
	Members []Member
	Meta    Meta
}

// Member is a member of a group.
type Member struct {
	Value   string // the id of the user
	Display string
	Type    string // "User" or "Group"; IAM Identity Center knows no nested groups
	Ref     string
}
