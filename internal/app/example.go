package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/testdata"
)

// ExampleTenant is the tenant in the endpoint that the example declares.
const ExampleTenant = "demo0000000-0000-4000-8000-000000000001"

// Init creates a Git repository in dir, which must be empty or absent, with the example
// organization in one commit.
func Init(ctx context.Context, dir string) error {
	content, err := Example()
	if err != nil {
		return err
	}
	meta := gitrepo.CommitMeta{Message: "Start with the example organization\n", When: time.Now()}
	_, err = gitrepo.Init(ctx, dir, content, meta)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("folder %s is not empty; init requires an empty or new folder: choose "+
			"another, or add only the schema to an existing repository with roster init --here", dir)
	}
	return err
}

// Example returns the example organization, with the schema where the cue command and editors find
// it.
func Example() (fs.FS, error) {
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
