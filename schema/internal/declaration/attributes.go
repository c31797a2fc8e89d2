package declaration

import (
	"slices"
	"strings"
)

// Attribute is one SCIM attribute of a user with its path (RFC 7644 section 3.10), for example
// "name.givenName", "emails.value" or
// "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".
//
// AWS supports one value of each multi-valued attribute, so a path has no index. Booleans are
// "true" and "false". An empty Value means that the attribute must be absent.
type Attribute struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Attributes are sorted by path, and paths are unique.
type Attributes []Attribute

// Get returns the value at a path, and whether there is one.
func (a Attributes) Get(path string) (string, bool) {
	i, ok := slices.BinarySearchFunc(a, path, func(x Attribute, p string) int { return strings.Compare(x.Path, p) })
	if !ok {
		return "", false
	}
	return a[i].Value, true
}

// EnterpriseUser is the URN of the enterprise extension (RFC 7643 section 4.3).
const EnterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
