// Package mapping converts users to SCIM attributes. A Mapping has a CUE expression for each
// attribute. Most mappings are compiled to closures. CUE evaluates the others, and defines the
// meaning of all; tests and fuzzing compare both.
//
// The package knows the attributes that AWS supports, with their rules. It does not know which
// users a mapping is for.
package mapping
