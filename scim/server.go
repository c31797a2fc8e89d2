package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// ServiceProviderConfig is what a server says it can do (RFC 7643 section 5).
// IAM Identity Center's MaxResults is older than its pages of 100.
type ServiceProviderConfig struct {
	DocumentationURI string
	Patch            bool
	Bulk             bool
	Filter           bool
	MaxResults       int // of a listing; 0 if not said
	ChangePassword   bool
	Sort             bool
	ETag             bool
	Authentication   []AuthenticationScheme
}

// AuthenticationScheme is a way to authenticate that a server offers.
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

// ServiceProviderConfig asks the server what it can do. It reads nobody's data,
// so it makes a harmless test of endpoint and token.
func (c *Client) ServiceProviderConfig(ctx context.Context) (*ServiceProviderConfig, error) {
	var got *ServiceProviderConfig
	err := c.do(ctx, request{op: "get service provider config", method: http.MethodGet, path: "/ServiceProviderConfig", decode: func(a answer) (err error) {
		got, err = decodeConfig(a.body)
		return err
	}})
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

// Schemas lists the schemas of the server.
func (c *Client) Schemas(ctx context.Context) ([]Schema, error) {
	return describe[Schema](ctx, c, "list schemas", "/Schemas")
}

// Schema reads one schema by its URN.
func (c *Client) Schema(ctx context.Context, urn string) (*Schema, error) {
	if urn == "" {
		return nil, errors.New("get schema: no URN")
	}
	var got *Schema
	err := c.do(ctx, request{op: "get schema", method: http.MethodGet, path: "/Schemas/" + url.PathEscape(urn), decode: func(a answer) error {
		var s Schema
		if err := json.Unmarshal(a.body, &s); err != nil {
			return err
		}
		if s.ID != urn {
			return fmt.Errorf("asked for schema %s, got %.100q", urn, s.ID)
		}
		got = &s
		return nil
	}})
	return got, err
}

// ResourceTypes lists the kinds of objects of the server.
func (c *Client) ResourceTypes(ctx context.Context) ([]ResourceType, error) {
	return describe[ResourceType](ctx, c, "list resource types", "/ResourceTypes")
}

// describe reads a listing that is never paged (RFC 7644 section 4).
func describe[T any](ctx context.Context, c *Client, op, path string) ([]T, error) {
	var got []T
	err := c.do(ctx, request{op: op, method: http.MethodGet, path: path, decode: func(a answer) error {
		p, err := decodePage(a.body)
		if err != nil {
			return err
		}
		got = nil
		if p.Resources == nil {
			return nil
		}
		for _, raw := range *p.Resources {
			var v T
			if err := json.Unmarshal(raw, &v); err != nil {
				return err
			}
			got = append(got, v)
		}
		return nil
	}})
	return got, err
}
