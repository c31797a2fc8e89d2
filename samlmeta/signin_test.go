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

// certified is a new RSA key with its certificate.
func certified(t testing.TB, name string) (*Certificate, crypto.Signer) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
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

// alliance is an identity provider, crewjam's, that knows AWS from its metadata alone, as imported, and a service provider in AWS's place,
// OneLogin's, that knows the identity provider from our rendered metadata alone.
type alliance struct {
	idp  *saml.IdentityProvider
	asks question
}

// question is what judge.py is asked.
type question struct {
	Metadata, EntityID, ACS string
	ID, Response            string
}

// outcome is what a sign-in came to.
type outcome struct {
	NameID, Format, Reason string
	Errors                 []string
	Authenticated          bool
}

// ally makes the two meet: the identity provider signs with key, whatever its metadata says.
func ally(t *testing.T, r Rendering, certificate *Certificate, key crypto.Signer, acs int) *alliance {
	t.Helper()
	sp, err := ParseServiceProvider("aws-sp.xml", file(t, "aws-sp.xml"))
	if err != nil {
		t.Fatal(err)
	}
	f := render(t, r)
	sso, err := url.Parse(r.fill(r.Provider.SingleSignOnRedirect))
	if err != nil {
		t.Fatal(err)
	}
	entity, err := url.Parse(f.EntityID)
	if err != nil {
		t.Fatal(err)
	}
	idp := &saml.IdentityProvider{Key: key, Certificate: certificate.X509, MetadataURL: *entity, SSOURL: *sso,
		SignatureMethod: dsig.RSASHA256SignatureMethod, ServiceProviderProvider: imported{sp}}
	return &alliance{idp, question{Metadata: string(f.XML), EntityID: sp.EntityID, ACS: sp.Consumers[acs].Location}}
}

// imported are the service providers that an identity provider knows: one.
type imported struct{ sp *ServiceProvider }

func (i imported) GetServiceProvider(_ *http.Request, id string) (*saml.EntityDescriptor, error) {
	if id != i.sp.EntityID {
		return nil, os.ErrNotExist
	}
	return i.sp.descriptor, nil
}

// signIn lets the service provider ask, the identity provider answer for a person, and the service provider judge the answer, which tamper
// may have changed on its way.
func (a *alliance) signIn(t *testing.T, person string, tamper func([]byte) []byte) (outcome, error) {
	t.Helper()
	var asked struct{ URL, ID string }
	askPython(t, &asked, a.asks, "testdata/judge.py", "request")
	req, err := saml.NewIdpAuthnRequest(a.idp, httptest.NewRequest(http.MethodGet, asked.URL, nil))
	if err != nil {
		return outcome{}, err
	}
	if err := req.Validate(); err != nil {
		return outcome{}, err
	}
	now := saml.TimeNow()
	session := &saml.Session{ID: "s", CreateTime: now, ExpireTime: now.Add(time.Hour), Index: "i", NameID: person, NameIDFormat: EmailAddress, UserEmail: person}
	if err := (saml.DefaultAssertionMaker{}).MakeAssertion(req, session); err != nil {
		return outcome{}, err
	}
	form, err := req.PostBinding()
	if err != nil {
		return outcome{}, err
	}
	if form.URL != a.asks.ACS {
		return outcome{}, errors.New("the answer goes to " + form.URL)
	}
	q := a.asks
	q.ID, q.Response = asked.ID, form.SAMLResponse
	if tamper != nil {
		plain, err := base64.StdEncoding.DecodeString(q.Response)
		if err != nil {
			t.Fatal(err)
		}
		q.Response = base64.StdEncoding.EncodeToString(tamper(plain))
	}
	var out outcome
	askPython(t, &out, q, "testdata/judge.py", "accept")
	return out, nil
}

func TestSignIn(t *testing.T) {
	next, nextKey := certified(t, "next")
	stranger, strangerKey := certified(t, "stranger")
	active, activeKey := pair(t, "rsa")
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
		{"an answer to another region's address", base, active, activeKey, 1, nil, true},
		{"an answer to the dual-stack address", base, active, activeKey, 2, nil, true},
		{"the next key signs: both are published", phases("active", "uploaded"), next, nextKey, 0, nil, true},
		{"the previous key signs: both are published", phases("previous", "active"), active, activeKey, 0, nil, true},
		{"after the rollover the new key signs", phases("retired", "active"), next, nextKey, 0, nil, true},
		{"a retired key signs", phases("retired", "active"), active, activeKey, 0, nil, false},
		{"a stranger's key signs", base, stranger, strangerKey, 0, nil, false},
		{"the name is changed on the way", base, active, activeKey, 0, func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("alice@example.com"), []byte("karin@example.com"))
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := ally(t, test.r, test.certificate, test.key, test.acs).signIn(t, "alice@example.com", test.tamper)
			if err != nil {
				t.Fatal(err)
			}
			if out.Authenticated != test.ok || test.ok && (out.NameID != "alice@example.com" || out.Format != EmailAddress) {
				t.Errorf("%+v; want authenticated %v", out, test.ok)
			}
			if !test.ok && !strings.Contains(out.Reason, "ignature") {
				t.Errorf("it is refused because of %q, not its signature", out.Reason)
			}
		})
	}
}

func TestImportedMetadataIsAllThatTheIdentityProviderAnswers(t *testing.T) {
	active, key := pair(t, "rsa")
	for _, test := range []struct {
		name string
		edit func(*question)
	}{
		{"another service provider", func(q *question) { q.EntityID = "https://eu-west-1.signin.aws.amazon.com/platform/saml/d-0000000000" }},
		{"another address to answer to", func(q *question) { q.ACS = "https://evil.example/acs" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := ally(t, rendering(t, Upload, "2026"), active, key, 0)
			test.edit(&a.asks)
			if out, err := a.signIn(t, "alice@example.com", nil); err == nil {
				t.Errorf("it is answered: %+v", out)
			}
		})
	}
}
