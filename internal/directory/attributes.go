package directory

import (
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// attribute maps an attribute path to a field of a SCIM user. get returns "" if the user does not
// have the attribute.
type attribute struct {
	path string
	get  func(*scim.User) string
	set  func(*scim.User, string)
}

// attributes is the table of the attributes that AWS supports and roster manages, sorted by path.
// Each user has at most one email, phone number, address and role, because AWS accepts no more.
var attributes = [...]attribute{
	{"active", getActive, setActive},
	text("addresses.country", first(addresses, func(a *scim.Address) *string { return &a.Country })),
	text("addresses.formatted", first(addresses, func(a *scim.Address) *string { return &a.Formatted })),
	text("addresses.locality", first(addresses, func(a *scim.Address) *string { return &a.Locality })),
	text("addresses.postalCode", first(addresses, func(a *scim.Address) *string { return &a.PostalCode })),
	flag("addresses.primary", first(addresses, func(a *scim.Address) *scim.Bool { return &a.Primary })),
	text("addresses.region", first(addresses, func(a *scim.Address) *string { return &a.Region })),
	text("addresses.streetAddress", first(addresses, func(a *scim.Address) *string { return &a.StreetAddress })),
	text("addresses.type", first(addresses, func(a *scim.Address) *string { return &a.Type })),
	text("displayName", always(func(u *scim.User) *string { return &u.DisplayName })),
	flag("emails.primary", first(emails, func(e *scim.Email) *scim.Bool { return &e.Primary })),
	text("emails.type", first(emails, func(e *scim.Email) *string { return &e.Type })),
	text("emails.value", first(emails, func(e *scim.Email) *string { return &e.Value })),
	text("externalId", always(func(u *scim.User) *string { return &u.ExternalID })),
	text("locale", always(func(u *scim.User) *string { return &u.Locale })),
	text("name.familyName", always(func(u *scim.User) *string { return &u.Name.FamilyName })),
	text("name.formatted", always(func(u *scim.User) *string { return &u.Name.Formatted })),
	text("name.givenName", always(func(u *scim.User) *string { return &u.Name.GivenName })),
	text("name.honorificPrefix", always(func(u *scim.User) *string { return &u.Name.HonorificPrefix })),
	text("name.honorificSuffix", always(func(u *scim.User) *string { return &u.Name.HonorificSuffix })),
	text("name.middleName", always(func(u *scim.User) *string { return &u.Name.MiddleName })),
	text("nickName", always(func(u *scim.User) *string { return &u.NickName })),
	flag("phoneNumbers.primary", first(phoneNumbers, func(p *scim.PhoneNumber) *scim.Bool { return &p.Primary })),
	text("phoneNumbers.type", first(phoneNumbers, func(p *scim.PhoneNumber) *string { return &p.Type })),
	text("phoneNumbers.value", first(phoneNumbers, func(p *scim.PhoneNumber) *string { return &p.Value })),
	text("preferredLanguage", always(func(u *scim.User) *string { return &u.PreferredLanguage })),
	text("profileUrl", always(func(u *scim.User) *string { return &u.ProfileURL })),
	flag("roles.primary", first(roles, func(r *scim.Role) *scim.Bool { return &r.Primary })),
	text("roles.type", first(roles, func(r *scim.Role) *string { return &r.Type })),
	text("roles.value", first(roles, func(r *scim.Role) *string { return &r.Value })),
	text("timezone", always(func(u *scim.User) *string { return &u.Timezone })),
	text("title", always(func(u *scim.User) *string { return &u.Title })),
	enterprise("costCenter", func(e *scim.Enterprise) *string { return &e.CostCenter }),
	enterprise("department", func(e *scim.Enterprise) *string { return &e.Department }),
	enterprise("division", func(e *scim.Enterprise) *string { return &e.Division }),
	enterprise("employeeNumber", func(e *scim.Enterprise) *string { return &e.EmployeeNumber }),
	enterprise("manager.value", func(e *scim.Enterprise) *string { return &e.Manager.Value }),
	enterprise("organization", func(e *scim.Enterprise) *string { return &e.Organization }),
	text("userName", always(func(u *scim.User) *string { return &u.UserName })),
	text("userType", always(func(u *scim.User) *string { return &u.UserType })),
}

// location returns a pointer to a field of a user. If the part of the user that contains the field
// is absent, location creates it when create is set, and returns nil otherwise.
type location[V any] func(u *scim.User, create bool) *V

// text is an attribute that is a string.
func text(path string, at location[string]) attribute {
	return attribute{path,
		func(u *scim.User) string {
			if p := at(u, false); p != nil {
				return *p
			}
			return ""
		},
		func(u *scim.User, v string) { *at(u, true) = v },
	}
}

// flag is an attribute that is either true or absent.
func flag(path string, at location[scim.Bool]) attribute {
	return attribute{path,
		func(u *scim.User) string {
			if p := at(u, false); p != nil && bool(*p) {
				return "true"
			}
			return ""
		},
		func(u *scim.User, v string) { *at(u, true) = v == "true" },
	}
}

// enterprise is an attribute of the enterprise extension.
func enterprise(name string, field func(*scim.Enterprise) *string) attribute {
	return text(schema.EnterpriseUser+":"+name, func(u *scim.User, create bool) *string {
		if u.Enterprise == nil {
			if !create {
				return nil
			}
			u.Enterprise = &scim.Enterprise{}
		}
		return field(u.Enterprise)
	})
}

// always locates a field that every user has.
func always(field func(*scim.User) *string) location[string] {
	return func(u *scim.User, _ bool) *string { return field(u) }
}

// first locates a field of the first element of a list.
func first[T, V any](list func(*scim.User) *[]T, field func(*T) *V) location[V] {
	return func(u *scim.User, create bool) *V {
		elements := list(u)
		if len(*elements) == 0 {
			if !create {
				return nil
			}
			*elements = append(*elements, *new(T))
		}
		return field(&(*elements)[0])
	}
}

func emails(u *scim.User) *[]scim.Email             { return &u.Emails }
func phoneNumbers(u *scim.User) *[]scim.PhoneNumber { return &u.PhoneNumbers }
func addresses(u *scim.User) *[]scim.Address        { return &u.Addresses }
func roles(u *scim.User) *[]scim.Role               { return &u.Roles }

func getActive(u *scim.User) string {
	switch {
	case u.Active == nil:
		return ""
	case bool(*u.Active):
		return "true"
	}
	return "false"
}

func setActive(u *scim.User, v string) { u.Active = new(scim.Bool(v == "true")) }

// flatten returns the attributes of a SCIM user, sorted by path.
func flatten(u *scim.User) reconcile.Attributes {
	out := make(reconcile.Attributes, 0, 10)
	for i := range attributes {
		if v := attributes[i].get(u); v != "" {
			out = append(out, schema.Attribute{Path: attributes[i].path, Value: v})
		}
	}
	return out
}

// unflatten is the inverse of flatten. unknown is the first path that is not in the table, or "".
func unflatten(values reconcile.Attributes) (u *scim.User, unknown string) {
	u = &scim.User{}
	i := 0
	for _, a := range values {
		for i < len(attributes) && attributes[i].path < a.Path {
			i++
		}
		if i == len(attributes) || attributes[i].path != a.Path {
			return u, a.Path
		}
		if strings.TrimSpace(a.Value) != "" {
			attributes[i].set(u, a.Value)
		}
	}
	return u, ""
}
