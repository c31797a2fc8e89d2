// Package secret resolves references to secrets. A policy limits which files, environment
// variables, commands and hosts a reference may name. The policy comes from the configuration of
// the process and never from Git, because everyone who can open a pull request can write
// declarations.
//
// A Value does not reveal its text when it is printed, formatted or encoded: the output is
// "[secret]".
package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/seed-d64a251c/roster/internal/fileerror"
	"github.com/seed-d64a251c/roster/schema"
)

// Value is a secret. Only Reveal returns its text. It has a pointer, because fmt prints unexported
// fields of structs without calling their methods.
type Value struct{ text *string }

// NewValue returns a Value with this text.
func NewValue(text string) Value { return Value{&text} }

// Reveal returns the text, or "" for the zero value. Use the result only in a request.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

const placeholder = "[secret]"

func (Value) String() string               { return placeholder }
func (Value) GoString() string             { return placeholder }
func (Value) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// Format prints a placeholder for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(placeholder)) }

// Resolver resolves references to values. Its methods may be called concurrently.
type Resolver struct {
	Policy Policy
	// AgeIdentity is the file with the age identities that decrypt age files of the repository, in
	// the format of age-keygen. Without it, age files cannot be decrypted.
	AgeIdentity string
	// Getenv looks up an environment variable; nil means os.LookupEnv.
	Getenv func(string) (string, bool)
	// Register, if set, is called with each secret before anything else sees it.
	Register func(secret string)
	// AWS returns the configuration of the SDK for a region; "" means the SDK's default region. nil
	// means the SDK's default configuration.
	AWS func(ctx context.Context, region string) (aws.Config, error)
}

// maxSecret is the maximum size of a secret in bytes. A token has a few hundred.
const maxSecret = 64 << 10

// resolveTimeout is the maximum duration of a command or of a request to a service.
const resolveTimeout = 30 * time.Second

// Resolve returns the value of a reference. Errors name the reference and the remedy, and never
// contain a value.
func (r *Resolver) Resolve(ctx context.Context, ref *schema.SecretRef) (Value, error) {
	if ref == nil {
		return Value{}, errors.New("no secret is declared")
	}
	if why := r.Policy.denies(ref); why != "" {
		return Value{}, fmt.Errorf("%s: %s", ref.Pos, why)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	text, err := r.fetch(ctx, ref)
	text = strings.TrimSpace(text)
	r.register(text)
	switch {
	case err != nil:
		return Value{}, fmt.Errorf("%s: %w", ref.Pos, fileerror.Explain(err))
	case text == "":
		return Value{}, fmt.Errorf("%s: %s is empty", ref.Pos, Describe(ref))
	case len(text) > maxSecret:
		return Value{}, fmt.Errorf("%s: %s has %d bytes; a secret may have at most %d", ref.Pos, Describe(ref),
			len(text), maxSecret)
	}
	return NewValue(text), nil
}

func (r *Resolver) register(secret string) {
	if r.Register != nil && secret != "" {
		r.Register(secret)
	}
}

func (r *Resolver) fetch(ctx context.Context, ref *schema.SecretRef) (string, error) {
	switch {
	case ref.Env != "":
		return r.env(ref.Env)
	case ref.File != "":
		return r.file(ref.File)
	case len(ref.Exec) > 0:
		return r.command(ctx, ref.Exec)
	case ref.Age != "":
		return r.age(ref)
	case ref.Sops != nil:
		return r.sops(ctx, ref)
	case ref.AWS != nil:
		return r.aws(ctx, ref.AWS)
	}
	return "", errors.New("the reference has no source")
}

// Describe returns a phrase for the source of a reference.
func Describe(ref *schema.SecretRef) string {
	switch {
	case ref.Env != "":
		return "environment variable " + ref.Env
	case ref.File != "":
		return "secret file " + ref.File
	case len(ref.Exec) > 0:
		return "the output of " + ref.Exec[0]
	case ref.Age != "":
		return "age file " + ref.Age
	case ref.Sops != nil:
		return "key " + ref.Sops.Key + " of sops file " + ref.Sops.File
	case ref.AWS != nil && ref.AWS.SecretsManager != "":
		return "AWS secret " + ref.AWS.SecretsManager
	case ref.AWS != nil:
		return "AWS parameter " + ref.AWS.ParameterStore
	}
	return "the secret"
}
