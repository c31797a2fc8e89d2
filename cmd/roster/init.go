package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing/fstest"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/testdata"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{Use: "init [DIR]", Short: "Make a Git repository with the schema, an example and a provisioner for the local simulator",
		Long: "init makes a working copy in DIR (default: the current folder), which must be empty or absent, with one commit.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return a.init(cmd.Context(), dir)
		}}
}

func (a *app) init(ctx context.Context, dir string) error {
	content, err := starter()
	if err != nil {
		return err
	}
	if _, err := gitrepo.Init(ctx, dir, content, gitrepo.CommitMeta{Message: "Start with the example organisation\n", When: time.Now()}); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w; init starts in an empty or new folder", err)
		}
		return err
	}
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "dir": dir})
	}
	fmt.Fprintf(a.stdout, `made %s: 40 people, 8 groups, an app, a mapping and a provisioner for the local simulator
next:
  roster simulate            in another terminal; it prints the line that sets the token for this one
  roster check %s
  roster plan %s
  roster apply %s
`, dir, dir, dir, dir)
	return nil
}

// starter is the example with the schema where the cue command and editors find it.
func starter() (fs.FS, error) {
	out := fstest.MapFS{}
	for _, part := range []fs.FS{testdata.Example(), schema.Files()} {
		err := fs.WalkDir(part, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := fs.ReadFile(part, name)
			out[name] = &fstest.MapFile{Data: b, Mode: 0o644}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("collect the example: %w", err)
		}
	}
	return out, nil
}
