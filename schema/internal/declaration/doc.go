// Package declaration has the values that are declared: users, groups and their members, apps,
// provisioners, assertions and approvals. A Binder converts checked nodes to them. Package schema
// exports the types under the same names.
//
// The package knows AWS's partitions and the meaning of dates. It knows no file format and no CUE.
package declaration
