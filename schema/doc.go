// Package schema reads the declarations of a repository. It contains their CUE schema, their Go
// form (Declarations) and Load, which turns a file tree into checked Declarations or a list of all
// problems.
//
// The package knows file formats, CUE and the values that AWS accepts. It does not know Git, HTTP
// or the state of AWS.
//
// Below it, internal/tree has nodes, positions and problems, and internal/source the file formats.
// The prefix of a file's name is its layer: constraint_ has the compiled schema, mapping_ the
// mapping expressions, and validate_ the checks across declarations.
package schema
