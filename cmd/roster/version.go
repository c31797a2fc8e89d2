package main

import (
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit, the Go release and the schema",
		Long: `version prints the version of roster, the commit that it was built from, the Go release that built
it, and the beginning of the SHA-256 of its schema.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.printVersion() },
	}
}

// build describes the program. Its fields are those of the JSON output.
type build struct {
	Version int    `json:"version"` // of the document
	Release string `json:"release"`
	Commit  string `json:"commit"` // empty if the build does not know it
	Go      string `json:"go"`
	// Schema is the SHA-256 of the schema's files, in hexadecimal.
	Schema string `json:"schema"`
}

func (c *cli) printVersion() error {
	digest, err := app.SchemaDigest()
	if err != nil {
		return err
	}
	revision, dirty := revision()
	if dirty {
		revision += "+dirty"
	}
	b := build{1, version(), revision, runtime.Version(), digest}
	if c.format == "json" {
		return c.printJSON(b)
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	output.Fprintf(c.stdout, "roster version %s\ncommit %s\nGo %s\nschema %.12s\n", b.Release, b.Commit, b.Go, b.Schema)
	return nil
}

// version returns the version of the module, or the commit that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, dirty := revision()
	commit = commit[:min(12, len(commit))]
	switch {
	case commit == "":
		return "devel"
	case dirty:
		return commit + "+dirty"
	}
	return commit
}

// revision returns the commit that the program was built from, and whether files differed from it.
// The commit is empty if the build does not know it.
func revision() (commit string, dirty bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			dirty, _ = strconv.ParseBool(s.Value)
		}
	}
	return commit, dirty
}
