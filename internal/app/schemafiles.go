package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/schema"
)

// moduleFile is the module of CUE files. A repository may have its own.
const moduleFile = "cue.mod/module.cue"

// SchemaFile is a file of the schema in a repository.
type SchemaFile struct {
	Name   string `json:"name"`
	Change string `json:"change"` // "created", "updated" or "unchanged"
}

// AddSchema writes the schema into dir, a folder of an existing repository, where the cue command
// and editors find it. It replaces an older schema, and keeps another module file. It commits
// nothing, and changes nothing if a file to replace was not written by roster or has uncommitted
// changes.
func AddSchema(ctx context.Context, dir string) ([]SchemaFile, error) {
	repo, err := gitrepo.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not in a Git repository: create one with git init, or without --here", dir)
	}
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	if repo.WorkTree() == "" {
		return nil, fmt.Errorf("%s is a bare repository: name a folder of a working copy", dir)
	}
	dirty, err := repo.Dirty(ctx)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	defer root.Close()
	names, err := schemaFileNames()
	if err != nil {
		return nil, err
	}
	var out []SchemaFile
	for _, name := range names {
		change, err := schemaChange(root, name, slices.Contains(dirty, path.Join(repo.Prefix(), name)))
		if err != nil {
			return nil, err
		}
		out = append(out, SchemaFile{name, change})
	}
	for _, f := range out {
		if f.Change == "unchanged" {
			continue
		}
		if err := writeSchemaFile(root, f.Name); err != nil {
			return nil, fmt.Errorf("write the schema: %w", err)
		}
	}
	return out, nil
}

func schemaFileNames() ([]string, error) {
	var names []string
	err := fs.WalkDir(schema.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// schemaChange returns what AddSchema does to a file, or an error if it must not.
func schemaChange(root *os.Root, name string, dirty bool) (string, error) {
	want, err := fs.ReadFile(schema.Files(), name)
	if err != nil {
		return "", err
	}
	have, err := root.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "created", nil
	case err != nil:
		return "", fmt.Errorf("write the schema: %w", err)
	case bytes.Equal(have, want), name == moduleFile:
		return "unchanged", nil
	case !schema.Generated(have):
		return "", fmt.Errorf("%s was not written by roster: rename it, because the schema must be there", name)
	case dirty:
		return "", fmt.Errorf("%s has uncommitted changes, which would be lost: commit or remove it first", name)
	}
	return "updated", nil
}

// writeSchemaFile writes a file of the schema, completely or not at all.
func writeSchemaFile(root *os.Root, name string) error {
	content, err := fs.ReadFile(schema.Files(), name)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	temporary := name + ".new"
	if err := root.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	if err := root.Rename(temporary, name); err != nil {
		return errors.Join(err, root.Remove(temporary))
	}
	return nil
}

// SchemaDigest returns the SHA-256 of the names and contents of the schema's files, in hexadecimal.
func SchemaDigest() (string, error) {
	names, err := schemaFileNames()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range names {
		content, err := fs.ReadFile(schema.Files(), name)
		if err != nil {
			return "", fmt.Errorf("read the schema: %w", err)
		}
		_, _ = fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content) // a hash accepts everything
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
