package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func (r *Resolver) env(name string) (string, error) {
	getenv := r.Getenv
	if getenv == nil {
		getenv = os.LookupEnv
	}
	text, ok := getenv(name)
	if !ok || strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("environment variable %s is empty or not set; set it, for example: export %s=... "+
			"(roster simulate prints this line for its own token)", name, name)
	}
	return text, nil
}

// file reads a file in the secrets directory. Symbolic links must not lead out of the directory.
// Users other than the owner and the group must not be able to read the file.
func (r *Resolver) file(name string) (string, error) {
	root, err := os.OpenRoot(r.Policy.SecretsDir)
	if err != nil {
		return "", fmt.Errorf("open the secrets directory: %w", err)
	}
	defer root.Close()
	rel, err := filepath.Rel(r.Policy.SecretsDir, r.Policy.path(name))
	if err != nil {
		return "", fmt.Errorf("secret file %s: %w", name, err)
	}
	info, err := root.Stat(rel)
	switch {
	case err == nil && r.Policy.reserves(info):
		return "", errors.New(reservedFile(rel))
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("secret file %s does not exist in %s", rel, r.Policy.SecretsDir)
	case err != nil:
		return "", fmt.Errorf("secret file %s: %w", rel, err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("secret file %s is not a regular file", rel)
	case info.Size() > maxSecret:
		return "", fmt.Errorf("secret file %s has %d bytes; a secret may have at most %d", rel, info.Size(), maxSecret)
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("secret file %s is readable by all users (mode %04o); run chmod o-rwx on it", rel,
			info.Mode().Perm())
	}
	b, err := root.ReadFile(rel)
	if err != nil {
		return "", fmt.Errorf("secret file %s: %w", rel, err)
	}
	return string(b), nil
}

// reserves reports whether a file is one that a flag names, under any name.
func (p Policy) reserves(file fs.FileInfo) bool {
	return slices.ContainsFunc(p.ReservedFiles, func(name string) bool {
		reserved, err := os.Stat(name)
		return err == nil && os.SameFile(reserved, file)
	})
}
