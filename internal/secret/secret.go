// Package secret turns references to secrets into values, under a policy that comes from the daemon's configuration and never from Git:
// whoever can open a pull request can write declarations, and must not be able to name any file, variable, command or host.
//
// A value knows how to hide: it prints, formats and encodes as "[secret]".
package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

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

// Resolver finds the values behind references. Its methods may be called concurrently.
type Resolver struct {
	Policy Policy
	// AgeIdentity is the file of the age identities that open age files of the repository, as age-keygen writes it; empty opens none.
	AgeIdentity string
	// Getenv looks up the environment; nil means os.LookupEnv.
	Getenv func(string) (string, bool)
	// AWS configures the SDK for a region ("" is the SDK's own choice); nil means the SDK's usual sources.
	AWS func(ctx context.Context, region string) (aws.Config, error)
}

// maxSecret is the largest secret in bytes: a token has a few hundred.
const maxSecret = 64 << 10

// patience is how long a command or a service may take to give a secret.
const patience = 30 * time.Second

// Resolve returns the value behind a reference. Errors name the reference and what to do, never a value.
func (r *Resolver) Resolve(ctx context.Context, ref *schema.SecretRef) (Value, error) {
	if ref == nil {
		return Value{}, errors.New("no secret is declared")
	}
	if why := r.Policy.refuses(ref); why != "" {
		return Value{}, fmt.Errorf("%s: %s", ref.Pos, why)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := r.fetch(ctx, ref)
	text = strings.TrimSpace(text)
	switch {
	case err != nil:
		return Value{}, fmt.Errorf("%s: %w", ref.Pos, err)
	case text == "":
		return Value{}, fmt.Errorf("%s: %s is empty", ref.Pos, describe(ref))
	case len(text) > maxSecret:
		return Value{}, fmt.Errorf("%s: %s has %d bytes; at most %d are taken for a secret", ref.Pos, describe(ref), len(text), maxSecret)
	}
	return NewValue(text), nil
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
	return "", errors.New("the reference names nothing")
}

// describe names what a reference stands for.
func describe(ref *schema.SecretRef) string {
	switch {
	case ref.Env != "":
		return "environment " + ref.Env
	case ref.File != "":
		return "secret file " + ref.File
	case len(ref.Exec) > 0:
		return "what " + ref.Exec[0] + " prints"
	case ref.Age != "":
		return "age file " + ref.Age
	case ref.Sops != nil:
		return ref.Sops.Key + " of sops file " + ref.Sops.File
	case ref.AWS != nil && ref.AWS.SecretsManager != "":
		return "AWS secret " + ref.AWS.SecretsManager
	case ref.AWS != nil:
		return "AWS parameter " + ref.AWS.ParameterStore
	}
	return "the secret"
}
