package awssim

import (
	"fmt"
	"net/http"
	"strings"
)

// awsConfig is the body that the developer guide shows, word for word; its maxResults is still the 50 of old.
const awsConfig = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],` +
	`"documentationUri":"https://docs.aws.amazon.com/singlesignon/latest/userguide/manage-your-identity-source-idp.html",` +
	`"authenticationSchemes":[{"type":"oauthbearertoken","name":"OAuth Bearer Token",` +
	`"description":"Authentication scheme using the OAuth Bearer Token Standard",` +
	`"specUri":"https://www.rfc-editor.org/info/rfc6750",` +
	`"documentationUri":"https://docs.aws.amazon.com/singlesignon/latest/userguide/provision-automatically.html","primary":true}],` +
	`"patch":{"supported":true},"bulk":{"supported":false,"maxOperations":1,"maxPayloadSize":1048576},` +
	`"filter":{"supported":true,"maxResults":50},` +
	`"changePassword":{"supported":false},"sort":{"supported":false},"etag":{"supported":false}}`

// rfcConfig adds what RFC 9865 section 4 says of paging.
const rfcConfig = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],` +
	`"patch":{"supported":true},"bulk":{"supported":false,"maxOperations":0,"maxPayloadSize":0},` +
	`"filter":{"supported":true,"maxResults":100},` +
	`"changePassword":{"supported":false},"sort":{"supported":false},"etag":{"supported":false},` +
	`"pagination":{"cursor":true,"index":true,"defaultPaginationMethod":"index","defaultPageSize":100,"maxPageSize":100,"cursorTimeout":%d},` +
	`"authenticationSchemes":[{"type":"oauthbearertoken","name":"OAuth Bearer Token",` +
	`"description":"Authentication scheme using the OAuth Bearer Token Standard","specUri":"https://www.rfc-editor.org/info/rfc6750","primary":true}],` +
	`"meta":{"resourceType":"ServiceProviderConfig","location":%q}}`

func (c *call) serviceProviderConfig() (response, error) {
	if c.rules.rfc {
		body := fmt.Sprintf(rfcConfig, int(c.rules.opt.cursorLifetime().Seconds()), c.newRenderer(nil, viewRead).base+"/ServiceProviderConfig")
		return response{status: http.StatusOK, body: []byte(body)}, nil
	}
	return response{status: http.StatusOK, body: []byte(awsConfig)}, nil
}

// listed wraps what there are a few of in a ListResponse.
func listed(items ...[]byte) response {
	b := fmt.Appendf(nil, `{"totalResults":%d,"itemsPerPage":%d,"startIndex":1,"schemas":["%s"],"Resources":`, len(items), len(items), urnList)
	b = appendList(b, items, func(b, item []byte) []byte { return append(b, item...) })
	return response{status: http.StatusOK, body: append(b, '}')}
}

func (c *call) resources() []*resource { return []*resource{c.rules.user, c.rules.group} }

func (c *call) listResourceTypes() (response, error) {
	var items [][]byte
	for _, r := range c.resources() {
		items = append(items, c.resourceType(r))
	}
	return listed(items...), nil
}

func (c *call) getResourceType() (response, error) {
	for _, r := range c.resources() {
		if r.name == c.id {
			return response{status: http.StatusOK, body: c.resourceType(r)}, nil
		}
	}
	return response{}, unknownResource("there is no resource type %s", c.id)
}

func (c *call) resourceType(r *resource) []byte {
	extensions := ""
	if r.extension != nil {
		extensions = fmt.Sprintf(`,"schemaExtensions":[{"schema":%q,"required":%t}]`, r.extension.name, !c.rules.rfc)
	}
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],"id":%q,"name":%q,"endpoint":"/%s",`+
		`"description":%q,"schema":%q%s,"meta":{"resourceType":"ResourceType","location":%q}}`,
		r.name, r.name, r.endpoint, r.about, r.urn, extensions, c.newRenderer(nil, viewRead).base+"/ResourceTypes/"+r.name)
}

// schema is one of the schemas that the endpoint has: a resource's own, or its extension.
type schema struct {
	urn, name, about string
	attrs            []*attribute
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
		{u.urn, u.name, u.about, core},
		{u.extension.name, "EnterpriseUser", "Enterprise User", u.extension.subs},
		{g.urn, g.name, g.about, g.attrs},
	}
}

func (c *call) listSchemas() (response, error) {
	var items [][]byte
	for _, s := range c.schemas() {
		items = append(items, c.schema(s))
	}
	return listed(items...), nil
}

func (c *call) getSchema() (response, error) {
	for _, s := range c.schemas() {
		if s.urn == c.id || c.rules.rfc && strings.EqualFold(s.urn, c.id) {
			return response{status: http.StatusOK, body: c.schema(s)}, nil
		}
	}
	return response{}, unknownResource("there is no schema %s", c.id)
}

func (c *call) schema(s schema) []byte {
	b := []byte(`{"id":`)
	b = quote(b, s.urn)
	b = append(b, `,"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"name":`...)
	b = quote(b, s.name)
	b = append(b, `,"description":`...)
	b = quote(b, s.about)
	b = append(b, `,"attributes":`...)
	b = appendList(b, s.attrs, appendAttribute)
	b = append(b, `,"meta":{"resourceType":"Schema","location":`...)
	b = quote(b, c.newRenderer(nil, viewRead).base+"/Schemas/"+s.urn)
	return append(b, '}', '}')
}

// appendAttribute renders a row as RFC 7643 section 7 does.
func appendAttribute(b []byte, a *attribute) []byte {
	mutability, returned, uniqueness := "readWrite", "default", "none"
	switch {
	case a.readOnly:
		mutability = "readOnly"
	case a.writeOnly:
		mutability, returned = "writeOnly", "never"
	}
	if a.unread {
		returned = "never"
	}
	if a.unique {
		uniqueness = "server"
	}
	b = append(b, `{"name":`...)
	b = quote(b, a.name)
	b = fmt.Appendf(b, `,"type":%q,"multiValued":%t,"description":`, a.kind, a.many)
	b = quote(b, a.about)
	b = fmt.Appendf(b, `,"required":%t`, a.required)
	if len(a.subs) > 0 {
		b = append(b, `,"subAttributes":`...)
		b = appendList(b, a.subs, appendAttribute)
	} else {
		b = fmt.Appendf(b, `,"caseExact":%t`, a.caseExact)
	}
	if a.kind == kindReference {
		b = append(b, `,"referenceTypes":["external"]`...)
	}
	return fmt.Appendf(b, `,"mutability":%q,"returned":%q,"uniqueness":%q}`, mutability, returned, uniqueness)
}
