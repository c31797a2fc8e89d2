package awssim

// resourceType is a type of object that the endpoint serves: users or groups.
type resourceType struct {
	name        string // "User"
	endpoint    string // "Users"
	urn         string
	description string
	attrs       []*attribute
	common      []*attribute // of every resource type
	extension   *attribute   // the enterprise extension; its name is its URN; nil for groups

	// Attributes that the directory and the handlers access. A group has only some of them.
	externalID, userName, displayName, emails, emailValue, active, members *attribute
}

func newUserType(b tableBuilder) *resourceType {
	return newResourceType(b, userAttributes(), resourceType{
		name: "User", endpoint: "Users", urn: urnUser, description: "User Account",
	})
}

func newGroupType(b tableBuilder) *resourceType {
	return newResourceType(b, groupAttributes(), resourceType{
		name: "Group", endpoint: "Groups", urn: urnGroup, description: "Group",
	})
}

func newResourceType(b tableBuilder, rows []attributeRow, t resourceType) *resourceType {
	t.attrs = b.build(rows)
	t.common = b.build(commonAttributes())
	t.externalID = findAttribute(t.attrs, "externalId", true)
	t.userName = findAttribute(t.attrs, "userName", true)
	t.displayName = findAttribute(t.attrs, "displayName", true)
	t.active = findAttribute(t.attrs, "active", true)
	t.members = findAttribute(t.attrs, "members", true)
	t.extension = findAttribute(t.attrs, urnEnterprise, true)
	if t.emails = findAttribute(t.attrs, "emails", true); t.emails != nil {
		t.emailValue = findAttribute(t.emails.subs, "value", true)
	}
	return &t
}

// email returns the user's primary email address, or "" if there is none.
func (t *resourceType) email(o object) string {
	list, _ := o.get(t.emails).([]object)
	for _, e := range list {
		if primary, _ := e.getByName("primary").(bool); primary {
			return e.getString(t.emailValue)
		}
	}
	return ""
}
