package samlmeta

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// These tests use software that shares no code with roster: libxml2's xmllint with the OASIS
// schema, xmlsec1, and OneLogin's python3-saml.

// python is the interpreter of Debian, for which Debian packages the library.
const python = "/usr/bin/python3"

// tool finds a program of a Debian package.
func tool(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: this test needs Debian's package %s (INSTALL=1 make test installs it)", name,
			pkg)
	}
	return path
}

func written(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// catalog maps the URLs that the OASIS schema imports to files of Debian's xmltooling-schemas.
const catalog = `<?xml version="1.0"?>
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
<system systemId="http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd"
	uri="/usr/share/xml/xmltooling/xmldsig-core-schema.xsd"/>
<system systemId="http://www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd"
	uri="/usr/share/xml/xmltooling/xenc-schema.xsd"/>
<system systemId="http://www.w3.org/2001/xml.xsd" uri="/usr/share/xml/xmltooling/xml.xsd"/>
</catalog>`

// xmllint validates metadata with the OASIS schema. It returns the errors, or "".
func xmllint(t testing.TB, data []byte) string {
	t.Helper()
	const schema = "/usr/share/xml/opensaml/saml-schema-metadata-2.0.xsd"
	if _, err := os.Stat(schema); err != nil {
		t.Fatalf("%v: this test needs Debian's packages opensaml-schemas and xmltooling-schemas (INSTALL=1 make "+
			"test installs them)", err)
	}
	cmd := exec.Command(tool(t, "xmllint", "libxml2-utils"), "--nonet", "--noout", "--schema", schema,
		written(t, "m.xml", data))
	cmd.Env = append(os.Environ(), "XML_CATALOG_FILES="+written(t, "catalog.xml", []byte(catalog)))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

// xmlsec1 verifies the signature of metadata with a certificate. It returns the error, or "".
func xmlsec1(t testing.TB, data []byte, certificate string) string {
	t.Helper()
	out, err := exec.Command(tool(t, "xmlsec1", "xmlsec1"), "--verify", "--pubkey-cert-pem",
		filepath.Join("testdata", certificate),
		"--id-attr:ID", metadataNS+":EntityDescriptor", written(t, "m.xml", data)).CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

// reading is the result of OneLogin's library for metadata.
type reading struct {
	Error       string
	EntityID    string
	SSO         string
	NameID      string
	Fingerprint []string // SHA-256
	Verified    bool
}

// onelogin parses metadata with OneLogin's python3-saml. If there is a certificate, it also
// verifies the signature.
func onelogin(t testing.TB, data []byte, certificate string) reading {
	t.Helper()
	args := []string{"testdata/python_saml.py", "read", written(t, "m.xml", data)}
	if certificate != "" {
		args = append(args, filepath.Join("testdata", certificate))
	}
	var r reading
	runPython(t, &r, nil, args...)
	return r
}

// runPython runs a script with input and output in JSON.
func runPython(t testing.TB, answer, settings any, args ...string) {
	t.Helper()
	var in, stderr bytes.Buffer
	if settings != nil {
		if err := json.NewEncoder(&in).Encode(settings); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, args...)
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: this test needs Debian's package python3-onelogin-saml2 (INSTALL=1 make test installs "+
			"it)\n%s", strings.Join(args, " "), err, &stderr)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("%s: %v in %s", strings.Join(args, " "), err, out)
	}
}

func TestOtherSoftwareAcceptsRenderedFiles(t *testing.T) {
	for name, r := range goldenRenderings(t) {
		t.Run(name, func(t *testing.T) {
			f := render(t, r)
			if out := xmllint(t, f.XML); out != "" {
				t.Errorf("xmllint: %s", out)
			}
			certificate := ""
			if s := r.Provider.SignMetadataWith; s != "" {
				certificate = r.Provider.Signing[s].Certificate
				if out := xmlsec1(t, f.XML, certificate); out != "" {
					t.Errorf("xmlsec1: %s", out)
				}
			}
			have := onelogin(t, f.XML, certificate)
			want := reading{EntityID: f.EntityID, SSO: r.expand(r.Provider.SingleSignOnRedirect), NameID: EmailAddress,
				Verified: certificate != ""}
			for _, name := range f.Certificates {
				want.Fingerprint = append(want.Fingerprint, r.Certificates[name].Fingerprint)
			}
			if want.SSO == "" {
				want.SSO = r.expand(r.Provider.SingleSignOnPost)
			}
			if have.Error != "" || have.EntityID != want.EntityID || have.SSO != want.SSO ||
				have.NameID != want.NameID || have.Verified != want.Verified ||
				strings.Join(have.Fingerprint, " ") != strings.Join(want.Fingerprint, " ") {
				t.Errorf("OneLogin's library returns %+v; want %+v", have, want)
			}
		})
	}
}

// roster and the other software must reject the same files.
func TestTamperedFilesAreRejected(t *testing.T) {
	for _, signed := range []string{"2026", "2027"} {
		r := rendering(t, Upload, signed)
		f := render(t, r)
		trusted, certificate := []*Certificate{r.Certificates[signed]}, r.Provider.Signing[signed].Certificate
		for _, test := range []struct{ name, old, new string }{
			{"another sign-in URL", "login.example.com/sso/post", "login.example.net/sso/post"},
			{"another entityID", `entityID="https://login.example.com/idp"`,
				`entityID="https://login.example.net/idp"`},
			{"a longer validity", `validUntil="2027`, `validUntil="2028`},
			{"another certificate", r.Certificates["2026"].base64(), r.Certificates["long-ago"].base64()},
			{"another digest", "<ds:DigestValue>", "<ds:DigestValue>AAAA"},
		} {
			t.Run(signed+": "+test.name, func(t *testing.T) {
				data := bytes.ReplaceAll(f.XML, []byte(test.old), []byte(test.new))
				if bytes.Equal(data, f.XML) {
					t.Fatal("nothing was changed")
				}
				if xmlsec1(t, data, certificate) == "" {
					t.Error("xmlsec1 accepts it")
				}
				if have := onelogin(t, data, certificate); have.Verified {
					t.Errorf("OneLogin's library accepts it: %+v", have)
				}
				if _, err := ParseIdentityProvider("m.xml", data, trusted); !strings.Contains(errorText(err), "R5012") {
					t.Errorf("roster returns %v", err)
				}
			})
		}
		t.Run(signed+": signed by another key", func(t *testing.T) {
			if xmlsec1(t, f.XML, "p384.crt") == "" {
				t.Error("xmlsec1 accepts it")
			}
			if have := onelogin(t, f.XML, "p384.crt"); have.Verified {
				t.Errorf("OneLogin's library accepts it: %+v", have)
			}
			if _, err := ParseIdentityProvider("m.xml", f.XML,
				[]*Certificate{r.Certificates["long-ago"]}); !strings.Contains(errorText(err), "R5012") {
				t.Errorf("roster returns %v", err)
			}
		})
	}
	f := render(t, rendering(t, Upload, ""))
	for _, test := range []struct{ name, old, new string }{
		{"without a sign-in URL", "SingleSignOnService", "SingleLogoutService"},
		{"an element with another name", "NameIDFormat", "NameIdFormat"},
		{"an invalid date", `validUntil="2027-11-25`, `validUntil="2027-11-32`},
		{"keys after NameID formats", "<KeyDescriptor use=\"signing\">",
			"<NameIDFormat>x</NameIDFormat><KeyDescriptor use=\"signing\">"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := bytes.ReplaceAll(f.XML, []byte(test.old), []byte(test.new))
			if xmllint(t, data) == "" {
				t.Error("xmllint accepts it")
			}
		})
	}
}
