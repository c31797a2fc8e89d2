// Package tree has the values of declarations with their positions, and the problems that are found
// in them. A Node is a value from any file format. A Problem is one finding; its Code is stable.
//
// The package knows no file format, no CUE and no declaration.
package tree
