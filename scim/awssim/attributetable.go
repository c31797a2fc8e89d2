package awssim

// attributeRow is one row of an attribute table: an attribute, and its facts in each profile. A new
// attribute is one row here and one field of [User] or [Group].
type attributeRow struct {
	name        string
	dataType    dataType
	multiValued bool
	text        textRule // which strings AWS accepts
	aws, rfc    facts
	description string
	subs        []attributeRow
}

// textRule names a constraint on strings in the aws profiles. The rfc profile has none.
type textRule uint8

const (
	generalText textRule = iota
	userNameText
	externalIDText
	groupNameText
	urlText
	anyText
)

// userAttributes is the table of user attributes. The column aws follows the developer guide (its
// CreateUser, PatchUser and limitations pages) and the user guide's table of supported attributes.
// The column rfc follows RFC 7643 sections 4.1 and 4.3.
func userAttributes() []attributeRow {
	return []attributeRow{
		{name: "externalId", text: externalIDText, aws: caseExact | unique, rfc: caseExact},
		{name: "userName", text: userNameText, aws: required | unique | oncePerPatch, rfc: required | unique},
		{name: "name", dataType: typeComplex, aws: required, subs: []attributeRow{
			{name: "formatted"},
			{name: "familyName", aws: required},
			{name: "givenName", aws: required},
			{name: "middleName"},
			{name: "honorificPrefix"},
			{name: "honorificSuffix"},
		}},
		{name: "displayName", aws: required},
		{name: "nickName"},
		{name: "profileUrl", dataType: typeReference, text: urlText, aws: omittedOnCreate},
		{name: "title"},
		{name: "userType"},
		{name: "preferredLanguage"},
		{name: "locale"},
		{name: "timezone"},
		{name: "active", dataType: typeBoolean, aws: oncePerPatch},
		{name: "password", aws: absent, rfc: caseExact | writeOnly},
		listRow("emails", oneValue|uniquePrimary, valueRows(typeString, required, required)),
		listRow("addresses", oneValue, []attributeRow{
			{name: "formatted"},
			{name: "streetAddress"},
			{name: "locality"},
			{name: "region"},
			{name: "postalCode"},
			{name: "country"},
			{name: "type"},
			{name: "primary", dataType: typeBoolean},
		}),
		listRow("phoneNumbers", oneValue, valueRows(typeString, required, 0)),
		listRow("ims", absent, valueRows(typeString, 0, 0)),
		listRow("photos", absent, valueRows(typeReference, 0, 0)),
		{name: "groups", dataType: typeComplex, multiValued: true, aws: absent, rfc: readOnly, subs: []attributeRow{
			{name: "value", rfc: caseExact},
			{name: "$ref", dataType: typeReference},
			{name: "display"},
			{name: "type"},
		}},
		listRow("entitlements", absent, valueRows(typeString, 0, 0)),
		listRow("roles", oneValue|notPatchable|since2025, valueRows(typeString, required, 0)),
		listRow("x509Certificates", absent, valueRows(typeBinary, 0, 0)),
		{name: urnEnterprise, dataType: typeComplex, subs: []attributeRow{
			{name: "employeeNumber"},
			{name: "costCenter"},
			{name: "organization"},
			{name: "division"},
			{name: "department"},
			{name: "manager", dataType: typeComplex, subs: []attributeRow{
				{name: "value"},
				{name: "$ref", dataType: typeReference, text: urlText, aws: neverReturned},
				{name: "displayName", aws: absent, rfc: readOnly},
			}},
		}},
	}
}

// listRow returns the row of a multi-valued complex attribute.
func listRow(name string, aws facts, subs []attributeRow) attributeRow {
	return attributeRow{name: name, dataType: typeComplex, multiValued: true, aws: aws, subs: subs}
}

// valueRows returns the usual sub-attributes of a multi-valued attribute. value and primary are
// facts of two of them in the aws profiles.
func valueRows(valueType dataType, value, primary facts) []attributeRow {
	return []attributeRow{
		{name: "value", dataType: valueType, aws: value},
		{name: "display", aws: absent},
		{name: "type"},
		{name: "primary", dataType: typeBoolean, aws: primary},
	}
}

// groupAttributes is the table of group attributes. The column rfc follows RFC 7643 section 4.2,
// except that members are users only. The RFC allows nested groups.
func groupAttributes() []attributeRow {
	return []attributeRow{
		{name: "externalId", text: externalIDText, aws: caseExact | unique, rfc: caseExact},
		{name: "displayName", text: groupNameText, aws: required | unique, rfc: required},
		{
			name: "members", dataType: typeComplex, multiValued: true, description: "A list of members of the Group.",
			subs: []attributeRow{
				{name: "value", text: anyText, aws: required | caseExact, rfc: required | caseExact},
				{name: "$ref", dataType: typeReference, text: anyText},
				{name: "display", aws: absent},
				{name: "type", text: anyText},
			},
		},
	}
}

// commonAttributes is the table of attributes that every resource has (RFC 7643 section 3.1). The
// server sets them, and the renderer writes them.
func commonAttributes() []attributeRow {
	return []attributeRow{
		{name: "id", aws: caseExact | readOnly, rfc: caseExact | readOnly},
		{name: "schemas", multiValued: true, aws: caseExact | readOnly, rfc: caseExact | readOnly},
		{name: "meta", dataType: typeComplex, aws: readOnly, rfc: readOnly, subs: []attributeRow{
			{name: "resourceType", aws: caseExact, rfc: caseExact},
			{name: "created", dataType: typeDateTime},
			{name: "lastModified", dataType: typeDateTime},
			{name: "location", dataType: typeReference},
		}},
	}
}

// tableBuilder makes the attributes of one profile from the tables.
type tableBuilder struct {
	profile     Profile
	constraints map[textRule]*stringConstraint
}

func newTableBuilder(p Profile, opt Options) tableBuilder {
	b := tableBuilder{profile: p}
	if p == ProfileRFC {
		return b
	}
	const spaces = "\t\n\r \u00a0"
	forbidden := "<>;:%"
	if opt.AllowSpecialChars {
		forbidden = ""
	}
	b.constraints = map[textRule]*stringConstraint{
		generalText:    {maxLength: 1024, extra: spaces + "\u3000", forbidden: forbidden},
		userNameText:   {maxLength: 128, forbidden: forbidden},
		externalIDText: {maxLength: 256, forbidden: forbidden},
		groupNameText:  {maxLength: 1024, extra: spaces, forbidden: forbidden},
		urlText:        {maxLength: 1024, extra: spaces + "\u3000"},
	}
	return b
}

// build returns the attributes that the profile has.
func (b tableBuilder) build(rows []attributeRow) []*attribute {
	var attrs []*attribute
	for _, row := range rows {
		f := b.factsOf(row)
		if f&absent != 0 {
			continue
		}
		attrs = append(attrs, &attribute{
			name: row.name, dataType: row.dataType, multiValued: row.multiValued, facts: f,
			constraint: b.constraints[row.text], description: row.description,
			subs: b.build(row.subs), position: len(attrs),
		})
	}
	return attrs
}

func (b tableBuilder) factsOf(row attributeRow) facts {
	switch {
	case b.profile == ProfileRFC:
		return row.rfc
	case b.profile == ProfileAWS2024 && row.aws&since2025 != 0:
		return absent
	}
	return row.aws
}
