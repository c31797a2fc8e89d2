package awssim

import (
	"strings"
	"unicode"
)

// URNs of RFC 7643 and RFC 7644.
const (
	urnUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	urnList       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnError      = "urn:ietf:params:scim:api:messages:2.0:Error"
	urnSearch     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// dataType is the data type of an attribute (RFC 7643 section 2.3).
type dataType uint8

const (
	typeString dataType = iota
	typeBoolean
	typeReference
	typeBinary
	typeComplex
	typeDateTime
)

// String returns the name that RFC 7643 section 7 gives the type.
func (t dataType) String() string {
	return [...]string{"string", "boolean", "reference", "binary", "complex", "dateTime"}[t]
}

// facts are the characteristics of an attribute in one profile.
type facts uint16

const (
	absent          facts = 1 << iota // the profile does not have the attribute
	since2025                         // the profile aws-2024 does not have the attribute
	required                          // every object has a value
	caseExact                         // filters compare values case-sensitively
	unique                            // no two objects have the same value
	uniquePrimary                     // no two objects have the same primary value; /Schemas does not show it
	oneValue                          // multi-valued, but with at most one value
	readOnly                          // requests may contain it, and the server ignores it
	writeOnly                         // requests may contain it, and the server does not store it
	neverReturned                     // stored, but in no response
	omittedOnCreate                   // stored, but not in the response to a create
	notPatchable                      // PATCH cannot change it, PUT can
	oncePerPatch                      // a PATCH may change it in one operation only, and not remove it
)

// attribute is an attribute of a profile. Validation, PATCH, filters, rendering and /Schemas all
// use it, so they cannot disagree. The attribute tables describe every attribute in one row.
type attribute struct {
	name        string
	dataType    dataType
	multiValued bool
	facts       facts
	constraint  *stringConstraint // nil allows every string
	description string
	subs        []*attribute // sub-attributes

	position int // among its siblings; objects keep their values in this order
}

// has reports whether the attribute has one of the facts.
func (a *attribute) has(f facts) bool { return a.facts&f != 0 }

// findAttribute returns the attribute with this name, or nil.
func findAttribute(attrs []*attribute, name string, caseSensitive bool) *attribute {
	for _, a := range attrs {
		if a.name == name || !caseSensitive && strings.EqualFold(a.name, name) {
			return a
		}
	}
	return nil
}

// stringConstraint is a constraint of the Identity Store service model. A string has 1 to maxLength
// characters. Each is a letter, mark, symbol, number or punctuation character, or one of extra.
type stringConstraint struct {
	maxLength int
	extra     string
	forbidden string // characters that the constraint rejects although they are in an allowed class
}

// pattern returns the regular expression as the service's error text quotes it. That text shows
// only the plain space, even if other spaces are allowed.
func (c *stringConstraint) pattern() string {
	if c.extra == "" {
		return `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`
	}
	return `[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+`
}

func (c *stringConstraint) allows(r rune) bool {
	if strings.ContainsRune(c.forbidden, r) {
		return false
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P) || strings.ContainsRune(c.extra, r)
}
