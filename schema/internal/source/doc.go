// Package source reads the files of a configuration. It lists them (Scanner), and converts CSV,
// JSON, JSON lines, YAML and the literal part of CUE to nodes. The other part of a CUE file is a
// Dynamic: the declarations that CUE must evaluate.
//
// The package knows file formats and their limits. It evaluates nothing, and it does not know which
// fields and values a declaration may have.
package source
