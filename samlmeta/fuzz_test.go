package samlmeta

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

// placed reports whether an error is findings that stand in the file.
func placed(err error) bool {
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

// FuzzServiceProvider: whatever the file, the parser ends with metadata that can be used or findings at its lines.
func FuzzServiceProvider(f *testing.F) {
	f.Add(file(f, "aws-sp.xml"))
	f.Add([]byte(aws(` validUntil="2027-01-01T00:00:00Z" cacheDuration="PT1H"`, `<KeyDescriptor use="signing"/>`, "")))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`))
	f.Add([]byte(`<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><md:SPSSODescriptor/></md:EntityDescriptor>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sp, err := ParseServiceProvider("m.xml", data)
		if err != nil {
			if !placed(err) {
				t.Fatalf("the error has no place: %#v", err)
			}
			return
		}
		if sp.EntityID == "" || len(sp.Consumers) == 0 || len(sp.SHA256) != 64 {
			t.Errorf("it is taken, and says nothing: %+v", sp)
		}
		for _, c := range sp.Consumers {
			if !strings.HasPrefix(strings.ToLower(c.Location), "https://") {
				t.Errorf("assertions go to %q", c.Location)
			}
		}
	})
}

// FuzzIdentityProvider: likewise; and with a trusted certificate, only what it signed is taken.
func FuzzIdentityProvider(f *testing.F) {
	trusted, _ := pair(f, "rsa")
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
		if err != nil && !placed(err) {
			t.Fatalf("the error has no place: %#v", err)
		}
		if err == nil && (idp.EntityID == "" || len(idp.Certificates) == 0 || idp.SingleSignOnPost+idp.SingleSignOnRedirect == "") {
			t.Errorf("it is taken, and says nothing: %+v", idp)
		}
		if bytes.Equal(data, file(t, "published-signed.xml")) {
			return
		}
		// The key signed one file in this corpus: whatever passes must say what that one says.
		if idp, err := ParseIdentityProvider("m.xml", data, []*Certificate{trusted}); err == nil && (idp.EntityID != want.EntityID ||
			idp.SingleSignOnPost != want.SingleSignOnPost || !idp.ValidUntil.Equal(want.ValidUntil) || len(idp.Certificates) != len(want.Certificates)) {
			t.Errorf("the signature covers something else than is read: %+v", idp)
		}
	})
}

// FuzzCertificate: a file is a certificate that metadata can hold, or refused with its place.
func FuzzCertificate(f *testing.F) {
	for _, name := range []string{"rsa.crt", "p256.crt", "rsa.key"} {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCertificate("m.xml", data)
		if err != nil {
			if !placed(err) {
				t.Fatalf("the error has no place: %#v", err)
			}
			return
		}
		if again, err := parseEmbedded(schema.Pos{}, c.embedded()); err != nil || again.Fingerprint != c.Fingerprint {
			t.Errorf("it does not come out as it went in: %v", err)
		}
	})
}
