package source

import (
	"fmt"
	"io/fs"
	"strings"
)

const (
	// SchemaImportPath is the import path of the definitions of the schema.
	SchemaImportPath = "github.com/seed-d64a251c/roster/schema"
	// definitionsFile has the definitions of the schema.
	definitionsFile = "cue.mod/pkg/" + SchemaImportPath + "/declarations.cue"
	// editorsOnly begins the part of schema.cue that roster does not use.
	editorsOnly = "// For `cue vet` and editors only"
)

// SchemaText is the text of the schema in CUE.
type SchemaText struct {
	// Definitions is the file with the definitions, Root the one with the top-level fields.
	Definitions, Root string
}

// ReadSchema reads the schema from its files, which schema.Files returns.
func ReadSchema(files fs.FS) (out SchemaText, err error) {
	for name, text := range map[string]*string{definitionsFile: &out.Definitions, SchemaFile: &out.Root} {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return out, fmt.Errorf("read schema: %w", err)
		}
		*text, _, _ = strings.Cut(string(b), editorsOnly)
	}
	return out, nil
}
