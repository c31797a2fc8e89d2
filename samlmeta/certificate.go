package samlmeta

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema"
)

// maxPEM is the maximum number of characters of a certificate in AWS (service quotas of IAM
// Identity Center).
const maxPEM = 2500

// Certificate is an X.509 certificate with a key that is suitable for SAML.
type Certificate struct {
	X509 *x509.Certificate
	// Fingerprint is the SHA-256 of the certificate, in hexadecimal.
	Fingerprint string
	// Warnings are properties that some software rejects.
	Warnings schema.Problems
}

// NotBefore returns the start of the certificate's validity.
func (c *Certificate) NotBefore() time.Time { return c.X509.NotBefore }

// NotAfter returns the end of the certificate's validity.
func (c *Certificate) NotAfter() time.Time { return c.X509.NotAfter }

// Algorithm returns the algorithm of the key, for example "RSA 2048" or "ECDSA P-256".
func (c *Certificate) Algorithm() string {
	switch key := c.X509.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	}
	return c.X509.PublicKeyAlgorithm.String()
}

// ParseCertificate parses a PEM file with one certificate. The error is schema.Problems with
// positions in the file. A private key in the file is an error, which does not quote it.
// ParseCertificate does not check the validity period, because it has no clock.
func ParseCertificate(name string, data []byte) (*Certificate, error) {
	start := schema.Pos{File: name, Line: 1, Column: 1}
	if len(data) > maxFile {
		return nil, schema.Problems{pemTooLong.at(start, "", "has %d bytes", len(data))}
	}
	data, other := plainPEM(data)
	if other != "" {
		return nil, schema.Problems{badPEM.at(start, "", "%s", other)}
	}
	block, rest := pem.Decode(data)
	for b, more := block, rest; b != nil; b, more = pem.Decode(more) {
		if strings.Contains(b.Type, "PRIVATE KEY") {
			return nil, schema.Problems{privateKey.at(lineOf(name, data, "-----BEGIN "+b.Type), "",
				"contains a private key")}
		}
	}
	switch again, _ := pem.Decode(rest); {
	case block == nil:
		return nil, schema.Problems{badPEM.at(start, "", "contains no PEM block")}
	case block.Type != "CERTIFICATE":
		return nil, schema.Problems{badPEM.at(lineOf(name, data, "-----BEGIN "), "", "contains a %q, not a CERTIFICATE",
			block.Type)}
	case again != nil:
		return nil, schema.Problems{badPEM.at(start, "", "contains more than one PEM block; SAML metadata does not "+
			"use certificate chains")}
	}
	begin := bytes.Index(data, []byte("-----BEGIN "))
	if n := utf8.RuneCount(bytes.TrimSpace(data[begin:])); n > maxPEM {
		return nil, schema.Problems{pemTooLong.at(start, "", "has %d characters", n)}
	}
	return newCertificate(lineOf(name, data, "-----BEGIN "), block.Bytes)
}

// plainPEM returns the text of a PEM file without its byte-order mark. other is not empty if the
// file is in another encoding, in which PEM cannot be found.
func plainPEM(data []byte) (text []byte, other string) {
	text, other = schema.PlainText(data)
	switch {
	case other == "":
		return text, ""
	case strings.HasPrefix(other, "the file is UTF-"):
		return nil, strings.TrimPrefix(other, "the file ")
	}
	return data, "" // a certificate in DER, for example, which is no PEM block
}

// lineOf returns the position of a text at the start of a line.
func lineOf(name string, data []byte, text string) schema.Pos {
	at := max(0, bytes.Index(data, []byte(text)))
	return schema.Pos{File: name, Line: 1 + bytes.Count(data[:at], []byte("\n")), Column: 1}
}

func newCertificate(pos schema.Pos, der []byte) (*Certificate, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, schema.Problems{badPEM.at(pos, "", "contains a certificate that cannot be parsed: %s",
			strings.TrimPrefix(err.Error(), "x509: "))}
	}
	sum := sha256.Sum256(der)
	c := &Certificate{X509: parsed, Fingerprint: hex.EncodeToString(sum[:])}
	if why := weakness(parsed); why != "" {
		return nil, schema.Problems{weakKey.at(pos, "", "%s", why)}
	}
	if !parsed.NotAfter.After(parsed.NotBefore) {
		return nil, schema.Problems{badPEM.at(pos, "", "contains a certificate whose end (%s) is before its start",
			parsed.NotAfter.UTC().Format(time.DateOnly))}
	}
	if parsed.KeyUsage != 0 && parsed.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		c.Warnings = append(c.Warnings,
			unusualCertificate.at(pos, "",
				"the certificate's keyUsage does not include digitalSignature, which a signing certificate needs"))
	}
	return c, nil
}

// weakness returns why a certificate is not secure, or "".
func weakness(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 2048 || bits > 8192 {
			return fmt.Sprintf("the certificate's RSA key has %d bits", bits)
		}
		if key.E < 65537 {
			return fmt.Sprintf("the certificate's RSA key has the exponent %d", key.E)
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return fmt.Sprintf("the certificate's ECDSA key is over %s", key.Params().Name)
		}
	default:
		return fmt.Sprintf("the certificate's key is %s", c.PublicKeyAlgorithm)
	}
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.UnknownSignatureAlgorithm:
		return fmt.Sprintf("the certificate is signed with %s", c.SignatureAlgorithm)
	}
	return ""
}

// parseBase64 parses a certificate in the format of XML: DER in base64, with any white space.
func parseBase64(pos schema.Pos, text string) (*Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, schema.Problems{badPEM.at(pos, "", "contains a certificate that is not valid base64")}
	}
	return newCertificate(pos, der)
}

// base64 returns the certificate in the format of XML.
func (c *Certificate) base64() string {
	return base64.StdEncoding.EncodeToString(c.X509.Raw)
}

// ParseKey parses a private key in PEM (PKCS#8, PKCS#1 or SEC 1). It must be the key of the
// certificate. Errors never contain the key.
func (c *Certificate) ParseKey(text string) (crypto.Signer, error) {
	data, other := plainPEM([]byte(text))
	if other != "" {
		return nil, fmt.Errorf("the private key %s: save it as UTF-8", other)
	}
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
		return nil, fmt.Errorf("the private key is not in PEM")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, fmt.Errorf("the private key is encrypted with a passphrase; store it without a passphrase in " +
			"age, sops, AWS or a file in the secrets directory")
	}
	key, err := parsePrivateKey(block)
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(c.X509.PublicKey) {
		return nil, fmt.Errorf("the private key does not belong to the certificate %s", c.Fingerprint[:16])
	}
	return key, nil
}

// parsePrivateKey parses a key. Its errors do not quote the key.
func parsePrivateKey(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("the PEM block is a %q, not a private key", block.Type)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, fmt.Errorf("the private key cannot be parsed as a %s", block.Type)
	}
	return signer, nil
}
