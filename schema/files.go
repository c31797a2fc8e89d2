package schema

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed cue
var embedded embed.FS

const (
	// importPath is how an organisation's files know the schema.
	importPath = "github.com/seed-d64a251c/roster/schema"
	// schemaFile is the schema's entrance at the root of a repository.
	schemaFile = "schema.cue"
	// definitionsFile holds the schema itself.
	definitionsFile = "cue.mod/pkg/" + importPath + "/declarations.cue"
	// generated is how a schema file that roster wrote begins.
	generated = "// Written by roster; do not edit: roster brings its own copy.\n"
	// editorsOnly begins the part of schema.cue that Load leaves out.
	editorsOnly = "// For `cue vet` and editors alone"
)

// Files is what a repository holds so that the stock cue command and editors know the schema: the module file, the schema below cue.mod/pkg, and at the
// root schema.cue, which brings it into package roster. No registry and no network is needed. Load does not read these files: it brings its own.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "cue")
	if err != nil {
		return embedded // unreachable: "cue" is a valid path
	}
	return files
}

// schemaText returns one file of the schema as Load uses it.
func schemaText(name string) string {
	b, _ := fs.ReadFile(Files(), name) // a file that is missing is found by every test
	text, _, _ := strings.Cut(string(b), editorsOnly)
	return text
}
