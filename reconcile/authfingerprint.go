package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/seed-d64a251c/roster/schema"
)

// AuthFingerprint returns a fingerprint of a provisioner's `auth`: of its references to secrets and
// its client. It contains no secret, and does not change when the secret behind a reference does.
// The content of an encrypted file in the repository counts.
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
