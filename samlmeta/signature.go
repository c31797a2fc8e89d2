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

// sign puts an enveloped signature (xmldsig-core) into metadata, as the first child of the element, where the schema wants it: RSA-SHA256 or
// ECDSA-SHA256, exclusive canonicalization. The element has an ID.
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

// xmlSigner signs as XML signatures are written: ECDSA as r and s side by side, not in ASN.1 (RFC 6931, 2.3.6), and without a random number,
// so that the same file gets the same signature (RFC 6979).
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

// verify checks the signature of a document with the keys of trusted certificates, and returns what it covers.
func verify(doc *document, trusted []*Certificate) ([]byte, error) {
	refuse := func(pos schema.Pos, format string, args ...any) error {
		return schema.Problems{badSignature.at(pos, "", format, args...)}
	}
	signatures := 0
	ids := map[string]bool{}
	for _, e := range doc.elements {
		if id := e.attr("ID"); id != "" {
			if ids[id] {
				return nil, refuse(e.pos, "has the ID %q twice", clip(id))
			}
			ids[id] = true
		}
		if e.name.Space != signatureNS || e.name.Local != "Signature" {
			continue
		}
		if signatures++; signatures > 1 || e.parent != 0 {
			return nil, refuse(e.pos, "has a signature elsewhere than once, below its first element")
		}
	}
	switch {
	case signatures == 0:
		return nil, refuse(doc.rootPos(), "is not signed")
	case doc.elements[0].attr("ID") == "":
		return nil, refuse(doc.rootPos(), "has no ID that its signature could name")
	}
	var failures []error
	for _, c := range trusted {
		covered, err := verifyWith(doc.data, c)
		if err == nil {
			return covered, nil
		}
		failures = append(failures, err)
	}
	return nil, refuse(doc.rootPos(), "the signature is not that of a trusted key: %v", errors.Join(failures...))
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
		if err := asASN1(value); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the signature's algorithm is %s", clip(m))
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

// asASN1 writes an ECDSA signature value as the library checks it. The signature does not cover this element.
func asASN1(value *etree.Element) error {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Text()), ""))
	if err != nil || len(raw) == 0 || len(raw)%2 != 0 {
		return errors.New("the signature's value is not that of ECDSA")
	}
	half := len(raw) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
	if err != nil {
		return err
	}
	value.SetText(base64.StdEncoding.EncodeToString(der))
	return nil
}
