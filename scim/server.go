package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"
)

// ServiceProviderConfig lists the features of a server (RFC 7643 section 5). IAM Identity Center's
// MaxResults is outdated: its pages have 100 objects.
type ServiceProviderConfig struct {
	DocumentationURI string
	Patch            bool
	Bulk             bool
	Filter           bool
	MaxResults       int // of a listing; 0 if unknown
	ChangePassword   bool
	Sort             bool
	ETag             bool
	Authentication   []AuthenticationScheme
}

// AuthenticationScheme is a supported way to authenticate.
type AuthenticationScheme struct {
	Type             string `json:"type"`
	Name             string `json:"name"`
	Description      string `json:"description"`
	SpecURI          string `json:"specUri"`
	DocumentationURI string `json:"documentationUri"`
	Primary          bool   `json:"primary"`
}

// Schema describes a kind of object (RFC 7643 section 7).
type Schema struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Attributes  []Attribute `json:"attributes"`
}

// Attribute describes an attribute of a Schema.
type Attribute struct {
	Name            string      `json:"name"`
	Type            string      `json:"type"`
	Description     string      `json:"description"`
	MultiValued     bool        `json:"multiValued"`
	Required        bool        `json:"required"`
	CaseExact       bool        `json:"caseExact"`
	Mutability      string      `json:"mutability"`
	Returned        string      `json:"returned"`
	Uniqueness      string      `json:"uniqueness"`
	CanonicalValues []string    `json:"canonicalValues"`
	ReferenceTypes  []string    `json:"referenceTypes"`
	SubAttributes   []Attribute `json:"subAttributes"`
}

// ResourceType describes a collection of objects (RFC 7643 section 6).
type ResourceType struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	Endpoint         string            `json:"endpoint"`
	Description      string            `json:"description"`
	Schema           string            `json:"schema"`
	SchemaExtensions []SchemaExtension `json:"schemaExtensions"`
}

// SchemaExtension is a schema that extends another.
type SchemaExtension struct {
	Schema   string `json:"schema"`
	Required bool   `json:"required"`
}

type wireConfig struct {
	Schemas          []string                 `json:"schemas"`
	DocumentationURI string                   `json:"documentationUri"`
	Patch            struct{ Supported bool } `json:"patch"`
	Bulk             struct{ Supported bool } `json:"bulk"`
	Filter           struct {
		Supported  bool
		MaxResults int
	} `json:"filter"`
	ChangePassword struct{ Supported bool } `json:"changePassword"`
	Sort           struct{ Supported bool } `json:"sort"`
	ETag           struct{ Supported bool } `json:"etag"`
	Authentication []AuthenticationScheme   `json:"authenticationSchemes"`
}

// ServiceProviderConfig returns the features of the server. It reads no users or groups, so it is a
// harmless test of the endpoint and the token.
func (c *Client) ServiceProviderConfig(ctx context.Context) (*ServiceProviderConfig, error) {
	var got *ServiceProviderConfig
	decode := func(res response) (err error) {
		got, err = decodeConfig(res.body)
		return err
	}
	err := c.do(ctx, request{op: "get service provider config", method: http.MethodGet,
		path: "/ServiceProviderConfig", decode: decode})
	return got, err
}

func decodeConfig(data []byte) (*ServiceProviderConfig, error) {
	var w wireConfig
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, err
	}
	if len(w.Schemas) == 0 {
		return nil, errors.New("not a ServiceProviderConfig: it has no schemas")
	}
	return &ServiceProviderConfig{
		DocumentationURI: w.DocumentationURI, Patch: w.Patch.Supported, Bulk: w.Bulk.Supported,
		Filter: w.Filter.Supported, MaxResults: w.Filter.MaxResults, ChangePassword: w.ChangePassword.Supported,
		Sort: w.Sort.Supported, ETag: w.ETag.Supported, Authentication: w.Authentication,
	}, nil
}

// Schemas returns the schemas of the server.
func (c *Client) Schemas(ctx context.Context) ([]Schema, error) {
	return listUnpaged[Schema](ctx, c, "list schemas", "/Schemas")
}

// Schema returns the schema with the given URN.
func (c *Client) Schema(ctx context.Context, urn string) (*Schema, error) {
	if urn == "" {
		return nil, errors.New("get schema: no URN")
	}
	var got *Schema
	decode := func(res response) error {
		var s Schema
		if err := json.Unmarshal(res.body, &s); err != nil {
			return err
		}
		if s.ID != urn {
			return fmt.Errorf("requested schema %s, got %.100q", urn, s.ID)
		}
		got = &s
		return nil
	}
	err := c.do(ctx, request{op: "get schema", method: http.MethodGet, path: "/Schemas/" + url.PathEscape(urn),
		decode: decode})
	return got, err
}

// ResourceTypes returns the collections of the server.
func (c *Client) ResourceTypes(ctx context.Context) ([]ResourceType, error) {
	return listUnpaged[ResourceType](ctx, c, "list resource types", "/ResourceTypes")
}

// listUnpaged reads a listing that is never paged (RFC 7644 section 4).
func listUnpaged[T any](ctx context.Context, c *Client, op, path string) ([]T, error) {
	var got []T
	err := c.do(ctx, request{op: op, method: http.MethodGet, path: path, decode: func(res response) error {
		var err error
		_, got, err = decodePage(res.body, func(d *jsontext.Decoder) (v T, err error) { return v, decode(d, &v) })
		return err
	}})
	return got, err
}
