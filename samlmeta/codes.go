package samlmeta

import (
	"fmt"

	"github.com/seed-d64a251c/roster/schema"
)

// code is one kind of finding; docs/saml.md lists them.
type code struct{ id, title, advice string }

// The codes. R5 makes a configuration invalid, W5 does not.
var (
	hostileXML     = code{"R5001", "A metadata file that no metadata file has reason to look like: a DTD, an entity, a foreign namespace, too large, too deep.", "download the file afresh from IAM Identity Center"}
	notMetadata    = code{"R5002", "A file that is not the metadata of one service provider.", "download it in IAM Identity Center: Settings, Identity source, Actions, Manage authentication, Download metadata file"}
	badConsumer    = code{"R5003", "An AssertionConsumerService that no assertion can be sent to, or none at all.", "download the file afresh from IAM Identity Center"}
	wantsEncrypted = code{"R5004", "A service provider that asks for encrypted assertions.", "IAM Identity Center takes none; remove the KeyDescriptor with use=\"encryption\""}
	badPEM         = code{"R5005", "A certificate file that does not hold exactly one PEM certificate.", "openssl x509 -in FILE -out FILE writes one certificate and nothing else"}
	pemTooLong     = code{"R5006", "A certificate that is longer than AWS takes.", "AWS takes 2,500 characters a certificate; make one with fewer extensions, or a smaller key"}
	weakKey        = code{"R5007", "A certificate whose key or algorithm is too weak, or one that SAML software does not take.", "use RSA with 2048 to 4096 bits, or ECDSA over P-256, P-384 or P-521, signed with SHA-256 or better"}
	privateKey     = code{"R5008", "A private key in the repository. It is not shown.", "make a new key and certificate, since this one is in the repository now, and refer to the new key: key: {file: \"...\"}"}
	sameCert       = code{"R5009", "One certificate, or one key, under two names.", "declare each certificate once; a new certificate gets a new key"}
	skippedPhase   = code{"R5010", "A certificate took a step of its rollover that does not follow from the one before.", "next -> uploaded -> active -> previous -> retired, one step a merge"}
	metadataLimit  = code{"R5011", "Rendered metadata that AWS does not take.", "AWS takes 75,000 characters a file"}
	badSignature   = code{"R5012", "Metadata whose signature does not verify.", "do not use the file"}

	oddAWS         = code{"W5001", "Service provider metadata that does not look like what AWS hands out.", "compare it with IAM Identity Center's console"}
	certEnds       = code{"W5002", "A certificate has expired, expires within 90 days, or is not valid yet.", "begin a rollover: a new certificate in phase \"next\""}
	metadataEnds   = code{"W5003", "Metadata has expired, or expires within 90 days.", "exchange it afresh"}
	nameIDFormat   = code{"W5004", "A service provider that does not ask for NameIDs in the form of e-mail addresses.", "compare it with IAM Identity Center's console"}
	oddCertificate = code{"W5005", "A certificate that some SAML software does not take.", "make one with keyUsage digitalSignature"}
	notCompared    = code{"W5006", "The rollover of certificates could not be compared with the commit before.", "give the clone its history (git fetch --unshallow), or name a commit: --base"}
	futurePhase    = code{"W5007", "A phase whose date is still to come.", "correct the date, or merge this when the day has come"}
)

func (c code) at(pos schema.Pos, path, format string, args ...any) schema.Problem {
	return schema.Problem{Pos: pos, Code: c.id, Path: path, Message: fmt.Sprintf(format, args...), Advice: c.advice}
}
