// Package secret turns references to secrets into values, under a policy that comes from the daemon's configuration and never from Git:
// whoever can open a pull request can write declarations, and must not be able to name any file, variable, command or host.
//
// A value knows how to hide: it prints, formats and encodes as "[secret]".
package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// Value is a secret. Only Reveal gives it away. It holds a pointer, because fmt prints what unexported fields of structs hold without
// asking their methods.
type Value struct{ text *string }

// NewValue wraps a secret text.
func NewValue(text string) Value { return Value{&text} }

// Reveal returns the secret, "" of the zero value. Its result must go nowhere but into a request.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

const hidden = "[secret]"

func (Value) String() string               { return hidden }
func (Value) GoString() string             { return hidden }
func (Value) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Format hides the value from every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// Resolver finds the values behind references.
type Resolver struct {
	Policy Policy
	// Getenv looks up the environment; nil means os.LookupEnv.
	Getenv func(string) (string, bool)
}

// maxFile is the largest secret file in bytes: a token has a few hundred.
const maxFile = 64 << 10

// Resolve returns the value behind a reference. Errors name the reference and what to do, never a value.
func (r *Resolver) Resolve(_ context.Context, ref *schema.SecretRef) (Value, error) {
	if ref == nil {
		return Value{}, errors.New("no secret is declared")
	}
	if why := r.Policy.refuses(ref); why != "" {
		return Value{}, fmt.Errorf("%s: %s", ref.Pos, why)
	}
	var text string
	var err error
	switch {
	case ref.Env != "":
		text, err = r.env(ref.Env)
	case ref.File != "":
		text, err = r.file(ref.File)
	default:
		return Value{}, fmt.Errorf("%s: this kind of secret reference is not supported; use {env: \"ROSTER_...\"} or {file: \"...\"}", ref.Pos)
	}
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", ref.Pos, err)
	}
	return NewValue(text), nil
}

func (r *Resolver) env(name string) (string, error) {
	getenv := r.Getenv
	if getenv == nil {
		getenv = os.LookupEnv
	}
	text, ok := getenv(name)
	if !ok || strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("the environment has no %s; set it, for example: export %s=... (roster simulate prints the line for its own token)", name, name)
	}
	return strings.TrimSpace(text), nil
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
	case info.Size() > maxFile:
		return "", fmt.Errorf("secret file %s has %d bytes; at most %d are read", rel, info.Size(), maxFile)
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("secret file %s may be read by everybody (mode %04o); chmod o-rwx it", rel, info.Mode().Perm())
	}
	b, err := root.ReadFile(rel)
	if err != nil {
		return "", fmt.Errorf("secret file %s: %w", rel, err)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("secret file %s is empty", rel)
	}
	return text, nil
}
