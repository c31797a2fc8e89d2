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

// maxPEM is how many characters AWS takes a certificate in (service quotas of IAM Identity Center).
const maxPEM = 2500

// Certificate is an X.509 certificate whose key is fit for SAML.
type Certificate struct {
	X509 *x509.Certificate
	// Fingerprint is the SHA-256 of the certificate, in hexadecimal.
	Fingerprint string
	// Odd is what some software may stumble over.
	Odd schema.Problems
}

// NotBefore is when the certificate's validity begins.
func (c *Certificate) NotBefore() time.Time { return c.X509.NotBefore }

// NotAfter is when the certificate's validity ends.
func (c *Certificate) NotAfter() time.Time { return c.X509.NotAfter }

// Algorithm names the key, for example "RSA 2048" or "ECDSA P-256".
func (c *Certificate) Algorithm() string {
	switch key := c.X509.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	}
	return c.X509.PublicKeyAlgorithm.String()
}

// ParseCertificate reads a PEM file that holds one certificate. The error is schema.Problems that name the file; a private key in it is
// refused and not shown. The validity is not looked at: it depends on the clock.
func ParseCertificate(name string, data []byte) (*Certificate, error) {
	start := schema.Pos{File: name, Line: 1, Column: 1}
	if len(data) > maxFile {
		return nil, schema.Problems{pemTooLong.at(start, "", "has %d bytes", len(data))}
	}
	block, rest := pem.Decode(data)
	for b, more := block, rest; b != nil; b, more = pem.Decode(more) {
		if strings.Contains(b.Type, "PRIVATE KEY") {
			return nil, schema.Problems{privateKey.at(lineOf(name, data, "-----BEGIN "+b.Type), "", "holds a private key")}
		}
	}
	switch again, _ := pem.Decode(rest); {
	case block == nil:
		return nil, schema.Problems{badPEM.at(start, "", "holds no PEM block")}
	case block.Type != "CERTIFICATE":
		return nil, schema.Problems{badPEM.at(lineOf(name, data, "-----BEGIN "), "", "holds a %q, not a CERTIFICATE", block.Type)}
	case again != nil:
		return nil, schema.Problems{badPEM.at(start, "", "holds more than one PEM block; a chain is of no use in SAML metadata")}
	}
	begin := bytes.Index(data, []byte("-----BEGIN "))
	if n := utf8.RuneCount(bytes.TrimSpace(data[begin:])); n > maxPEM {
		return nil, schema.Problems{pemTooLong.at(start, "", "has %d characters", n)}
	}
	return newCertificate(lineOf(name, data, "-----BEGIN "), block.Bytes)
}

// lineOf is the position of a text that stands at the beginning of a line.
func lineOf(name string, data []byte, text string) schema.Pos {
	at := max(0, bytes.Index(data, []byte(text)))
	return schema.Pos{File: name, Line: 1 + bytes.Count(data[:at], []byte("\n")), Column: 1}
}

func newCertificate(pos schema.Pos, der []byte) (*Certificate, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, schema.Problems{badPEM.at(pos, "", "holds a certificate that cannot be read: %v", err)}
	}
	sum := sha256.Sum256(der)
	c := &Certificate{X509: parsed, Fingerprint: hex.EncodeToString(sum[:])}
	if why := weakness(parsed); why != "" {
		return nil, schema.Problems{weakKey.at(pos, "", "%s", why)}
	}
	if !parsed.NotAfter.After(parsed.NotBefore) {
		return nil, schema.Problems{badPEM.at(pos, "", "holds a certificate that ends (%s) before it begins", parsed.NotAfter.UTC().Format(time.DateOnly))}
	}
	if parsed.KeyUsage != 0 && parsed.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		c.Odd = append(c.Odd, oddCertificate.at(pos, "", "the certificate's keyUsage has no digitalSignature, though it is to sign"))
	}
	return c, nil
}

// weakness tells why a certificate is not fit to be trusted, or "".
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
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1, x509.UnknownSignatureAlgorithm:
		return fmt.Sprintf("the certificate is signed with %s", c.SignatureAlgorithm)
	}
	return ""
}

// parseEmbedded reads a certificate as an XML signature holds it: base64 with any white space.
func parseEmbedded(pos schema.Pos, text string) (*Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, schema.Problems{badPEM.at(pos, "", "holds a certificate that is not base64")}
	}
	return newCertificate(pos, der)
}

// embedded is a certificate as XML metadata holds it.
func (c *Certificate) embedded() string {
	return base64.StdEncoding.EncodeToString(c.X509.Raw)
}

// ParseKey reads a PEM private key (PKCS#8, PKCS#1 or SEC 1) and insists that it is the certificate's. Its errors never show the key.
func (c *Certificate) ParseKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, fmt.Errorf("the private key is not in PEM")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, fmt.Errorf("the private key is encrypted with a passphrase; refer to it decrypted, in a place that keeps it: age, sops, AWS, a file")
	}
	key, err := parsePrivate(block)
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(c.X509.PublicKey) {
		return nil, fmt.Errorf("the private key is not the one of the certificate %s", c.Fingerprint[:16])
	}
	return key, nil
}

// parsePrivate reads a key without quoting anything of it.
func parsePrivate(block *pem.Block) (crypto.Signer, error) {
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
		return nil, fmt.Errorf("the private key cannot be read as a %s", block.Type)
	}
	return signer, nil
}
