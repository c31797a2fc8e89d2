package reconcile

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestAuthFingerprint(t *testing.T) {
	token := func(ref schema.SecretRef) schema.Auth { return schema.Auth{Token: &ref} }
	oauth := func(change func(o *schema.OAuth2)) schema.Auth {
		o := &schema.OAuth2{Grant: "clientCredentials", TokenURL: "https://a/t", ClientID: "c",
			ClientSecret: &schema.SecretRef{Env: "ROSTER_A"}, Scopes: []string{"x"}}
		change(o)
		return schema.Auth{OAuth2: o}
	}
	same := oauth(func(*schema.OAuth2) {})
	for _, test := range []struct {
		name  string
		a, b  schema.Auth
		equal bool
	}{
		{"the same reference elsewhere", token(schema.SecretRef{Env: "ROSTER_A"}),
			token(schema.SecretRef{Env: "ROSTER_A", Pos: schema.Pos{File: "x", Line: 5}}), true},
		{"another name", token(schema.SecretRef{Env: "ROSTER_A"}), token(schema.SecretRef{Env: "ROSTER_B"}), false},
		{"another kind", token(schema.SecretRef{Env: "ROSTER_A"}), token(schema.SecretRef{File: "ROSTER_A"}), false},
		{"another content of an encrypted file", token(schema.SecretRef{Age: "a", Ciphertext: []byte("1")}),
			token(schema.SecretRef{Age: "a", Ciphertext: []byte("2")}), false},
		{"the same client elsewhere", same,
			oauth(func(o *schema.OAuth2) { o.Pos.Line, o.ClientSecret.Pos.Line = 7, 8 }), true},
		{"another token endpoint", same, oauth(func(o *schema.OAuth2) { o.TokenURL = "https://b/t" }), false},
		{"another secret of the client", same, oauth(func(o *schema.OAuth2) { o.ClientSecret.Env = "ROSTER_B" }),
			false},
		{"other scopes", same, oauth(func(o *schema.OAuth2) { o.Scopes = nil }), false},
		{"another way altogether", same, token(schema.SecretRef{Env: "ROSTER_A"}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := AuthFingerprint(&schema.Provisioner{Auth: test.a})
			b := AuthFingerprint(&schema.Provisioner{Auth: test.b})
			if (a == b) != test.equal {
				t.Errorf("%s and %s; want equal: %v", a, b, test.equal)
			}
		})
	}
}
