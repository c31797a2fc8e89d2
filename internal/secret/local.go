package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func (r *Resolver) env(name string) (string, error) {
	getenv := r.Getenv
	if getenv == nil {
		getenv = os.LookupEnv
	}
	text, ok := getenv(name)
	if !ok || strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("the environment has no %s; set it, for example: export %s=... (roster simulate prints the line for its own token)", name, name)
	}
	return text, nil
}

// file reads a secret file below the secrets directory. Symbolic links must not lead out of it, and nobody but the owner and the group may
// read it.
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
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("secret file %s does not exist in %s", rel, r.Policy.SecretsDir)
	case err != nil:
		return "", fmt.Errorf("secret file %s: %w", rel, err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("secret file %s is not a regular file", rel)
	case info.Size() > maxSecret:
		return "", fmt.Errorf("secret file %s has %d bytes; at most %d are read", rel, info.Size(), maxSecret)
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("secret file %s may be read by everybody (mode %04o); chmod o-rwx it", rel, info.Mode().Perm())
	}
	b, err := root.ReadFile(rel)
	if err != nil {
		return "", fmt.Errorf("secret file %s: %w", rel, err)
	}
	return string(b), nil
}
