package awssim

import "slices"

// resource is a type of object that the endpoint keeps.
type resource struct {
	name      string // "User"
	endpoint  string // "Users"
	urn       string
	about     string
	attrs     []*attribute
	extension *attribute // the enterprise extension, named by its URN; nil for groups

	// What the directory looks things up by.
	externalID, userName, displayName, emails, value, active, members *attribute
}

func newResource(r resource) *resource {
	link(r.attrs)
	r.externalID = find(r.attrs, "externalId", true)
	r.userName = find(r.attrs, "userName", true)
	r.displayName = find(r.attrs, "displayName", true)
	r.active = find(r.attrs, "active", true)
	r.members = find(r.attrs, "members", true)
	r.extension = find(r.attrs, urnEnterprise, true)
	if r.emails = find(r.attrs, "emails", true); r.emails != nil {
		r.value = find(r.emails.subs, "value", true)
	}
	return &r
}

// email is the user's primary email address, "" if there is none.
func (r *resource) email(o object) string {
	list, _ := o.get(r.emails).([]object)
	for _, e := range list {
		if primary, _ := e.named("primary").(bool); primary {
			return e.text(r.value)
		}
	}
	return ""
}

// awsUser is the user of IAM Identity Center: the developer guide's CreateUser, PatchUser and limitations pages, the user
// guide's table of supported attributes, and the lengths and patterns of the Identity Store service model.
func awsUser(rules *rules, opt Options) *resource {
	forbid := "<>;:%"
	if opt.AllowSpecialChars {
		forbid = ""
	}
	name := &charset{max: 128, forbid: forbid}
	id := &charset{max: 256, forbid: forbid}
	text := &charset{max: 1024, extra: "\t\n\r \u00a0\u3000", forbid: forbid}
	link := &charset{max: 1024, extra: text.extra}
	str := func(name string) *attribute { return &attribute{name: name, chars: text} }
	must := func(a *attribute) *attribute { a.required = true; return a }
	one := func(name string, subs ...*attribute) *attribute {
		return &attribute{name: name, kind: kindComplex, many: true, limit: 1, subs: subs}
	}
	primary := func() *attribute { return &attribute{name: "primary", kind: kindBoolean} }

	attrs := []*attribute{
		{name: "externalId", chars: id, caseExact: true, unique: true},
		{name: "userName", chars: name, required: true, unique: true},
		{name: "name", kind: kindComplex, required: true, subs: []*attribute{
			str("formatted"), must(str("familyName")), must(str("givenName")),
			str("middleName"), str("honorificPrefix"), str("honorificSuffix"),
		}},
		must(str("displayName")),
		str("nickName"),
		{name: "profileUrl", kind: kindReference, chars: link, uncreated: true},
		str("title"), str("userType"), str("preferredLanguage"), str("locale"), str("timezone"),
		{name: "active", kind: kindBoolean},
		one("emails", must(str("value")), str("type"), must(primary())),
		one("addresses", str("formatted"), str("streetAddress"), str("locality"), str("region"),
			str("postalCode"), str("country"), str("type"), primary()),
		one("phoneNumbers", must(str("value")), str("type"), primary()),
	}
	if rules.roles {
		roles := one("roles", must(str("value")), str("type"), primary())
		roles.unpatched = true
		attrs = append(attrs, roles)
	}
	attrs = append(attrs, &attribute{name: urnEnterprise, kind: kindComplex, subs: []*attribute{
		str("employeeNumber"), str("costCenter"), str("organization"), str("division"), str("department"),
		{name: "manager", kind: kindComplex, subs: []*attribute{
			str("value"), {name: "$ref", kind: kindReference, chars: link, unread: true},
		}},
	}})
	return newResource(resource{name: "User", endpoint: "Users", urn: urnUser, about: "User Account", attrs: attrs})
}

// awsGroup is the group of IAM Identity Center.
func awsGroup(opt Options) *resource {
	forbid := "<>;:%"
	if opt.AllowSpecialChars {
		forbid = ""
	}
	return newResource(resource{name: "Group", endpoint: "Groups", urn: urnGroup, about: "Group", attrs: []*attribute{
		{name: "externalId", chars: &charset{max: 256, forbid: forbid}, caseExact: true, unique: true},
		{name: "displayName", chars: &charset{max: 1024, extra: "\t\n\r \u00a0", forbid: forbid}, required: true, unique: true},
		membersAttribute(),
	}})
}

func membersAttribute() *attribute {
	return &attribute{name: "members", kind: kindComplex, many: true, about: "A list of members of the Group.", subs: []*attribute{
		{name: "value", required: true, caseExact: true},
		{name: "$ref", kind: kindReference},
		{name: "type"},
	}}
}

// rfcUser is the user of RFC 7643 section 4.1 with the enterprise extension of section 4.3.
func rfcUser() *resource {
	str := func(name string) *attribute { return &attribute{name: name} }
	flag := func(name string) *attribute { return &attribute{name: name, kind: kindBoolean} }
	plural := func(name string, value kind) *attribute {
		return &attribute{name: name, kind: kindComplex, many: true, subs: []*attribute{
			{name: "value", kind: value}, str("display"), str("type"), flag("primary"),
		}}
	}
	attrs := []*attribute{
		{name: "externalId", caseExact: true},
		{name: "userName", required: true, unique: true},
		{name: "name", kind: kindComplex, subs: []*attribute{
			str("formatted"), str("familyName"), str("givenName"),
			str("middleName"), str("honorificPrefix"), str("honorificSuffix"),
		}},
		str("displayName"), str("nickName"), {name: "profileUrl", kind: kindReference},
		str("title"), str("userType"), str("preferredLanguage"), str("locale"), str("timezone"),
		flag("active"),
		{name: "password", caseExact: true, writeOnly: true},
		plural("emails", kindString),
		plural("phoneNumbers", kindString),
		plural("ims", kindString),
		plural("photos", kindReference),
		{name: "addresses", kind: kindComplex, many: true, subs: []*attribute{
			str("formatted"), str("streetAddress"), str("locality"), str("region"),
			str("postalCode"), str("country"), str("type"), flag("primary"),
		}},
		{name: "groups", kind: kindComplex, many: true, readOnly: true, subs: []*attribute{
			{name: "value", caseExact: true}, {name: "$ref", kind: kindReference}, str("display"), str("type"),
		}},
		plural("entitlements", kindString),
		plural("roles", kindString),
		plural("x509Certificates", kindBinary),
		{name: urnEnterprise, kind: kindComplex, subs: []*attribute{
			str("employeeNumber"), str("costCenter"), str("organization"), str("division"), str("department"),
			{name: "manager", kind: kindComplex, subs: []*attribute{
				str("value"), {name: "$ref", kind: kindReference}, {name: "displayName", readOnly: true},
			}},
		}},
	}
	return newResource(resource{name: "User", endpoint: "Users", urn: urnUser, about: "User Account", attrs: attrs})
}

// rfcGroup is the group of RFC 7643 section 4.2. Its members are users: nested groups, which the RFC allows, are not kept.
func rfcGroup() *resource {
	members := membersAttribute()
	members.subs = slices.Insert(members.subs, 2, &attribute{name: "display"})
	return newResource(resource{name: "Group", endpoint: "Groups", urn: urnGroup, about: "Group", attrs: []*attribute{
		{name: "externalId", caseExact: true},
		{name: "displayName", required: true},
		members,
	}})
}
