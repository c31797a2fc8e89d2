package samlmeta

import (
	"bytes"
	"crypto"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

var update = flag.Bool("update", false, "write golden files")

var noon = time.Date(2026, 11, 25, 12, 30, 15, 0, time.UTC)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keyPair returns a certificate of testdata and its key.
func keyPair(t testing.TB, name string) (*Certificate, crypto.Signer) {
	t.Helper()
	c, err := ParseCertificate(name+".crt", file(t, name+".crt"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := c.ParseKey(string(file(t, name+".key")))
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// testProvider returns an identity provider with certificates in the phases active, next and
// retired.
func testProvider() *schema.IdentityProvider {
	return &schema.IdentityProvider{
		EntityID: "https://{domain}/idp", SingleSignOnPost: "https://{domain}/sso/post",
		SingleSignOnRedirect: "https://{domain}/sso/redirect",
		Domains:              []string{"login.example.com", "login.example.org"}, LifetimeDays: 365,
		CacheDuration: "36h",
		Signing: map[string]*schema.SigningKey{
			"2026":     {Certificate: "rsa.crt", Phase: "active"},
			"2027":     {Certificate: "p256.crt", Phase: "next"},
			"long-ago": {Certificate: "p384.crt", Phase: "retired"},
		},
	}
}

func rendering(t testing.TB, profile Profile, signed string) Rendering {
	t.Helper()
	r := Rendering{Provider: testProvider(), Domain: "login.example.com", Profile: profile, Now: noon}
	var err error
	if r.Certificates, err = Certificates(r.Provider, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	if signed != "" {
		r.Provider.SignMetadataWith = signed
		_, r.Key = keyPair(t, strings.TrimSuffix(r.Provider.Signing[signed].Certificate, ".crt"))
	}
	return r
}

func render(t testing.TB, r Rendering) *File {
	t.Helper()
	f, err := r.Render()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// golden compares bytes with a file of testdata.
func golden(t *testing.T, name string, have []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s: have\n%s\nwant\n%s\nupdate it with -update", name, have, want)
	}
}

// errorText returns the text of an error, or "" for nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
