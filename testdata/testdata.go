// Package testdata holds the example organisation that tests, README, roster init and the demo share.
package testdata

import (
	"embed"
	"io/fs"
)

//go:embed all:example
var files embed.FS

// Example returns the example organisation as a repository's files, without the schema that editors use.
func Example() fs.FS {
	example, err := fs.Sub(files, "example")
	if err != nil {
		return files // unreachable: "example" is a valid path
	}
	return example
}
