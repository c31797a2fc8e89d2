package awssim

import (
	"fmt"
	"net/http"
	"strings"
)

// awsConfig is the body that the developer guide shows, byte for byte. Its maxResults is still 50.
const awsConfig = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],` +
	`"documentationUri":"https://docs.aws.amazon.com/singlesignon/latest/userguide/` +
	`manage-your-identity-source-idp.html",` +
	`"authenticationSchemes":[{"type":"oauthbearertoken","name":"OAuth Bearer Token",` +
	`"description":"Authentication scheme using the OAuth Bearer Token Standard",` +
	`"specUri":"https://www.rfc-editor.org/info/rfc6750",` +
	`"documentationUri":"https://docs.aws.amazon.com/singlesignon/latest/userguide/provision-automatically.html",` +
	`"primary":true}],` +
	`"patch":{"supported":true},"bulk":{"supported":false,"maxOperations":1,"maxPayloadSize":1048576},` +
	`"filter":{"supported":true,"maxResults":50},` +
	`"changePassword":{"supported":false},"sort":{"supported":false},"etag":{"supported":false}}`

// rfcConfig has the attribute pagination of RFC 9865 section 4.
const rfcConfig = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],` +
	`"patch":{"supported":true},"bulk":{"supported":false,"maxOperations":0,"maxPayloadSize":0},` +
	`"filter":{"supported":true,"maxResults":100},` +
	`"changePassword":{"supported":false},"sort":{"supported":false},"etag":{"supported":false},` +
	`"pagination":{"cursor":true,"index":true,"defaultPaginationMethod":"index","defaultPageSize":100,` +
	`"maxPageSize":100,"cursorTimeout":%d},` +
	`"authenticationSchemes":[{"type":"oauthbearertoken","name":"OAuth Bearer Token",` +
	`"description":"Authentication scheme using the OAuth Bearer Token Standard",` +
	`"specUri":"https://www.rfc-editor.org/info/rfc6750","primary":true}],` +
	`"meta":{"resourceType":"ServiceProviderConfig","location":%q}}`

func (c *call) serviceProviderConfig() (response, error) {
	if c.rules.rfc {
		timeout := int(c.rules.opt.cursorLifetime().Seconds())
		body := fmt.Sprintf(rfcConfig, timeout, c.newRenderer(nil, viewRead).base+"/ServiceProviderConfig")
		return response{status: http.StatusOK, body: []byte(body)}, nil
	}
	return response{status: http.StatusOK, body: []byte(awsConfig)}, nil
}

// unpagedList renders a ListResponse with all items.
func unpagedList(items ...[]byte) response {
	b := fmt.Appendf(nil, `{"totalResults":%d,"itemsPerPage":%d,"startIndex":1,"schemas":["%s"],"Resources":`,
		len(items), len(items), urnList)
	b = appendList(b, items, func(b, item []byte) []byte { return append(b, item...) })
	return response{status: http.StatusOK, body: append(b, '}')}
}

func (c *call) resourceTypes() []*resourceType { return []*resourceType{c.rules.user, c.rules.group} }

func (c *call) listResourceTypes() (response, error) {
	var items [][]byte
	for _, t := range c.resourceTypes() {
		items = append(items, c.renderResourceType(t))
	}
	return unpagedList(items...), nil
}

func (c *call) getResourceType() (response, error) {
	for _, t := range c.resourceTypes() {
		if t.name == c.id {
			return response{status: http.StatusOK, body: c.renderResourceType(t)}, nil
		}
	}
	return response{}, notFound("resource type %s not found", c.id)
}

func (c *call) renderResourceType(t *resourceType) []byte {
	extensions := ""
	if t.extension != nil {
		extensions = fmt.Sprintf(`,"schemaExtensions":[{"schema":%q,"required":%t}]`, t.extension.name, !c.rules.rfc)
	}
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],`+
		`"id":%q,"name":%q,"endpoint":"/%s","description":%q,"schema":%q%s,`+
		`"meta":{"resourceType":"ResourceType","location":%q}}`,
		t.name, t.name, t.endpoint, t.description, t.urn, extensions,
		c.newRenderer(nil, viewRead).base+"/ResourceTypes/"+t.name)
}

// schema is a schema of the endpoint: of a resource type or of an extension.
type schema struct {
	urn, name, description string
	attrs                  []*attribute
}

func (c *call) schemas() []schema {
	u, g := c.rules.user, c.rules.group
	core := make([]*attribute, 0, len(u.attrs))
	for _, a := range u.attrs {
		if a != u.extension {
			core = append(core, a)
		}
	}
	return []schema{
		{u.urn, u.name, u.description, core},
		{u.extension.name, "EnterpriseUser", "Enterprise User", u.extension.subs},
		{g.urn, g.name, g.description, g.attrs},
	}
}

func (c *call) listSchemas() (response, error) {
	var items [][]byte
	for _, s := range c.schemas() {
		items = append(items, c.renderSchema(s))
	}
	return unpagedList(items...), nil
}

func (c *call) getSchema() (response, error) {
	for _, s := range c.schemas() {
		if s.urn == c.id || c.rules.rfc && strings.EqualFold(s.urn, c.id) {
			return response{status: http.StatusOK, body: c.renderSchema(s)}, nil
		}
	}
	return response{}, notFound("schema %s not found", c.id)
}

func (c *call) renderSchema(s schema) []byte {
	b := []byte(`{"id":`)
	b = appendString(b, s.urn)
	b = append(b, `,"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"name":`...)
	b = appendString(b, s.name)
	b = append(b, `,"description":`...)
	b = appendString(b, s.description)
	b = append(b, `,"attributes":`...)
	b = appendList(b, s.attrs, appendAttribute)
	b = append(b, `,"meta":{"resourceType":"Schema","location":`...)
	b = appendString(b, c.newRenderer(nil, viewRead).base+"/Schemas/"+s.urn)
	return append(b, '}', '}')
}

// appendAttribute appends an attribute as RFC 7643 section 7 describes it.
func appendAttribute(b []byte, a *attribute) []byte {
	mutability, returned, uniqueness := "readWrite", "default", "none"
	switch {
	case a.has(readOnly):
		mutability = "readOnly"
	case a.has(writeOnly):
		mutability = "writeOnly"
	}
	if a.has(writeOnly | neverReturned) {
		returned = "never"
	}
	if a.has(unique) {
		uniqueness = "server"
	}
	b = append(b, `{"name":`...)
	b = appendString(b, a.name)
	b = fmt.Appendf(b, `,"type":%q,"multiValued":%t,"description":`, a.dataType, a.multiValued)
	b = appendString(b, a.description)
	b = fmt.Appendf(b, `,"required":%t`, a.has(required))
	if len(a.subs) > 0 {
		b = append(b, `,"subAttributes":`...)
		b = appendList(b, a.subs, appendAttribute)
	} else {
		b = fmt.Appendf(b, `,"caseExact":%t`, a.has(caseExact))
	}
	if a.dataType == typeReference {
		b = append(b, `,"referenceTypes":["external"]`...)
	}
	return fmt.Appendf(b, `,"mutability":%q,"returned":%q,"uniqueness":%q}`, mutability, returned, uniqueness)
}
