package samlmeta

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/seed-d64a251c/roster/schema"
)

// sign adds an enveloped signature (xmldsig-core) to metadata, as the first child of the root
// element, where the schema requires it. The algorithm is RSA-SHA256 or ECDSA-SHA256 with exclusive
// canonicalization. The root element must have an ID.
func sign(metadata []byte, key crypto.Signer, certificate *Certificate) ([]byte, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(metadata); err != nil {
		return nil, err
	}
	ctx, err := dsig.NewSigningContext(xmlSigner{key}, [][]byte{certificate.X509.Raw})
	if err != nil {
		return nil, err
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	method := dsig.RSASHA256SignatureMethod
	if _, ok := key.Public().(*ecdsa.PublicKey); ok {
		method = dsig.ECDSASHA256SignatureMethod
	}
	if err := ctx.SetSignatureMethod(method); err != nil {
		return nil, err
	}
	signature, err := ctx.ConstructSignature(doc.Root(), true)
	if err != nil {
		return nil, err
	}
	doc.Root().InsertChildAt(0, signature)
	return doc.WriteToBytes()
}

// xmlSigner creates signatures in the format of XML: an ECDSA signature is r and s without ASN.1
// (RFC 6931, 2.3.6). It is deterministic (RFC 6979), so that the same file has the same signature.
type xmlSigner struct{ crypto.Signer }

func (s xmlSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	key, ok := s.Public().(*ecdsa.PublicKey)
	if !ok {
		return s.Signer.Sign(random, digest, opts)
	}
	der, err := s.Signer.Sign(nil, digest, opts)
	if err != nil {
		return nil, err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, err
	}
	size := (key.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	pair.R.FillBytes(out[:size])
	pair.S.FillBytes(out[size:])
	return out, nil
}

// verify verifies the signature of a document with the keys of trusted certificates, and returns
// the signed part.
func verify(doc *document, trusted []*Certificate) ([]byte, error) {
	reject := func(pos schema.Pos, format string, args ...any) error {
		return schema.Problems{badSignature.at(pos, "", format, args...)}
	}
	signatures := 0
	ids := map[string]bool{}
	for _, e := range doc.elements {
		if id := e.attr("ID"); id != "" {
			if ids[id] {
				return nil, reject(e.pos, "has the ID %q twice", truncateQuoted(id))
			}
			ids[id] = true
		}
		if e.name.Space != signatureNS || e.name.Local != "Signature" {
			continue
		}
		if signatures++; signatures > 1 || e.parent != 0 {
			return nil, reject(e.pos, "has more than one signature, or one that is not a child of the root element")
		}
	}
	switch {
	case signatures == 0:
		return nil, reject(doc.rootPos(), "is not signed")
	case doc.elements[0].attr("ID") == "":
		return nil, reject(doc.rootPos(), "has no ID for the signature to refer to")
	}
	var failures []error
	for _, c := range trusted {
		covered, err := verifyWith(doc.data, c)
		if err == nil {
			return covered, nil
		}
		failures = append(failures, err)
	}
	return nil, reject(doc.rootPos(), "the signature is not from a trusted key: %v", errors.Join(failures...))
}

func verifyWith(data []byte, c *Certificate) ([]byte, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(data); err != nil {
		return nil, err
	}
	method := doc.FindElement("/EntityDescriptor/Signature/SignedInfo/SignatureMethod")
	value := doc.FindElement("/EntityDescriptor/Signature/SignatureValue")
	if method == nil || value == nil {
		return nil, errors.New("the signature is incomplete")
	}
	switch m := method.SelectAttrValue("Algorithm", ""); m {
	case dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod:
	case dsig.ECDSASHA256SignatureMethod, dsig.ECDSASHA384SignatureMethod, dsig.ECDSASHA512SignatureMethod:
		if err := toASN1(value); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the signature's algorithm is %s", truncateQuoted(m))
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c.X509}})
	ctx.Clock = dsig.NewFakeClockAt(c.NotBefore().Add(time.Second))
	covered, err := ctx.Validate(doc.Root())
	if err != nil {
		return nil, err
	}
	out := etree.NewDocument()
	out.SetRoot(covered)
	return out.WriteToBytes()
}

// toASN1 converts an ECDSA signature value to the format that the library verifies. The signature
// does not cover this element.
func toASN1(value *etree.Element) error {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Text()), ""))
	if err != nil || len(raw) == 0 || len(raw)%2 != 0 {
		return errors.New("the signature value is not an ECDSA signature")
	}
	half := len(raw) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]),
		new(big.Int).SetBytes(raw[half:])})
	if err != nil {
		return err
	}
	value.SetText(base64.StdEncoding.EncodeToString(der))
	return nil
}
