package samlmeta

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

// hasPosition reports whether an error has problems with positions in the file.
func hasPosition(err error) bool {
	var problems schema.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		return false
	}
	for _, p := range problems {
		if p.Pos.File != "m.xml" || p.Pos.Line < 1 || p.Pos.Column < 1 || p.Code == "" || p.Message == "" {
			return false
		}
	}
	return true
}

// FuzzServiceProvider checks that the parser returns usable metadata or problems with positions.
func FuzzServiceProvider(f *testing.F) {
	f.Add(file(f, "aws-sp.xml"))
	f.Add([]byte(aws(` validUntil="2027-01-01T00:00:00Z" cacheDuration="PT1H"`, `<KeyDescriptor use="signing"/>`, "")))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`))
	f.Add([]byte(`<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ` +
		`entityID="x"><md:SPSSODescriptor/></md:EntityDescriptor>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sp, err := ParseServiceProvider("m.xml", data)
		if err != nil {
			if !hasPosition(err) {
				t.Fatalf("the error has no position: %#v", err)
			}
			return
		}
		if sp.EntityID == "" || len(sp.Consumers) == 0 || len(sp.SHA256) != 64 {
			t.Errorf("accepted without content: %+v", sp)
		}
		for _, c := range sp.Consumers {
			if !strings.HasPrefix(strings.ToLower(c.Location), "https://") {
				t.Errorf("assertions are sent to %q", c.Location)
			}
		}
	})
}

// FuzzIdentityProvider checks the same for an identity provider. With a trusted certificate, only a
// file that it signed may be accepted.
func FuzzIdentityProvider(f *testing.F) {
	trusted, _ := keyPair(f, "rsa")
	signed := file(f, "upload-rsa.xml")
	for _, name := range []string{"upload.xml", "upload-rsa.xml", "upload-ecdsa.xml", "published.xml"} {
		f.Add(file(f, name))
	}
	want, err := ParseIdentityProvider("m.xml", signed, []*Certificate{trusted})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		idp, err := ParseIdentityProvider("m.xml", data, nil)
		if err != nil && !hasPosition(err) {
			t.Fatalf("the error has no position: %#v", err)
		}
		if err == nil && (idp.EntityID == "" || len(idp.Certificates) == 0 ||
			idp.SingleSignOnPost+idp.SingleSignOnRedirect == "") {
			t.Errorf("accepted without content: %+v", idp)
		}
		if bytes.Equal(data, file(t, "published-signed.xml")) {
			return
		}
		// The key signed one file of the corpus. A file that is accepted must have the same
		// content.
		if idp, err := ParseIdentityProvider("m.xml", data, []*Certificate{trusted}); err == nil &&
			(idp.EntityID != want.EntityID ||
				idp.SingleSignOnPost != want.SingleSignOnPost || !idp.ValidUntil.Equal(want.ValidUntil) ||
				len(idp.Certificates) != len(want.Certificates)) {
			t.Errorf("the result is not what was signed: %+v", idp)
		}
	})
}

// FuzzCertificate checks that the parser returns a certificate for metadata, or problems with
// positions.
func FuzzCertificate(f *testing.F) {
	for _, name := range []string{"rsa.crt", "p256.crt", "rsa.key"} {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCertificate("m.xml", data)
		if err != nil {
			if !hasPosition(err) {
				t.Fatalf("the error has no position: %#v", err)
			}
			return
		}
		if again, err := parseBase64(schema.Pos{}, c.base64()); err != nil || again.Fingerprint != c.Fingerprint {
			t.Errorf("it does not round-trip: %v", err)
		}
	})
}
