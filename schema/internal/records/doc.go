// Package records reads the files of a configuration to records. Most users and groups are literal
// data, are declared once and are valid: it accepts and converts them file by file, and keeps the
// result of a file until the file changes. All other records are left to the slow path, through CUE
// if they need evaluation.
//
// The package knows which users and groups are valid on their own. It does not know how they
// relate.
package records
