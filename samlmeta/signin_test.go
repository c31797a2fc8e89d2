package samlmeta

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// newKeyPair creates an RSA key and its certificate.
func newKeyPair(t testing.TB, name string) (*Certificate, crypto.Signer) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		KeyUsage:  x509.KeyUsageDigitalSignature,
		NotBefore: noon.AddDate(-2, 0, 0), NotAfter: noon.AddDate(20, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCertificate(lineOf(name, nil, ""), der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// federation is an identity provider (crewjam) and a service provider (OneLogin). The identity
// provider is configured only with the metadata of AWS as imported by this package. The service
// provider stands for AWS, and is configured only with the metadata that this package renders.
type federation struct {
	idp      *saml.IdentityProvider
	settings settings
}

// settings is the input of python_saml.py.
type settings struct {
	Metadata, EntityID, ACS string
	ID, Response            string
}

// outcome is the result of a sign-in.
type outcome struct {
	NameID, Format, Reason string
	Errors                 []string
	Authenticated          bool
}

// newFederation connects the two. The identity provider signs with key, independent of its
// metadata.
func newFederation(t *testing.T, r Rendering, certificate *Certificate, key crypto.Signer, acs int) *federation {
	t.Helper()
	sp, err := ParseServiceProvider("aws-sp.xml", file(t, "aws-sp.xml"))
	if err != nil {
		t.Fatal(err)
	}
	f := render(t, r)
	sso, err := url.Parse(r.expand(r.Provider.SingleSignOnRedirect))
	if err != nil {
		t.Fatal(err)
	}
	entity, err := url.Parse(f.EntityID)
	if err != nil {
		t.Fatal(err)
	}
	idp := &saml.IdentityProvider{Key: key, Certificate: certificate.X509, MetadataURL: *entity, SSOURL: *sso,
		SignatureMethod: dsig.RSASHA256SignatureMethod, ServiceProviderProvider: imported{sp}}
	return &federation{idp, settings{Metadata: string(f.XML), EntityID: sp.EntityID, ACS: sp.Consumers[acs].Location}}
}

// imported is the list of service providers of the identity provider: one.
type imported struct{ sp *ServiceProvider }

func (i imported) GetServiceProvider(_ *http.Request, id string) (*saml.EntityDescriptor, error) {
	if id != i.sp.EntityID {
		return nil, os.ErrNotExist
	}
	return i.sp.descriptor, nil
}

// signIn runs one sign-in: the service provider creates a request, the identity provider a response
// for a user, and the service provider verifies the response. tamper, if set, changes the response.
func (a *federation) signIn(t *testing.T, person string, tamper func([]byte) []byte) (outcome, error) {
	t.Helper()
	var request struct{ URL, ID string }
	runPython(t, &request, a.settings, "testdata/python_saml.py", "request")
	req, err := saml.NewIdpAuthnRequest(a.idp, httptest.NewRequest(http.MethodGet, request.URL, nil))
	if err != nil {
		return outcome{}, err
	}
	if err := req.Validate(); err != nil {
		return outcome{}, err
	}
	now := saml.TimeNow()
	session := &saml.Session{ID: "s", CreateTime: now, ExpireTime: now.Add(time.Hour), Index: "i", NameID: person,
		NameIDFormat: EmailAddress, UserEmail: person}
	if err := (saml.DefaultAssertionMaker{}).MakeAssertion(req, session); err != nil {
		return outcome{}, err
	}
	form, err := req.PostBinding()
	if err != nil {
		return outcome{}, err
	}
	if form.URL != a.settings.ACS {
		return outcome{}, errors.New("the response is sent to " + form.URL)
	}
	q := a.settings
	q.ID, q.Response = request.ID, form.SAMLResponse
	if tamper != nil {
		plain, err := base64.StdEncoding.DecodeString(q.Response)
		if err != nil {
			t.Fatal(err)
		}
		q.Response = base64.StdEncoding.EncodeToString(tamper(plain))
	}
	var out outcome
	runPython(t, &out, q, "testdata/python_saml.py", "accept")
	return out, nil
}

func TestSignIn(t *testing.T) {
	next, nextKey := newKeyPair(t, "next")
	unknown, unknownKey := newKeyPair(t, "unknown")
	active, activeKey := keyPair(t, "rsa")
	base := rendering(t, Upload, "2026")
	base.Certificates["2027"] = next
	phases := func(old, new string) Rendering {
		r := rendering(t, Upload, "2026")
		r.Certificates["2027"] = next
		r.Provider.Signing["2026"].Phase, r.Provider.Signing["2027"].Phase = old, new
		if old == "retired" {
			r.Provider.SignMetadataWith, r.Key = "2027", nextKey
		}
		return r
	}
	for _, test := range []struct {
		name        string
		r           Rendering
		certificate *Certificate
		key         crypto.Signer
		acs         int
		tamper      func([]byte) []byte
		ok          bool
	}{
		{"the active key signs", base, active, activeKey, 0, nil, true},
		{"a response to the URL of another region", base, active, activeKey, 1, nil, true},
		{"a response to the dual-stack URL", base, active, activeKey, 2, nil, true},
		{"the next key signs: both are published", phases("active", "uploaded"), next, nextKey, 0, nil, true},
		{"the previous key signs: both are published", phases("previous", "active"), active, activeKey, 0, nil, true},
		{"after the rollover the new key signs", phases("retired", "active"), next, nextKey, 0, nil, true},
		{"a retired key signs", phases("retired", "active"), active, activeKey, 0, nil, false},
		{"an unknown key signs", base, unknown, unknownKey, 0, nil, false},
		{"the name in the response is changed", base, active, activeKey, 0, func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("alice@example.com"), []byte("karin@example.com"))
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := newFederation(t, test.r, test.certificate, test.key, test.acs).signIn(t, "alice@example.com",
				test.tamper)
			if err != nil {
				t.Fatal(err)
			}
			if out.Authenticated != test.ok || test.ok && (out.NameID != "alice@example.com" ||
				out.Format != EmailAddress) {
				t.Errorf("%+v; want authenticated %v", out, test.ok)
			}
			if !test.ok && !strings.Contains(out.Reason, "ignature") {
				t.Errorf("it is rejected because of %q, not its signature", out.Reason)
			}
		})
	}
}

func TestIdentityProviderRejectsRequestsThatDifferFromTheMetadata(t *testing.T) {
	active, key := keyPair(t, "rsa")
	for _, test := range []struct {
		name string
		edit func(*settings)
	}{
		{"another service provider",
			func(q *settings) { q.EntityID = "https://eu-west-1.signin.aws.amazon.com/platform/saml/d-0000000000" }},
		{"another response URL", func(q *settings) { q.ACS = "https://evil.example/acs" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newFederation(t, rendering(t, Upload, "2026"), active, key, 0)
			test.edit(&a.settings)
			if out, err := a.signIn(t, "alice@example.com", nil); err == nil {
				t.Errorf("it is accepted: %+v", out)
			}
		})
	}
}
