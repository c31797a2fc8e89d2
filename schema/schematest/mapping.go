package schematest

// The attributes of the mappings in tests, in CUE. Tests add more.
const (
	// SCIM are the attributes that a mapping must set.
	SCIM = `userName: user.email, displayName: user.userId, active: user.state == "ACTIVE", ` +
		`name: {givenName: user.firstName, familyName: user.lastName}`
	// Emails is the address of a user.
	Emails = `emails: [{value: user.email, type: "work", primary: true}]`
)
