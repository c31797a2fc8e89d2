package foreign

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/filter"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/google/uuid"
	parser "github.com/scim2/filter-parser/v2"
)

// Elimity starts a SCIM server with github.com/elimity-com/scim and returns its endpoint. The
// server is empty, accepts the given bearer token, and stops with the test.
//
// The elimity package parses and validates requests, filters and PATCH operations with its own
// schemas. Only the store is implemented here.
func Elimity(t testing.TB, token string) string {
	t.Helper()
	d := &directory{}
	users := &collection{d: d, unique: "userName", items: map[string]*item{}}
	groups := &collection{d: d, unique: "displayName", items: map[string]*item{}}
	d.users, d.groups = users, groups
	handler, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{
			MaxResults:       100,
			SupportFiltering: true,
			SupportPatch:     true,
		},
		ResourceTypes: []scim.ResourceType{
			{
				ID: optional.NewString(
					"User",
				), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: users,
				SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}},
			},
			{
				ID:       optional.NewString("Group"),
				Name:     "Group",
				Endpoint: "/Groups",
				Schema:   schema.CoreGroupSchema(),
				Handler:  groups,
			},
		},
	})
	if err != nil {
		t.Fatalf("start elimity: %v", err)
	}
	server := httptest.NewServer(
		http.StripPrefix("/scim", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+token {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			handler.ServeHTTP(w, r)
		})),
	)
	t.Cleanup(server.Close)
	return server.URL + "/scim/v2"
}

// directory is the store of users and groups.
type directory struct {
	mu            sync.Mutex
	users, groups *collection
}

// collection stores the users or the groups. It is the handler of their resource type.
type collection struct {
	d      *directory
	unique string // the attribute that no two may share, without case
	items  map[string]*item
	order  []string // ids, oldest first
}

type item struct {
	attributes        scim.ResourceAttributes
	externalID        optional.String
	created, modified time.Time
}

func (c *collection) Create(_ *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if err := c.free("", attributes); err != nil {
		return scim.Resource{}, err
	}
	id, now := uuid.NewString(), time.Now().UTC()
	c.items[id] = &item{attributes: attributes, externalID: externalID(attributes), created: now, modified: now}
	c.order = append(c.order, id)
	return c.resource(id), nil
}

func (c *collection) Get(_ *http.Request, id string) (scim.Resource, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.items[id] == nil {
		return scim.Resource{}, scimerrors.ScimErrorResourceNotFound(id)
	}
	return c.resource(id), nil
}

func (c *collection) GetAll(_ *http.Request, params scim.ListRequestParams) (scim.Page, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	matching := []scim.Resource{}
	for _, id := range c.order {
		r := c.resource(id)
		if params.FilterValidator == nil || c.passes(params.FilterValidator, r) {
			matching = append(matching, r)
		}
	}
	start := min(max(params.StartIndex, 1)-1, len(matching))
	end := min(start+max(params.Count, 0), len(matching))
	return scim.Page{TotalResults: len(matching), Resources: matching[start:end]}, nil
}

// passes reports whether a resource matches a filter, as evaluated by elimity. A filter can use the
// id and the external id as attributes, but the store does not keep them as attributes.
func (c *collection) passes(v *filter.Validator, r scim.Resource) bool {
	all := maps.Clone(map[string]any(r.Attributes))
	all["id"] = r.ID
	if r.ExternalID.Present() {
		all["externalId"] = r.ExternalID.Value()
	}
	core := schema.CoreGroupSchema()
	if c == c.d.users {
		core = schema.CoreUserSchema()
	}
	core.Attributes = append(core.Attributes, schema.CommonAttributes()...)
	return filter.NewFilterValidator(
		bracketed(v.GetFilter()),
		core,
		schema.ExtensionEnterpriseUser(),
	).PassesFilter(
		all,
	) == nil
}

// bracketed converts members.value eq "x" to members[value eq "x"]. Both are equivalent (RFC 7644
// section 3.4.2.2), but elimity evaluates only the second form.
func bracketed(e parser.Expression) parser.Expression {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		return &parser.LogicalExpression{Left: bracketed(e.Left), Right: bracketed(e.Right), Operator: e.Operator}
	case *parser.AttributeExpression:
		name, sub := e.AttributePath.AttributeName, e.AttributePath.SubAttribute
		if sub == nil || name != "members" && name != "groups" && name != "emails" {
			return e
		}
		inner := *e
		inner.AttributePath = parser.AttributePath{AttributeName: *sub}
		return &parser.ValuePath{AttributePath: parser.AttributePath{AttributeName: name}, ValueFilter: &inner}
	}
	return e
}

func (c *collection) Replace(_ *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.items[id] == nil {
		return scim.Resource{}, scimerrors.ScimErrorResourceNotFound(id)
	}
	if err := c.free(id, attributes); err != nil {
		return scim.Resource{}, err
	}
	it := c.items[id]
	it.attributes, it.externalID, it.modified = attributes, externalID(attributes), time.Now().UTC()
	return c.resource(id), nil
}

func (c *collection) Delete(_ *http.Request, id string) error {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.items[id] == nil {
		return scimerrors.ScimErrorResourceNotFound(id)
	}
	delete(c.items, id)
	c.order = slices.DeleteFunc(c.order, func(other string) bool { return other == id })
	for _, group := range c.d.groups.items {
		group.attributes["members"] = without(
			members(group.attributes),
			func(m map[string]any) bool { return m["value"] == id },
		)
	}
	return nil
}

func (c *collection) Patch(_ *http.Request, id string, ops []scim.PatchOperation) (scim.Resource, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	it := c.items[id]
	if it == nil {
		return scim.Resource{}, scimerrors.ScimErrorResourceNotFound(id)
	}
	next := maps.Clone(it.attributes)
	ext := it.externalID
	for _, op := range ops {
		if op.Path == nil {
			return scim.Resource{}, scimerrors.ScimErrorNoTarget // our client always names the path
		}
		if op.Path.AttributePath.AttributeName == "externalId" {
			ext = optional.String{}
			if s, ok := op.Value.(string); ok && op.Op != scim.PatchOperationRemove {
				ext = optional.NewString(s)
			}
			continue
		}
		if err := apply(next, op); err != nil {
			return scim.Resource{}, err
		}
	}
	if err := c.free(id, next); err != nil {
		return scim.Resource{}, err
	}
	it.attributes, it.externalID, it.modified = next, ext, time.Now().UTC()
	return c.resource(id), nil
}

// free returns an error if an object other than id has the name in the attributes.
func (c *collection) free(id string, attributes scim.ResourceAttributes) error {
	name, _ := attributes[c.unique].(string)
	for other, it := range c.items {
		if taken, _ := it.attributes[c.unique].(string); other != id && strings.EqualFold(taken, name) {
			return scimerrors.ScimErrorUniqueness
		}
	}
	return nil
}

// resource returns an object. A user has its groups.
func (c *collection) resource(id string) scim.Resource {
	it := c.items[id]
	attributes := maps.Clone(it.attributes)
	if c == c.d.users {
		var in []any
		for _, gid := range c.d.groups.order {
			if slices.ContainsFunc(
				members(c.d.groups.items[gid].attributes),
				func(m any) bool { return value(m) == id },
			) {
				in = append(in, map[string]any{"value": gid})
			}
		}
		if in != nil {
			attributes["groups"] = in
		}
	}
	return scim.Resource{
		ID:         id,
		ExternalID: it.externalID,
		Attributes: attributes,
		Meta:       scim.Meta{Created: &it.created, LastModified: &it.modified},
	}
}

func externalID(attributes scim.ResourceAttributes) optional.String {
	if s, ok := attributes[schema.CommonAttributeExternalID].(string); ok {
		delete(attributes, schema.CommonAttributeExternalID)
		return optional.NewString(s)
	}
	return optional.String{}
}

func members(attributes map[string]any) []any {
	list, _ := attributes["members"].([]any)
	return list
}

func value(member any) any {
	m, _ := member.(map[string]any)
	return m["value"]
}

// apply applies one operation to attributes. elimity has checked its path.
func apply(attributes map[string]any, op scim.PatchOperation) error {
	where, name := attributes, op.Path.AttributePath.AttributeName
	if uri := op.Path.AttributePath.URI(); uri != "" && uri != schema.UserSchema && uri != schema.GroupSchema {
		where = within(attributes, uri)
	}
	if sub := op.Path.AttributePath.SubAttribute; sub != nil {
		where, name = within(where, name), *sub
	}
	list, isList := where[name].([]any)
	switch {
	case op.Path.ValueExpression != nil:
		if op.Op != scim.PatchOperationRemove {
			return fmt.Errorf("a store for tests: %s %s", op.Op, op.Path)
		}
		where[name] = without(list, func(m map[string]any) bool { return equals(op.Path.ValueExpression, m) })
	case op.Op == scim.PatchOperationRemove:
		delete(where, name)
	case op.Op == scim.PatchOperationAdd && (isList || name == "members"):
		for _, v := range values(op.Value) {
			if !slices.ContainsFunc(list, func(m any) bool { return value(m) == value(v) }) {
				list = append(slices.Clip(list), v)
			}
		}
		where[name] = list
	default:
		where[name] = op.Value
	}
	return nil
}

// within replaces the complex attribute with this name by a copy, and returns the copy.
func within(attributes map[string]any, name string) map[string]any {
	old, _ := attributes[name].(map[string]any)
	fresh := maps.Clone(old)
	if fresh == nil {
		fresh = map[string]any{}
	}
	attributes[name] = fresh
	return fresh
}

func values(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func without(list []any, gone func(map[string]any) bool) []any {
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		m, ok := v.(map[string]any)
		return ok && gone(m)
	})
}

// equals evaluates an expression of the form: attribute eq "value". The client uses no other form
// in paths.
func equals(e parser.Expression, m map[string]any) bool {
	a, ok := e.(*parser.AttributeExpression)
	return ok && a.Operator == parser.EQ && m[a.AttributePath.AttributeName] == a.CompareValue
}
