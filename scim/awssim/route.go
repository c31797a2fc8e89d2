package awssim

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// operation is an operation of the endpoint, with the name that AWS gives it.
type operation struct {
	name    string
	method  string
	path    string // "Users"; "Users/" for one user
	run     func(*call) (response, error)
	writes  bool
	rfcOnly bool // only the rfc profile has it
}

// operations returns the operations of all profiles.
func operations() []operation {
	return []operation{
		{name: "ListUsers", method: "GET", path: "Users", run: (*call).listUsers},
		{name: "GetUser", method: "GET", path: "Users/", run: (*call).getUser},
		{name: "ListGroups", method: "GET", path: "Groups", run: (*call).listGroups},
		{name: "GetGroup", method: "GET", path: "Groups/", run: (*call).getGroup},
		{name: "PatchGroup", method: "PATCH", path: "Groups/", run: (*call).patchGroup, writes: true},
		{name: "PatchUser", method: "PATCH", path: "Users/", run: (*call).patchUser, writes: true},
		{name: "CreateUser", method: "POST", path: "Users", run: (*call).createUser, writes: true},
		{name: "CreateGroup", method: "POST", path: "Groups", run: (*call).createGroup, writes: true},
		{name: "PutUser", method: "PUT", path: "Users/", run: (*call).putUser, writes: true},
		{name: "DeleteUser", method: "DELETE", path: "Users/", run: (*call).deleteUser, writes: true},
		{name: "DeleteGroup", method: "DELETE", path: "Groups/", run: (*call).deleteGroup, writes: true},
		{
			name: "ServiceProviderConfig", method: "GET", path: "ServiceProviderConfig",
			run: (*call).serviceProviderConfig,
		},
		{name: "ListResourceTypes", method: "GET", path: "ResourceTypes", run: (*call).listResourceTypes},
		{name: "GetResourceType", method: "GET", path: "ResourceTypes/", run: (*call).getResourceType, rfcOnly: true},
		{name: "ListSchemas", method: "GET", path: "Schemas", run: (*call).listSchemas},
		{name: "GetSchema", method: "GET", path: "Schemas/", run: (*call).getSchema},
		{name: "PutGroup", method: "PUT", path: "Groups/", run: (*call).putGroup, writes: true, rfcOnly: true},
		{name: "SearchUsers", method: "POST", path: "Users/.search", run: (*call).searchUsers, rfcOnly: true},
		{name: "SearchGroups", method: "POST", path: "Groups/.search", run: (*call).searchGroups, rfcOnly: true},
	}
}

// route finds the operation of the request. The path must be exact: a path with a doubled, missing
// or trailing slash does not exist.
func (c *call) route() error {
	parts := strings.Split(c.r.URL.Path, "/")
	if len(parts) < 5 || parts[0] != "" || parts[2] != "scim" || parts[3] != "v2" {
		return notFound("no resource at %s; paths start with /<tenant>/scim/v2/", c.r.URL.Path)
	}
	path := parts[4]
	switch {
	case len(parts) == 6 && parts[5] == ".search":
		path += "/.search"
	case len(parts) == 6 && parts[5] != "":
		path, c.id = path+"/", parts[5]
	case len(parts) != 5:
		return notFound("no resource at %s", c.r.URL.Path)
	}
	var allowed []string
	for _, op := range c.rules.operations {
		if op.path != path {
			continue
		}
		if op.method == c.r.Method {
			c.op = &op
			return c.readQuery()
		}
		allowed = append(allowed, op.method)
	}
	if allowed == nil {
		return notFound("no resource at %s", c.r.URL.Path)
	}
	return c.unsupportedMethod(path, allowed)
}

// unsupportedMethod returns the error for a method that the path does not support.
func (c *call) unsupportedMethod(path string, allowed []string) error {
	list := strings.Join(allowed, ", ")
	p := invalid("", "this path does not support %s, only %s", c.r.Method, list)
	switch {
	case c.rules.rfc:
		p.status, p.allow = http.StatusMethodNotAllowed, list
	case path == "Groups/" && c.r.Method == http.MethodPut:
		p.status = cmp.Or(c.rules.opt.PutGroupStatus, p.status)
	default:
		p.status = cmp.Or(c.rules.opt.UnsupportedStatus, p.status)
	}
	return p
}

// readQuery parses the query. It rejects invalid escapes and repeated parameters.
func (c *call) readQuery() error {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return invalid(scimTypeValue, "cannot parse the query: %v", err)
	}
	for name, values := range q {
		if len(values) > 1 {
			return invalid(scimTypeValue, "the parameter %s occurs %d times", name, len(values))
		}
	}
	c.query = q
	return nil
}
