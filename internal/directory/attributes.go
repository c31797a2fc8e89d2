package directory

import (
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// field ties an attribute path to its place in a SCIM user. Each user has at most one e-mail, telephone number, address and role:
// AWS takes no more.
type field struct {
	path string
	get  func(*scim.User) string
	set  func(*scim.User, string)
}

// text is a field that is a plain string somewhere in the user; at returns its place, made if make is set, or nil.
func text(path string, at func(u *scim.User, make bool) *string) field {
	return field{path: path,
		get: func(u *scim.User) string {
			if p := at(u, false); p != nil {
				return *p
			}
			return ""
		},
		set: func(u *scim.User, v string) { *at(u, true) = v },
	}
}

// flag is a field that is true or absent.
func flag(path string, at func(u *scim.User, make bool) *bool) field {
	return field{path: path,
		get: func(u *scim.User) string {
			if p := at(u, false); p != nil && *p {
				return "true"
			}
			return ""
		},
		set: func(u *scim.User, v string) { *at(u, true) = v == "true" },
	}
}

func own(pick func(*scim.User) *string) func(*scim.User, bool) *string {
	return func(u *scim.User, _ bool) *string { return pick(u) }
}

// only returns the one element of a multi-valued attribute.
func only[T any](list *[]T, make bool) *T {
	if len(*list) == 0 {
		if !make {
			return nil
		}
		*list = append(*list, *new(T))
	}
	return &(*list)[0]
}

// of reads a part of the one element of a multi-valued attribute.
func of[T, V any](list func(*scim.User) *[]T, pick func(*T) *V) func(*scim.User, bool) *V {
	return func(u *scim.User, make bool) *V {
		if e := only(list(u), make); e != nil {
			return pick(e)
		}
		return nil
	}
}

func emails(u *scim.User) *[]scim.Email       { return &u.Emails }
func phones(u *scim.User) *[]scim.PhoneNumber { return &u.PhoneNumbers }
func addresses(u *scim.User) *[]scim.Address  { return &u.Addresses }
func roles(u *scim.User) *[]scim.Role         { return &u.Roles }

func enterprise(pick func(*scim.Enterprise) *string) func(*scim.User, bool) *string {
	return func(u *scim.User, make bool) *string {
		if u.Enterprise == nil {
			if !make {
				return nil
			}
			u.Enterprise = &scim.Enterprise{}
		}
		return pick(u.Enterprise)
	}
}

// fields is every attribute that AWS supports and roster manages, sorted by path.
var fields = [...]field{
	{path: "active",
		get: func(u *scim.User) string {
			switch {
			case u.Active == nil:
				return ""
			case *u.Active:
				return "true"
			}
			return "false"
		},
		set: func(u *scim.User, v string) { active := v == "true"; u.Active = &active }},
	text("addresses.country", of(addresses, func(a *scim.Address) *string { return &a.Country })),
	text("addresses.formatted", of(addresses, func(a *scim.Address) *string { return &a.Formatted })),
	text("addresses.locality", of(addresses, func(a *scim.Address) *string { return &a.Locality })),
	text("addresses.postalCode", of(addresses, func(a *scim.Address) *string { return &a.PostalCode })),
	flag("addresses.primary", of(addresses, func(a *scim.Address) *bool { return &a.Primary })),
	text("addresses.region", of(addresses, func(a *scim.Address) *string { return &a.Region })),
	text("addresses.streetAddress", of(addresses, func(a *scim.Address) *string { return &a.StreetAddress })),
	text("addresses.type", of(addresses, func(a *scim.Address) *string { return &a.Type })),
	text("displayName", own(func(u *scim.User) *string { return &u.DisplayName })),
	flag("emails.primary", of(emails, func(e *scim.Email) *bool { return &e.Primary })),
	text("emails.type", of(emails, func(e *scim.Email) *string { return &e.Type })),
	text("emails.value", of(emails, func(e *scim.Email) *string { return &e.Value })),
	text("externalId", own(func(u *scim.User) *string { return &u.ExternalID })),
	text("locale", own(func(u *scim.User) *string { return &u.Locale })),
	text("name.familyName", own(func(u *scim.User) *string { return &u.Name.FamilyName })),
	text("name.formatted", own(func(u *scim.User) *string { return &u.Name.Formatted })),
	text("name.givenName", own(func(u *scim.User) *string { return &u.Name.GivenName })),
	text("name.honorificPrefix", own(func(u *scim.User) *string { return &u.Name.HonorificPrefix })),
	text("name.honorificSuffix", own(func(u *scim.User) *string { return &u.Name.HonorificSuffix })),
	text("name.middleName", own(func(u *scim.User) *string { return &u.Name.MiddleName })),
	text("nickName", own(func(u *scim.User) *string { return &u.NickName })),
	flag("phoneNumbers.primary", of(phones, func(p *scim.PhoneNumber) *bool { return &p.Primary })),
	text("phoneNumbers.type", of(phones, func(p *scim.PhoneNumber) *string { return &p.Type })),
	text("phoneNumbers.value", of(phones, func(p *scim.PhoneNumber) *string { return &p.Value })),
	text("preferredLanguage", own(func(u *scim.User) *string { return &u.PreferredLanguage })),
	text("profileUrl", own(func(u *scim.User) *string { return &u.ProfileURL })),
	flag("roles.primary", of(roles, func(r *scim.Role) *bool { return &r.Primary })),
	text("roles.type", of(roles, func(r *scim.Role) *string { return &r.Type })),
	text("roles.value", of(roles, func(r *scim.Role) *string { return &r.Value })),
	text("timezone", own(func(u *scim.User) *string { return &u.Timezone })),
	text("title", own(func(u *scim.User) *string { return &u.Title })),
	text(schema.EnterpriseUser+":costCenter", enterprise(func(e *scim.Enterprise) *string { return &e.CostCenter })),
	text(schema.EnterpriseUser+":department", enterprise(func(e *scim.Enterprise) *string { return &e.Department })),
	text(schema.EnterpriseUser+":division", enterprise(func(e *scim.Enterprise) *string { return &e.Division })),
	text(schema.EnterpriseUser+":employeeNumber", enterprise(func(e *scim.Enterprise) *string { return &e.EmployeeNumber })),
	text(schema.EnterpriseUser+":manager.value", enterprise(func(e *scim.Enterprise) *string { return &e.Manager.Value })),
	text(schema.EnterpriseUser+":organization", enterprise(func(e *scim.Enterprise) *string { return &e.Organization })),
	text("userName", own(func(u *scim.User) *string { return &u.UserName })),
	text("userType", own(func(u *scim.User) *string { return &u.UserType })),
}

// flatten lists what a SCIM user has, by path.
func flatten(u *scim.User) reconcile.Attributes {
	out := make(reconcile.Attributes, 0, 10)
	for i := range fields {
		if v := fields[i].get(u); v != "" {
			out = append(out, schema.Attribute{Path: fields[i].path, Value: v})
		}
	}
	return out
}

// unflatten is the inverse of flatten. A path that AWS does not know is returned in unknown.
func unflatten(attributes reconcile.Attributes) (u *scim.User, unknown string) {
	u = &scim.User{}
	i := 0
	for _, a := range attributes {
		for i < len(fields) && fields[i].path < a.Path {
			i++
		}
		if i == len(fields) || fields[i].path != a.Path {
			return u, a.Path
		}
		if strings.TrimSpace(a.Value) != "" {
			fields[i].set(u, a.Value)
		}
	}
	return u, ""
}
