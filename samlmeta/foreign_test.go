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

// Judges that share no code with roster: libxml2's xmllint over the OASIS schema, xmlsec1, and OneLogin's python3-saml.

// python is Debian's own interpreter, for which Debian has the library.
const python = "/usr/bin/python3"

// tool finds a program that Debian brings.
func tool(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: this test needs Debian's package %s (INSTALL=1 make test installs it)", name, pkg)
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

// catalog maps the addresses that the OASIS schema imports to the files of Debian's xmltooling-schemas.
const catalog = `<?xml version="1.0"?>
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
<system systemId="http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd" uri="/usr/share/xml/xmltooling/xmldsig-core-schema.xsd"/>
<system systemId="http://www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd" uri="/usr/share/xml/xmltooling/xenc-schema.xsd"/>
<system systemId="http://www.w3.org/2001/xml.xsd" uri="/usr/share/xml/xmltooling/xml.xsd"/>
</catalog>`

// xmllint says what libxml2 finds wrong with metadata by the OASIS schema, "" if nothing.
func xmllint(t testing.TB, data []byte) string {
	t.Helper()
	const schema = "/usr/share/xml/opensaml/saml-schema-metadata-2.0.xsd"
	if _, err := os.Stat(schema); err != nil {
		t.Fatalf("%v: this test needs Debian's packages opensaml-schemas and xmltooling-schemas (INSTALL=1 make test installs them)", err)
	}
	cmd := exec.Command(tool(t, "xmllint", "libxml2-utils"), "--nonet", "--noout", "--schema", schema, written(t, "m.xml", data))
	cmd.Env = append(os.Environ(), "XML_CATALOG_FILES="+written(t, "catalog.xml", []byte(catalog)))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

// xmlsec1 says why the signature is not that of the certificate, "" if it is.
func xmlsec1(t testing.TB, data []byte, certificate string) string {
	t.Helper()
	out, err := exec.Command(tool(t, "xmlsec1", "xmlsec1"), "--verify", "--pubkey-cert-pem", filepath.Join("testdata", certificate),
		"--id-attr:ID", metadataNS+":EntityDescriptor", written(t, "m.xml", data)).CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

// reading is what OneLogin's library reads of metadata.
type reading struct {
	Error       string
	EntityID    string
	SSO         string
	NameID      string
	Fingerprint []string // SHA-256
	Verified    bool
}

// onelogin asks OneLogin's python3-saml what metadata says, and whether the certificate signed it, if one is given.
func onelogin(t testing.TB, data []byte, certificate string) reading {
	t.Helper()
	args := []string{"testdata/judge.py", "read", written(t, "m.xml", data)}
	if certificate != "" {
		args = append(args, filepath.Join("testdata", certificate))
	}
	var r reading
	askPython(t, &r, nil, args...)
	return r
}

// askPython runs a script that answers in JSON.
func askPython(t testing.TB, answer, question any, args ...string) {
	t.Helper()
	var in, stderr bytes.Buffer
	if question != nil {
		if err := json.NewEncoder(&in).Encode(question); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, args...)
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: this test needs Debian's package python3-onelogin-saml2 (INSTALL=1 make test installs it)\n%s", strings.Join(args, " "), err, &stderr)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("%s: %v in %s", strings.Join(args, " "), err, out)
	}
}

func TestForeignSoftwareTakesWhatIsRendered(t *testing.T) {
	for name, r := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			f := render(t, r)
			if says := xmllint(t, f.XML); says != "" {
				t.Errorf("xmllint: %s", says)
			}
			certificate := ""
			if s := r.Provider.SignMetadataWith; s != "" {
				certificate = r.Provider.Signing[s].Certificate
				if says := xmlsec1(t, f.XML, certificate); says != "" {
					t.Errorf("xmlsec1: %s", says)
				}
			}
			have := onelogin(t, f.XML, certificate)
			want := reading{EntityID: f.EntityID, SSO: r.fill(r.Provider.SingleSignOnRedirect), NameID: EmailAddress, Verified: certificate != ""}
			for _, name := range f.Certificates {
				want.Fingerprint = append(want.Fingerprint, r.Certificates[name].Fingerprint)
			}
			if want.SSO == "" {
				want.SSO = r.fill(r.Provider.SingleSignOnPost)
			}
			if have.Error != "" || have.EntityID != want.EntityID || have.SSO != want.SSO || have.NameID != want.NameID || have.Verified != want.Verified ||
				strings.Join(have.Fingerprint, " ") != strings.Join(want.Fingerprint, " ") {
				t.Errorf("OneLogin's library reads %+v; want %+v", have, want)
			}
		})
	}
}

// TestForeignSoftwareRefusesWhatIsTampered gives each judge what it is there to refuse, and roster all of it.
func TestForeignSoftwareRefusesWhatIsTampered(t *testing.T) {
	for _, signed := range []string{"2026", "2027"} {
		r := rendering(t, Upload, signed)
		f := render(t, r)
		trusted, certificate := []*Certificate{r.Certificates[signed]}, r.Provider.Signing[signed].Certificate
		for _, test := range []struct{ name, old, new string }{
			{"another address to sign in at", "login.example.com/sso/post", "login.example.net/sso/post"},
			{"another entityID", `entityID="https://login.example.com/idp"`, `entityID="https://login.example.net/idp"`},
			{"a longer life", `validUntil="2027`, `validUntil="2028`},
			{"another certificate", r.Certificates["2026"].embedded(), r.Certificates["long-ago"].embedded()},
			{"another digest", "<ds:DigestValue>", "<ds:DigestValue>AAAA"},
		} {
			t.Run(signed+": "+test.name, func(t *testing.T) {
				data := bytes.ReplaceAll(f.XML, []byte(test.old), []byte(test.new))
				if bytes.Equal(data, f.XML) {
					t.Fatal("nothing was changed")
				}
				if xmlsec1(t, data, certificate) == "" {
					t.Error("xmlsec1 takes it")
				}
				if have := onelogin(t, data, certificate); have.Verified {
					t.Errorf("OneLogin's library takes it: %+v", have)
				}
				if _, err := ParseIdentityProvider("m.xml", data, trusted); !strings.Contains(says(err), "R5012") {
					t.Errorf("roster says %v", err)
				}
			})
		}
		t.Run(signed+": signed by another", func(t *testing.T) {
			if xmlsec1(t, f.XML, "p384.crt") == "" {
				t.Error("xmlsec1 takes it")
			}
			if have := onelogin(t, f.XML, "p384.crt"); have.Verified {
				t.Errorf("OneLogin's library takes it: %+v", have)
			}
			if _, err := ParseIdentityProvider("m.xml", f.XML, []*Certificate{r.Certificates["long-ago"]}); !strings.Contains(says(err), "R5012") {
				t.Errorf("roster says %v", err)
			}
		})
	}
	f := render(t, rendering(t, Upload, ""))
	for _, test := range []struct{ name, old, new string }{
		{"without where to sign in", "SingleSignOnService", "SingleLogoutService"},
		{"an element of another name", "NameIDFormat", "NameIdFormat"},
		{"a date that is none", `validUntil="2027-11-25`, `validUntil="2027-11-32`},
		{"keys after addresses", "<KeyDescriptor use=\"signing\">", "<NameIDFormat>x</NameIDFormat><KeyDescriptor use=\"signing\">"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := bytes.ReplaceAll(f.XML, []byte(test.old), []byte(test.new))
			if xmllint(t, data) == "" {
				t.Error("xmllint takes it")
			}
		})
	}
}
