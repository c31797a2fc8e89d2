// Package schema reads the declarations of a repository. It contains their CUE schema, their Go
// form (Declarations) and Load, which turns a file tree into checked Declarations or a list of all
// problems.
//
// The package knows file formats, CUE and the values that AWS accepts. It does not know Git, HTTP
// or the state of AWS.
//
// load.go is a pipeline over the packages below it. Each step takes values and returns values:
//
//	internal/source       files -> nodes
//	internal/records      nodes -> accepted users and groups, and the records of the slow path
//	internal/constraint   the records of the slow path -> checked nodes, with CUE where needed
//	internal/mapping      mapping expressions -> Mapping
//	internal/declaration  checked nodes -> the values of Declarations
//	internal/validate     Declarations -> problems of relations
//
// internal/tree has nodes, positions, problems and their codes.
package schema
