// Package samlmeta handles SAML 2.0 metadata (saml-metadata-2.0-os) for IAM Identity Center. It
// reads the service provider's metadata from the AWS console, and renders the identity provider's
// metadata for AWS. It checks certificates and their rollover against the declarations.
//
// The package is pure: its inputs are bytes, declarations, a tree of files and a time, and its
// outputs are problems and files. It resolves no secrets, sends no requests and reads no clock. The
// caller passes a private key as a crypto.Signer, and the package never prints one.
//
// Metadata files are untrusted. Before a file is decoded, parseDocument checks it: size, depth and
// number of elements are limited; DTDs, processing instructions, encodings other than UTF-8 and
// unknown namespaces are rejected; and the XML must round-trip through Go's encoder. Signatures are
// verified with certificates that the caller trusts, never with certificates in the file. From a
// signed file, only the part that the signature covers is used.
package samlmeta
