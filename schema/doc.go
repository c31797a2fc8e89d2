// Package schema reads the declarations of a repository. It contains their CUE schema, their Go
// form (Declarations) and Load, which turns a file tree into checked Declarations or a list of all
// problems.
//
// The package knows file formats, CUE and the values that AWS accepts. It does not know Git, HTTP
// or the state of AWS.
//
// The prefix of a file's name is its layer: tree_ has nodes, positions and problems, source_ the
// file formats, constraint_ the compiled schema, mapping_ the mapping expressions, and validate_
// the checks across declarations.
package schema
