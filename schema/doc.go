// Package schema is what people write: the CUE schema of declarations, their Go form, and Load, which turns a tree of files into
// checked Declarations or says everything that is wrong with it.
//
// It knows files, CUE and AWS's rules for the values that it accepts. It does not know Git, HTTP or what AWS holds.
package schema
