package samlmeta

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// aws returns service provider metadata in the form of AWS, with additions.
func aws(attributes, inRole, after string) string {
	const namespace, entityID = "urn:oasis:names:tc:SAML:2.0:metadata",
		"https://us-east-1.signin.aws.amazon.com/platform/saml/d-9066208dac"
	lines := []string{
		`<EntityDescriptor xmlns="` + namespace + `" entityID="` + entityID + `"` + attributes + `>`,
		`<SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" ` +
			`WantAssertionsSigned="true">` + inRole,
		`<NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</NameIDFormat>`,
		`<AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" ` +
			`Location="https://us-east-1.signin.aws/platform/saml/acs/75732d-05" index="0"/>`,
		`</SPSSODescriptor>` + after,
		`</EntityDescriptor>`,
		``,
	}
	return strings.Join(lines, "\n")
}

func TestMetadataOfAWS(t *testing.T) {
	sp, err := ParseServiceProvider("aws-sp.xml", file(t, "aws-sp.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(sp.Warnings) > 0 {
		t.Errorf("it has warnings: %v", sp.Warnings)
	}
	if sp.Region != "eu-west-1" || sp.IdentityStore != "d-9367208dac" ||
		sp.SHA256 != "4e63941dd8b5fc56eeccbf510fac9e67097e93b5f2d06b5301b2760b016e3643" || !sp.WantAssertionsSigned {
		t.Errorf("got %+v", sp)
	}
	var kinds []string
	for _, c := range sp.Consumers {
		kinds = append(kinds, fmt.Sprintf("%d %s %s %v %s", c.Index, c.Kind, c.Region, c.Default, c.Pos))
	}
	want := "0 alternative IPv4 eu-west-1 true aws-sp.xml:5:5; 1 IPv4 eu-west-1 false aws-sp.xml:6:5; 2 dual stack " +
		"eu-west-1 false aws-sp.xml:7:5"
	if have := strings.Join(kinds, "; "); have != want {
		t.Errorf("consumers %s; want %s", have, want)
	}
	if out := xmllint(t, file(t, "aws-sp.xml")); out != "" {
		t.Errorf("the sample is invalid by the OASIS schema: %s", out)
	}
}

// parseTest is a file and what ParseServiceProvider returns for it.
type parseTest struct {
	name, data string
	problem    string // prefix of the error; "" if the file is accepted
	warning    string // part of the warnings
}

func testParse(t *testing.T, tests []parseTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sp, err := ParseServiceProvider("m.xml", []byte(test.data))
			if (err == nil) != (test.problem == "") || !strings.HasPrefix(errorText(err), test.problem) {
				t.Fatalf("got %v; want %q", err, test.problem)
			}
			if err != nil {
				return
			}
			if warnings := sp.Warnings.Error(); !strings.Contains(warnings, test.warning) ||
				(test.warning == "") != (warnings == "") {
				t.Errorf("warnings: %s; want %q", warnings, test.warning)
			}
		})
	}
}

func rsaCertificate(t *testing.T) string {
	t.Helper()
	c, _ := keyPair(t, "rsa")
	return c.base64()
}

// keyDescriptor returns a KeyDescriptor with a certificate. use is "" or an attribute.
func keyDescriptor(use, certificate string) string {
	return `<KeyDescriptor` + use +
		`><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + certificate +
		`</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`
}

// consumerElement returns an AssertionConsumerService with index 1.
func consumerElement(binding, location, attributes string) string {
	return `<AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:` + binding + `" Location="` +
		location + `" index="1"` + attributes + `/>`
}

func TestParseServiceProviderAccepts(t *testing.T) {
	testParse(t, []parseTest{
		{"the form of AWS", aws("", "", ""), "", ""},
		{"a byte order mark", "\ufeff" + aws("", "", ""), "", ""},
		{"a comment", "<!-- downloaded by Karin -->" + aws("", "", ""), "", ""},
		{"a certificate for signing", aws("", keyDescriptor(` use="signing"`, rsaCertificate(t)), ""), "", ""},
		{"a certificate with line breaks",
			aws("", keyDescriptor(` use="signing"`, strings.ReplaceAll(rsaCertificate(t), "A", "A\n  ")), ""), "", ""},
		{"an unknown extension",
			aws("", "", `<Organization><Extensions><x xmlns="urn:x"><y/></x></Extensions><OrganizationName `+
				`xml:lang="en">A</OrganizationName><OrganizationDisplayName `+
				`xml:lang="en">A</OrganizationDisplayName><OrganizationURL `+
				`xml:lang="en">https://a</OrganizationURL></Organization>`), "", ""},
	})
}

func TestParseServiceProviderRejectsXML(t *testing.T) {
	testParse(t, []parseTest{
		{"an empty file", "", "m.xml:1:1: R5002: has no XML element", ""},
		{"text", "hello", "m.xml:1:1: R5001: has text outside of the root element", ""},
		{"a truncated file", aws("", "", "")[:300],
			"m.xml:3:47: R5001: is not well-formed XML: the file ends before the document", ""},
		{"HTML", "<html><body>Sign in</body></html>", `m.xml:1:1: R5001: has the element "html" of namespace ""`, ""},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>` + aws("", "", ""),
			"m.xml:1:1: R5001: is not well-formed XML", ""},
		{"bytes that are not UTF-8", aws("", "\xff", ""), "m.xml:1:1: R5001: is not UTF-8", ""},
		{"a DTD", "<!DOCTYPE a>\n" + aws("", "", ""), "m.xml:1:1: R5001: has a DTD", ""},
		{"an undefined entity", aws("", "", "&lol;"),
			"m.xml:5:24: R5001: is not well-formed XML: invalid character entity &lol;", ""},
		{"a stylesheet", `<?xml-stylesheet href="https://evil.example/x.xsl"?>` + aws("", "", ""),
			"m.xml:1:1: R5001: has a processing instruction", ""},
		{"two documents", aws("", "", "") + aws("", "", ""), "m.xml:7:1: R5001: has a second root element", ""},
		{"a duplicate attribute", aws(` ID="a" ID="b"`, "", ""), `m.xml:1:1: R5001: has the attribute "ID" twice`, ""},
		{"too deep", aws("", strings.Repeat("<Extensions>", 40)+strings.Repeat("</Extensions>", 40), ""), "m.xml:2:",
			""},
		{"too many elements", aws("", strings.Repeat("<NameIDFormat/>", 6000), ""), "m.xml:2:", ""},
		{"a SAML element in an unknown namespace", aws("", `<x:KeyDescriptor xmlns:x="urn:evil"/>`, ""),
			`m.xml:2:112: R5001: has the element "KeyDescriptor" of namespace "urn:evil"`, ""},
		{"a KeyDescriptor in the signature's namespace",
			aws("", `<KeyDescriptor xmlns="http://www.w3.org/2000/09/xmldsig#"/>`, ""),
			`m.xml:2:112: R5001: has the element "KeyDescriptor" of namespace "http://www.w3.org/2000/09/xmldsig#"`,
			""},
		{"an AssertionConsumerService in the assertion's namespace",
			aws("", `<AssertionConsumerService xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>`, ""),
			`m.xml:2:112: R5001: has the element "AssertionConsumerService"`, ""},
	})
}

func TestParseServiceProviderRejectsRoles(t *testing.T) {
	const role = `<SPSSODescriptor ` +
		`protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><AssertionConsumerService ` +
		`Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://evil.example/acs" ` +
		`index="0"/></SPSSODescriptor>`
	testParse(t, []parseTest{
		{"several entities", `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + aws("", "", "") +
			`</EntitiesDescriptor>`, "m.xml:1:1: R5002: describes several entities", ""},
		{"an identity provider's metadata", strings.ReplaceAll(aws("", "", ""), "SPSSODescriptor", "IDPSSODescriptor"),
			"m.xml:2:1: R5002: has the role IDPSSODescriptor", ""},
		{"both roles in one", aws("", "", `<IDPSSODescriptor protocolSupportEnumeration="x"/>`),
			"m.xml:5:19: R5002: has the role IDPSSODescriptor", ""},
		{"two service providers", aws("", "", role), "m.xml:5:19: R5002: describes the service provider twice", ""},
		{"a role in a role", aws("", role, ""), "m.xml:2:112: R5002: describes the service provider twice", ""},
		{"no role", strings.ReplaceAll(aws("", "", ""), "SPSSODescriptor", "Organization"),
			"m.xml:1:1: R5002: has no SPSSODescriptor", ""},
		{"an entity in an entity", aws("", "", aws("", "", "")),
			"m.xml:5:19: R5002: has an EntityDescriptor within another", ""},
		{"no entityID", strings.Replace(aws("", "", ""), "entityID", "entityId", 1),
			"m.xml:1:1: R5002: has no entityID", ""},
		{"an invalid date", aws(` validUntil="tomorrow"`, "", ""), "m.xml:1:1: R5002: is not SAML metadata", ""},
	})
}

func TestParseServiceProviderRejectsConsumersAndKeys(t *testing.T) {
	testParse(t, []parseTest{
		{"no AssertionConsumerService", strings.Replace(aws("", "", ""), "AssertionConsumerService",
			"SingleLogoutService", 1), "m.xml:2:1: R5003: has no AssertionConsumerService", ""},
		{"assertions over http", strings.Replace(aws("", "", ""), "https://us-east-1.signin.aws/",
			"http://us-east-1.signin.aws/", 1), "m.xml:4:1: R5003: the AssertionConsumerService is not an https URL",
			""},
		{"AWS's assertions for a host that resembles AWS", strings.Replace(aws("", "", ""), "us-east-1.signin.aws/",
			"us-east-1.signin.aws.evil.example/", 1), "m.xml:4:1: R5003: the entityID is of AWS, but the host of " +
			"AssertionConsumerService 0 is not", ""},
		{"AWS's assertions also for another host", aws("", consumerElement("HTTP-POST", "https://evil.example/acs", ""),
			""), "m.xml:2:112: R5003: the entityID is of AWS, but the host of AssertionConsumerService 1 is not", ""},
		{"AWS's assertions for a host of an AWS customer", strings.Replace(aws("", "", ""), "us-east-1.signin.aws/",
			"x.lambda-url.us-east-1.on.aws/", 1), "m.xml:4:1: R5003: the entityID is of AWS, but the host", ""},
		{"a script instead of a URL", strings.Replace(aws("", "", ""), "https://us-east-1.signin.aws/", "javascript:",
			1), "m.xml:1:1: R5002: is not SAML metadata", ""},
		{"a key for encryption", aws("", keyDescriptor(` use="encryption"`, rsaCertificate(t)), ""),
			"m.xml:2:112: R5004: the service provider requests encrypted assertions", ""},
		{"an invalid certificate", aws("", keyDescriptor(` use="signing"`, "AAAA"), ""),
			"m.xml:2:112: R5005: contains a certificate that cannot be parsed", ""},
		{"a certificate that is not base64", aws("", keyDescriptor(` use="signing"`, "!"), ""),
			"m.xml:2:112: R5005: contains a certificate that is not valid base64", ""},
	})
}

func TestParseServiceProviderWarns(t *testing.T) {
	testParse(t, []parseTest{
		{"a key without a use", aws("", keyDescriptor("", rsaCertificate(t)), ""), "", "a KeyDescriptor has no use"},
		{"another entityID", strings.Replace(aws("", "", ""), "d-9066208dac", "x", 1), "",
			"the entityID does not have the form of AWS"},
		{"another path at AWS", strings.Replace(aws("", "", ""), "/platform/saml/acs/", "/other/", 1), "",
			"the URL of AssertionConsumerService 0 is not an AWS URL"},
		{"another service provider", strings.Replace(strings.Replace(aws("", "", ""), "signin.aws/", "sp.example/", 1),
			"d-9066208dac", "x", 1), "", "the URL of AssertionConsumerService 0 is not an AWS URL"},
		{"only another region", strings.Replace(aws("", "", ""), "https://us-east-1.signin.aws/",
			"https://eu-west-1.signin.aws/", 1), "", "no AssertionConsumerService is in the entityID's region"},
		{"another binding", aws("", consumerElement("PAOS", "https://us-east-1.signin.aws/platform/saml/acs/7", ""),
			""), "",
			"the binding of AssertionConsumerService 1 is not HTTP-POST"},
		{"a duplicate index", aws("", consumerElement("HTTP-POST", "https://us-east-1.signin.aws/platform/saml/acs/7",
			"")+
			consumerElement("HTTP-POST", "https://us-east-1.signin.aws/platform/saml/acs/8", ""), ""), "",
			"two AssertionConsumerServices have the index 1"},
		{"two defaults", aws("", consumerElement("HTTP-POST", "https://us-east-1.signin.aws/platform/saml/acs/7",
			` isDefault="true"`)+consumerElement("HTTP-POST", "https://us-east-1.signin.aws/platform/saml/acs/8",
			` isDefault="true"`), ""), "", "2 AssertionConsumerServices are marked as default"},
		{"unsigned assertions", strings.Replace(aws("", "", ""), `WantAssertionsSigned="true"`,
			`WantAssertionsSigned="false"`, 1), "", "does not require signed assertions"},
		{"signed requests without a certificate", strings.Replace(aws("", "", ""), `WantAssertionsSigned`,
			`AuthnRequestsSigned="true" WantAssertionsSigned`, 1), "", "there is no certificate to verify them"},
		{"another NameID format", strings.Replace(aws("", "", ""), "1.1:nameid-format:emailAddress",
			"2.0:nameid-format:transient", 1), "", "W5004"},
	})
}

// Every partition has hosts of its own, and schema.Partitions has all of them.
func TestMetadataOfEveryPartition(t *testing.T) {
	for _, test := range []struct{ region, entityID, consumer string }{
		{"us-east-1", "signin.aws.amazon.com", "signin.aws"},
		{"us-east-1", "signin.aws.amazon.com", "sso.signin.aws"},
		{"us-gov-west-1", "signin.amazonaws-us-gov.com", "signin.amazonaws-us-gov.com"},
		{"cn-northwest-1", "signin.amazonaws.cn", "signin.amazonaws.cn"},
		{"eusc-de-east-1", "signin.amazonaws-eusc.eu", "signin.amazonaws-eusc.eu"},
	} {
		text := strings.NewReplacer("us-east-1.signin.aws.amazon.com", test.region+"."+test.entityID,
			"us-east-1.signin.aws/", test.region+"."+test.consumer+"/").Replace(aws("", "", ""))
		sp, err := ParseServiceProvider("m.xml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", test.region, err)
			continue
		}
		if len(sp.Warnings) > 0 || sp.Region != test.region || sp.IdentityStore != "d-9066208dac" ||
			sp.Consumers[0].Kind == "" || sp.Consumers[0].Region != test.region {
			t.Errorf("%s: got %+v", test.region, sp)
		}
	}
}

func TestValidUntilIsTheEarliestEnd(t *testing.T) {
	for _, test := range []struct{ entity, role, want string }{
		{"", "", "0001-01-01"},
		{"2027-01-01T00:00:00Z", "", "2027-01-01"},
		{"", "2026-01-01T00:00:00Z", "2026-01-01"},
		{"2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-01"},
		{"2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2025-01-01"},
	} {
		attribute := func(end string) string {
			if end == "" {
				return ""
			}
			return ` validUntil="` + end + `"`
		}
		data := strings.Replace(aws(attribute(test.entity), "", ""), "<SPSSODescriptor",
			"<SPSSODescriptor"+attribute(test.role), 1)
		sp, err := ParseServiceProvider("m.xml", []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		if have := sp.ValidUntil.Format(time.DateOnly); have != test.want {
			t.Errorf("%q and %q end %s; want %s", test.entity, test.role, have, test.want)
		}
	}
}

// The files are designed to need much memory.
func TestMemoryForHostileFilesIsLimited(t *testing.T) {
	certificate, _ := keyPair(t, "rsa")
	one := keyDescriptor(` use="signing"`, certificate.base64())
	laughs := "<!DOCTYPE lolz [<!ENTITY a \"lol\">"
	for i := 'b'; i < 'z'; i++ {
		laughs += fmt.Sprintf("<!ENTITY %c \"%s\">", i, strings.Repeat(fmt.Sprintf("&%c;", i-1), 10))
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"10 MB of certificates", []byte(aws("", strings.Repeat(one, 10<<20/len(one)), "")),
			"the maximum for metadata is 262144"},
		{"a billion laughs", []byte(laughs + "]>" + aws("", "", "&y;")), "has a DTD"},
		{"a local file as an entity", []byte(`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + aws("", "",
			"&x;")), "has a DTD"},
		{"deep nesting", []byte(strings.Repeat(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">`,
			3000)), "nests elements more than 32 deep"},
		{"an element with many attributes", []byte(aws(strings.Repeat(` a="" `, 30000), "", "")),
			"has an element with more than 64 attributes"},
		{"an element with many children", []byte(aws("", strings.Repeat("<NameIDFormat/>", 15000), "")),
			"has more than 5000 elements"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, parse := range []func() error{
				func() error { _, err := ParseServiceProvider("m.xml", test.data); return err },
				func() error { _, err := ParseIdentityProvider("m.xml", test.data, nil); return err },
			} {
				if err := parse(); !strings.Contains(errorText(err), test.want) {
					t.Errorf("got %v; want %q", err, test.want)
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_ = parse()
				if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 16<<20 {
					t.Errorf("rejecting it allocates %d bytes", after.TotalAlloc-before.TotalAlloc)
				}
			}
		})
	}
}

// The file is within the limits, and each of its elements has a problem.
func TestManyProblems(t *testing.T) {
	acs := `<AssertionConsumerService Binding="x" Location="https://a" index="0"/>`
	other := strings.Replace(aws("", strings.Repeat(acs, 3000), ""), "d-9066208dac", "x", 1)
	sp, err := ParseServiceProvider("m.xml", []byte(other))
	if err != nil || len(sp.Warnings) > 3*3001 {
		t.Errorf("%d warnings, %v", len(sp.Warnings), err)
	}
	_, err = ParseServiceProvider("m.xml", []byte(aws("", strings.Repeat(`<KeyDescriptor use="encryption"/>`, 4000),
		"")))
	if problems, _ := err.(schema.Problems); len(problems) != 4000 {
		t.Errorf("%d problems", len(problems))
	}
}

// TestSignatureWrapping moves and duplicates signed metadata, so that the signed part differs from
// the part that a naive parser reads.
func TestSignatureWrapping(t *testing.T) {
	r := rendering(t, Upload, "2026")
	f := render(t, r)
	body := bytes.TrimPrefix(f.XML, []byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"))
	start, end := bytes.Index(body, []byte("<ds:Signature ")), bytes.Index(body, []byte("</ds:Signature>"))+
		len("</ds:Signature>")
	signature := string(body[start:end])
	unsigned := string(body[:start]) + string(body[end:])
	evil := strings.ReplaceAll(unsigned, "login.example.com", "evil.example")
	in := func(element, inner string) string { // inner before the end of element
		return strings.Replace(element, "</IDPSSODescriptor>", "</IDPSSODescriptor>"+inner, 1)
	}
	id := body[bytes.Index(body, []byte(`ID="`))+4:]
	id = id[:bytes.IndexByte(id, '"')]
	renamed := strings.Replace(evil, `ID="`+string(id), `ID="_evil`, 1)
	extensions := func(inner string) string {
		return `<Organization><Extensions>` + inner + `</Extensions></Organization>`
	}
	for _, test := range []struct{ name, data string }{
		{"the signature is kept, the content is replaced", strings.Replace(evil, "<IDPSSODescriptor",
			signature+"<IDPSSODescriptor", 1)},
		{"the signed entity is in an extension of another entity", in(renamed, extensions(string(body)))},
		{"the signed entity is in an extension, with the same ID", in(evil, extensions(string(body)))},
		{"the signature is outside, the signed entity is in an extension",
			in(strings.Replace(renamed, "<IDPSSODescriptor", signature+"<IDPSSODescriptor", 1), extensions(unsigned))},
		{"the signature is in an extension", in(unsigned, extensions(signature))},
		{"a second signature", strings.Replace(string(body), signature, signature+signature, 1)},
		{"a second role", in(string(body), `<IDPSSODescriptor protocolSupportEnumeration="x"/>`)},
		{"an EntitiesDescriptor around it", `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` +
			string(body) + `</EntitiesDescriptor>`},
		{"no signature", unsigned},
		{"an empty signature", strings.Replace(string(body), signature,
			`<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>`, 1)},
		{"a reference to nothing", strings.Replace(string(body), `URI="#`, `URI="#x`, 1)},
		{"HMAC with the public key", strings.Replace(string(body), "2001/04/xmldsig-more#rsa-sha256",
			"2001/04/xmldsig-more#hmac-sha256", 1)},
		{"SHA-1", strings.Replace(string(body), "2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1", 1)},
		{"another certificate in the file", strings.ReplaceAll(string(body), r.Certificates["2026"].base64(),
			r.Certificates["long-ago"].base64())},
	} {
		t.Run(test.name, func(t *testing.T) {
			if idp, err := ParseIdentityProvider("m.xml", []byte(test.data),
				[]*Certificate{r.Certificates["2026"]}); err == nil {
				t.Errorf("it is accepted: %+v", idp)
			}
		})
	}
	if _, err := ParseIdentityProvider("m.xml", body, []*Certificate{r.Certificates["2027"],
		r.Certificates["2026"]}); err != nil {
		t.Errorf("the signed entity itself is rejected: %v", err)
	}
}
