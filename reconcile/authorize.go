package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/seed-d64a251c/roster/schema"
)

// ErrNeedsAuthorization says that no credentials for a directory can be had until somebody acts. It is an ErrUnauthorized: nothing more is
// sent.
var ErrNeedsAuthorization error = needsAuthorization{}

type needsAuthorization struct{}

func (needsAuthorization) Error() string        { return "needs authorization" }
func (needsAuthorization) Is(target error) bool { return target == ErrUnauthorized }

// AuthFingerprint names what a provisioner declares of its credentials: which secret, where, for which client. It holds no secret, and
// does not change when the secret behind a reference does; the content of an encrypted file in the repository counts.
func AuthFingerprint(p *schema.Provisioner) string {
	auth := p.Auth
	plain := func(ref *schema.SecretRef) *schema.SecretRef {
		if ref == nil {
			return nil
		}
		copied := *ref
		copied.Pos = schema.Pos{}
		return &copied
	}
	auth.Token = plain(auth.Token)
	if auth.OAuth2 != nil {
		copied := *auth.OAuth2
		copied.Pos, copied.ClientSecret = schema.Pos{}, plain(copied.ClientSecret)
		auth.OAuth2 = &copied
	}
	text, err := json.Marshal(auth)
	if err != nil {
		panic("unreachable: plain data cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// open connects to the directory, unless that is done. An auth that was changed in Git has to pass a test call first: until it does,
// nothing is sent with it.
func (s *session) open(ctx context.Context) error {
	if s.dir != nil {
		return nil
	}
	p := s.provisioner
	dir, err := s.Open(ctx, p, !s.req.Apply)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", p.Identity(), err)
	}
	if status := s.past.Status; s.Test != nil && status != nil && status.AuthFingerprint != "" && status.AuthFingerprint != AuthFingerprint(p) {
		if err := s.Test(ctx, p); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return fmt.Errorf("%w: `auth` was changed in Git, and its test call failed: %w", ErrNeedsAuthorization, err)
		}
	}
	s.dir = dir
	return nil
}
