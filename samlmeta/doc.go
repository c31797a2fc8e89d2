// Package samlmeta knows SAML 2.0 metadata (saml-metadata-2.0-os) as IAM Identity Center takes and gives it: it reads the service provider's
// file that AWS's console hands out, renders the identity provider's files that AWS is given, and checks the certificates and their rollover
// against what is declared.
//
// It is pure: bytes, declarations, a tree of files and a time go in; findings and files come out. It resolves no secret, asks no network and
// looks at no clock. A private key comes as a crypto.Signer from whoever could resolve it, and nothing here prints one.
//
// What is read was written by others. Before a file reaches an XML decoder that builds anything, it passes a gate: bounded size, depth and
// number of elements, no DTD, no processing instructions, UTF-8 only, no namespace but those of SAML metadata, and it must come out of Go's
// encoder as it went in. Signatures are checked with the certificates that the caller trusts, never with those that a file brings along, and
// what is read of a signed file is what the signature covers.
package samlmeta
