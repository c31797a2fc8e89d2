// Package testdata contains the example organization of tests, README, roster init and the demo.
package testdata

import (
	"embed"
	"io/fs"
)

//go:embed all:example
var files embed.FS

// Example returns the files of the example organization, without the schema for the cue command and
// editors.
func Example() fs.FS {
	example, err := fs.Sub(files, "example")
	if err != nil {
		return files // unreachable: "example" is a valid path
	}
	return example
}
