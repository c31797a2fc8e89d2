package samlmeta

import (
	"fmt"

	"github.com/seed-d64a251c/roster/schema"
)

// code is one kind of problem or warning. docs/saml.md lists all codes.
type code struct{ id, title, advice string }

// The codes. A code R5xxx makes a commit invalid; a code W5xxx is a warning.
var (
	hostileXML = code{"R5001",
		"A file that cannot be genuine SAML metadata: for example it has a DTD, an entity or a foreign " +
			"namespace, or is too large or too deep.",
		"download the file again from IAM Identity Center"}
	notMetadata = code{"R5002",
		"A file that is not the metadata of exactly one service provider.",
		"download it in IAM Identity Center: Settings, Identity source, Actions, Manage authentication, " +
			"Download metadata file"}
	badConsumer = code{"R5003",
		"An AssertionConsumerService that cannot or must not receive assertions, or none at all.",
		"download the file again from IAM Identity Center"}
	encryptedAssertions = code{"R5004",
		"A service provider that requests encrypted assertions.",
		"IAM Identity Center does not support them; remove the KeyDescriptor with use=\"encryption\""}
	badPEM = code{"R5005",
		"A certificate file that does not contain exactly one PEM certificate.",
		"write the file with: openssl x509 -in FILE -out FILE"}
	pemTooLong = code{"R5006",
		"A certificate that is too long for AWS.",
		"AWS accepts 2,500 characters per certificate; create one with fewer extensions or a smaller key"}
	weakKey = code{"R5007",
		"A certificate with a weak key or algorithm, or one that SAML software does not support.",
		"use RSA with 2048 to 4096 bits, or ECDSA with P-256, P-384 or P-521, signed with SHA-256 or " +
			"better"}
	privateKey = code{"R5008",
		"A private key in the repository. The message does not quote it.",
		"this key is no longer secret: create a new key and certificate, and refer to the new key: key: " +
			"{file: \"...\"}"}
	duplicateCertificate = code{"R5009",
		"The same certificate or key under two names.",
		"declare each certificate once; a new certificate needs a new key"}
	skippedPhase = code{"R5010",
		"A certificate skipped a phase of its rollover.",
		"next -> uploaded -> active -> previous -> retired, one step per merge"}
	metadataLimit = code{"R5011",
		"Rendered metadata that AWS does not accept.",
		"AWS accepts 75,000 characters per file"}
	badSignature = code{"R5012", "Metadata with an invalid signature.", "do not use the file"}

	unusualMetadata = code{"W5001",
		"Service provider metadata that differs from the files of AWS.",
		"compare it with the IAM Identity Center console"}
	certificateExpires = code{"W5002",
		"A certificate has expired, expires within 90 days, or is not valid yet.",
		"start a rollover with a new certificate in phase \"next\""}
	metadataExpires = code{"W5003",
		"Metadata has expired or expires within 90 days.",
		"replace it with a new file"}
	nameIDFormat = code{"W5004",
		"A service provider that does not request email addresses as NameIDs.",
		"compare it with the IAM Identity Center console"}
	unusualCertificate = code{"W5005",
		"A certificate that some SAML software rejects.",
		"create one with keyUsage digitalSignature"}
	notCompared = code{"W5006",
		"The rollover of certificates was not compared with the previous commit.",
		"fetch the history (git fetch --unshallow), or name a commit with --base"}
	futurePhase = code{"W5007",
		"A phase with a date in the future.",
		"correct the date, or merge this on that day"}
)

func (c code) at(pos schema.Pos, path, format string, args ...any) schema.Problem {
	return schema.Problem{Pos: pos, Code: c.id, Path: path, Message: fmt.Sprintf(format, args...), Advice: c.advice}
}
