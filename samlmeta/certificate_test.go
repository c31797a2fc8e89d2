package samlmeta

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// newCertificatePEM returns a self-signed certificate of a key. edit changes the template.
func newCertificatePEM(t *testing.T, key crypto.Signer, edit func(*x509.Certificate)) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		KeyUsage:  x509.KeyUsageDigitalSignature,
		NotBefore: noon, NotAfter: noon.AddDate(1, 0, 0)}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func must[K crypto.Signer](key K, err error) crypto.Signer {
	if err != nil {
		panic(err)
	}
	return key
}

func TestCertificateFiles(t *testing.T) {
	good := string(file(t, "rsa.crt"))
	block, _ := pem.Decode(file(t, "rsa.crt"))
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long := func(c *x509.Certificate) { c.Subject.Organization = []string{strings.Repeat("long ", 300)} }
	for _, test := range []struct {
		name, data string
		want       string // part of the error; "" if there is none
		warning    string
	}{
		{"RSA", good, "", ""},
		{"ECDSA P-256", string(file(t, "p256.crt")), "", ""},
		{"ECDSA P-384", string(file(t, "p384.crt")), "", ""},
		{"text before the certificate", "subject=CN = roster\n" + good, "", ""},
		{"another key usage", newCertificatePEM(t, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
			func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), "",
			"c.crt:1:1: W5005: the certificate's keyUsage does not include digitalSignature"},
		{"an empty file", "", "c.crt:1:1: R5005: contains no PEM block", ""},
		{"DER", string(block.Bytes), "R5005: contains no PEM block", ""},
		{"a chain", good + good, "R5005: contains more than one PEM block", ""},
		{"a request", strings.ReplaceAll(good, "CERTIFICATE", "CERTIFICATE REQUEST"),
			`R5005: contains a "CERTIFICATE REQUEST"`, ""},
		{"a damaged certificate", strings.Replace(good, "MIIC", "MIID", 1),
			"R5005: contains a certificate that cannot be parsed", ""},
		{"a private key", string(file(t, "rsa.key")), "c.crt:1:1: R5008: contains a private key", ""},
		{"a private key after the certificate", good + string(file(t, "rsa.key")), "R5008: contains a private key", ""},
		{"a private key after two certificates", good + good + string(file(t, "p256.key")),
			"R5008: contains a private key", ""},
		{"too long for AWS", newCertificatePEM(t, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), long),
			"characters", ""},
		{"much too long", strings.Repeat("a", 300<<10), "R5006: has 307200 bytes", ""},
		{"a short RSA key", newCertificatePEM(t, must(rsa.GenerateKey(rand.Reader, 1024)), nil),
			"R5007: the certificate's RSA key has 1024 bits", ""},
		{"a short curve", newCertificatePEM(t, must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)), nil),
			"R5007: the certificate's ECDSA key is over P-224", ""},
		{"Ed25519", newCertificatePEM(t, edwards, nil), "R5007: the certificate's key is Ed25519", ""},
		{"an end before its start", newCertificatePEM(t, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
			func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) }),
			"R5005: contains a certificate whose end (2026-11-25) is before its start", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseCertificate("c.crt", []byte(test.data))
			if (err == nil) != (test.want == "") || !strings.Contains(errorText(err), test.want) {
				t.Fatalf("got %v; want %q", err, test.want)
			}
			if strings.Contains(errorText(err), "BEGIN") {
				t.Errorf("the error quotes the file: %v", err)
			}
			if err == nil && (!strings.Contains(c.Warnings.Error(), test.warning) ||
				(test.warning == "") != (len(c.Warnings) == 0)) {
				t.Errorf("warnings: %v; want %q", c.Warnings, test.warning)
			}
		})
	}
}

func TestPrivateKeys(t *testing.T) {
	key := must(rsa.GenerateKey(rand.Reader, 2048)).(*rsa.PrivateKey)
	curve := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).(*ecdsa.PrivateKey)
	encode := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	parse := func(text string) *Certificate {
		c, err := ParseCertificate("c.crt", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	modern, err := x509.MarshalPKCS8PrivateKey(key)
	pkcs8 := encode("PRIVATE KEY", modern, err)
	pkcs1 := encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil)
	sec, err := x509.MarshalECPrivateKey(curve)
	sec1 := encode("EC PRIVATE KEY", sec, err)
	rsaCertificate, curveCertificate := parse(newCertificatePEM(t, key, nil)), parse(newCertificatePEM(t, curve, nil))
	const canary = "Y2FuYXJ5"
	for _, test := range []struct {
		name        string
		certificate *Certificate
		key, want   string
	}{
		{"PKCS #8", rsaCertificate, pkcs8, ""},
		{"PKCS #1", rsaCertificate, pkcs1, ""},
		{"SEC 1", curveCertificate, sec1, ""},
		{"a key of another type", curveCertificate, pkcs8, "does not belong to the certificate"},
		{"another RSA key", rsaCertificate, string(file(t, "rsa.key")), "does not belong to the certificate"},
		{"no PEM", rsaCertificate, canary, "is not in PEM"},
		{"an invalid key", rsaCertificate, encode("PRIVATE KEY", []byte("canary"), nil),
			"cannot be parsed as a PRIVATE KEY"},
		{"a certificate", rsaCertificate, newCertificatePEM(t, key, nil), `is a "CERTIFICATE", not a private key`},
		{"encrypted", rsaCertificate, encode("ENCRYPTED PRIVATE KEY", []byte("canary"), nil),
			"is encrypted with a passphrase"},
		{"encrypted in the old format", rsaCertificate, strings.Replace(pkcs1, "KEY-----\n",
			"KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1), "is encrypted with a passphrase"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.certificate.ParseKey(test.key)
			if (err == nil) != (test.want == "") || !strings.Contains(errorText(err), test.want) {
				t.Fatalf("got %v; want %q", err, test.want)
			}
			if strings.Contains(errorText(err), canary) || strings.Contains(errorText(err), "canary") {
				t.Errorf("the error contains the key: %v", err)
			}
		})
	}
}
