package samlmeta

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// testTree returns declarations with these SAML settings, and the files of testdata.
func testTree(t testing.TB, saml string) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{
		"apps.cue": {Data: []byte("package roster\n\napps: \"aws\": {displayName: \"AWS\", saml: " +
			"{\n\tserviceProviderMetadata: \"aws-sp.xml\"\n" + saml + "\n}}\n")},
	}
	for _, name := range []string{"aws-sp.xml", "rsa.crt", "p256.crt", "p384.crt", "rsa.key"} {
		tree[name] = &fstest.MapFile{Data: file(t, name)}
	}
	return tree
}

// identityProvider returns the declaration of an identity provider with these signing certificates.
func identityProvider(signing ...string) string {
	return "\tidentityProvider: {\n\t\tentityID: \"https://{domain}/idp\", singleSignOn: post: " +
		"\"https://{domain}/sso\", domains: [\"login.example.com\"]\n\t\tsigning: " +
		strings.Join(signing, "\n\t\tsigning: ") + "\n\t}"
}

func load(t testing.TB, tree fs.FS) *schema.Declarations {
	t.Helper()
	d, err := schema.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCheck(t *testing.T) {
	const active = `"a": {certificate: "rsa.crt", phase: "active"}`
	for _, test := range []struct {
		name, saml         string
		file, content      string // a file that is replaced
		problems, warnings string
	}{
		{"valid", identityProvider(active), "", "", "", ""},
		{"no identity provider", "", "", "", "", ""},
		{"a file that is not metadata", identityProvider(active), "aws-sp.xml", "<html/>",
			`aws-sp.xml:1:1: R5001: apps.aws.saml.serviceProviderMetadata: has the element "html"`, ""},
		{"unusual metadata", identityProvider(active), "aws-sp.xml", strings.Replace(aws("", "", ""), "d-9066208dac",
			"x", 1),
			"", `aws-sp.xml:1:1: W5001: apps.aws.saml.serviceProviderMetadata: the entityID does not have the form ` +
				`of AWS`},
		{"expired metadata is valid", identityProvider(active), "aws-sp.xml", aws(` validUntil="2001-01-01T00:00:00Z"`,
			"", ""), "", ""},
		{"a key instead of a certificate", identityProvider(`"a": {certificate: "rsa.key", phase: "active"}`), "", "",
			`rsa.key:1:1: R5008: apps.aws.saml.identityProvider.signing: contains a private key`, ""},
		{"one certificate under two names",
			identityProvider(active, `"b": {certificate: "rsa.crt", phase: "next", dates: next: "2026-01-01"}`), "", "",
			`apps.cue:8:12: R5009: apps.aws.saml.identityProvider.signing: has the same key as "a"`, ""},
		{"everything at once", identityProvider(`"a": {certificate: "rsa.key", phase: "active"}`,
			`"b": {certificate: "apps.cue", phase: "next", dates: next: "2026-01-01"}`), "aws-sp.xml", "",
			"apps.cue:1:1: R5005: apps.aws.saml.identityProvider.signing: contains no PEM block\naws-sp.xml:1:1: " +
				"R5002: apps.aws.saml.serviceProviderMetadata: has no XML element\nrsa.key:1:1: R5008: ", ""},
		{"a long URL", strings.Replace(identityProvider(active), "/sso", "/"+strings.Repeat("a", 2000), 1), "", "", "",
			""},
		{"an invalid URL", strings.Replace(identityProvider(active), "https://{domain}/sso", "https://[", 1), "", "",
			"apps.cue:5:2: R5011: apps.aws.saml.identityProvider: the metadata for login.example.com cannot be " +
				"rendered", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := testTree(t, test.saml)
			if test.file != "" {
				tree[test.file] = &fstest.MapFile{Data: []byte(test.content)}
			}
			warnings, err := Check(load(t, tree), tree)
			wantProblems(t, "problems", problemsOf(t, err), test.problems)
			wantProblems(t, "warnings", warnings, test.warnings)
		})
	}
}

// problemsOf returns the problems of an error.
func problemsOf(t *testing.T, err error) schema.Problems {
	t.Helper()
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	return problems
}

// failingFS is a tree in which one file cannot be read.
type failingFS struct {
	fs.FS
	name string
}

var errDisk = errors.New("disk failure")

func (a failingFS) Open(name string) (fs.File, error) {
	if name == a.name {
		return nil, errDisk
	}
	return a.FS.Open(name)
}

func TestReadErrorIsNotAProblemOfTheCommit(t *testing.T) {
	tree := testTree(t, identityProvider(`"a": {certificate: "rsa.crt", phase: "active"}`))
	d := load(t, tree)
	for _, name := range []string{"aws-sp.xml", "rsa.crt"} {
		warnings, err := Check(d, failingFS{tree, name})
		var problems schema.Problems
		if !errors.Is(err, errDisk) || errors.As(err, &problems) || warnings != nil {
			t.Errorf("%s: %v, %v", name, warnings, err)
		}
	}
	if err := Compare(d, failingFS{tree, "rsa.crt"}, d, tree); !errors.Is(err, errDisk) {
		t.Errorf("compared with an unreadable tree: %v", err)
	}
}

// wantProblems compares problems with a list of prefixes, one per line.
func wantProblems(t *testing.T, what string, have schema.Problems, want string) {
	t.Helper()
	var lines []string
	if want != "" {
		lines = strings.Split(want, "\n")
	}
	ok := len(lines) == len(have)
	for i := 0; ok && i < len(lines); i++ {
		ok = strings.HasPrefix(have[i].String(), lines[i])
	}
	if !ok {
		t.Errorf("%s:\n%s\nwant\n%s", what, have.Error(), want)
	}
}

func TestDeadlines(t *testing.T) {
	const (
		a = `"a": {certificate: "rsa.crt", phase: "active", ` +
			`dates: {next: "2021-01-01", uploaded: "2021-01-01", active: "2021-01-01"}}`
		b = `"b": {certificate: "p256.crt", phase: "next", dates: next: "2027-05-01"}`
		c = `"c": {certificate: "p384.crt", phase: "retired", dates: {next: "2020-01-01", ` +
			`uploaded: "2020-01-01", active: "2020-01-01", previous: "2020-01-01", retired: "2020-01-01"}}`
		lifetime = "\n\tidentityProvider: {lifetimeDays: 100, uploaded: \"2026-10-01\"}"
	)
	tree := testTree(t, identityProvider(a, b, c)+lifetime)
	certificate, _ := keyPair(t, "p384")
	key := keyDescriptor(` use="signing"`, certificate.base64())
	tree["aws-sp.xml"] = &fstest.MapFile{Data: []byte(aws(` validUntil="2026-12-01T06:00:00Z"`, key, ""))}
	d := load(t, tree)
	var lines []string
	for _, e := range Deadlines(d, tree) {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s", e.EndsAt.UTC().Format(time.DateOnly), e.Kind, e.App,
			e.Name, e.Pos, e.Path))
	}
	want := `2026-12-01 service provider metadata aws aws-sp.xml apps.cue:4:27 apps.aws.saml.serviceProviderMetadata
2027-01-09 identity provider metadata aws aws apps.cue:5:2 apps.aws.saml.identityProvider.uploaded
2044-01-01 service provider certificate aws aws-sp.xml apps.cue:4:27 apps.aws.saml.serviceProviderMetadata
2044-01-01 signing certificate aws a apps.cue:7:12 apps.aws.saml.identityProvider.signing.a
2044-01-01 signing certificate aws b apps.cue:8:12 apps.aws.saml.identityProvider.signing.b`
	if have := strings.Join(lines, "\n"); have != want {
		t.Errorf("deadlines\n%s\nwant\n%s", have, want)
	}
	for _, test := range []struct{ now, want string }{
		{"2026-08-01", "apps.cue:8:12: W5007: apps.aws.saml.identityProvider.signing.b.dates.next: the date of " +
			"phase \"next\" is in the future"},
		{"2026-11-25", "apps.cue:4:27: W5003: apps.aws.saml.serviceProviderMetadata: the service provider metadata " +
			"of app \"aws\" expires on 2026-12-01, in 6 days: then identity providers may reject it\n" +
			"apps.cue:5:2: W5003: apps.aws.saml.identityProvider.uploaded: the identity provider metadata of app " +
			"\"aws\" expires on 2027-01-09, in 45 days: then AWS may reject sign-ins\n" +
			"apps.cue:8:12: W5007: "},
		{"2026-12-01", "apps.cue:4:27: W5003: apps.aws.saml.serviceProviderMetadata: the service provider metadata " +
			"of app \"aws\" expires on 2026-12-01, within a day: then\n" +
			"apps.cue:5:2: W5003: \napps.cue:8:12: W5007: "},
		{"2043-12-31", "apps.cue:4:27: W5002: apps.aws.saml.serviceProviderMetadata: the service provider " +
			"certificate of app \"aws\" expires on 2044-01-01, in 1 day: then\n" +
			"apps.cue:4:27: W5003: apps.aws.saml.serviceProviderMetadata: the service provider metadata of app " +
			"\"aws\" has expired on 2026-12-01: identity\n" +
			"apps.cue:5:2: W5003: \n" +
			"apps.cue:7:12: W5002: apps.aws.saml.identityProvider.signing.a: the signing certificate \"a\" of app " +
			"\"aws\" expires on 2044-01-01, in 1 day: then AWS marks it as expired, and may reject all sign-ins\n" +
			"apps.cue:8:12: W5002: apps.aws.saml.identityProvider.signing.b: "},
		{"2023-12-01", "apps.cue:4:27: W5002: apps.aws.saml.serviceProviderMetadata: the service provider " +
			"certificate of app \"aws\" is not valid before 2024-01-01\n" +
			"apps.cue:7:12: W5002: apps.aws.saml.identityProvider.signing.a: the signing certificate \"a\" of app " +
			"\"aws\" is not valid before 2024-01-01\n" +
			"apps.cue:8:12: W5002: \napps.cue:8:12: W5007: "},
	} {
		now, err := time.Parse(time.DateOnly, test.now)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(test.now, func(t *testing.T) { wantProblems(t, "warnings", Warn(d, tree, now), test.want) })
	}
}

// TestCompare tests every transition from one phase to another.
func TestCompare(t *testing.T) {
	dates := map[string]string{
		"next": `{next: "2026-01-01"}`, "uploaded": `{next: "2026-01-01", uploaded: "2026-01-02"}`,
		"active":   `{next: "2026-01-01", uploaded: "2026-01-02", active: "2026-01-03"}`,
		"previous": `{next: "2026-01-01", uploaded: "2026-01-02", active: "2026-01-03", previous: "2026-01-04"}`,
		"retired": `{next: "2026-01-01", uploaded: "2026-01-02", active: "2026-01-03", previous: "2026-01-04", ` +
			`retired: "2026-01-05"}`,
	}
	transitions := map[string]string{
		"": "next", "next": "uploaded ", "uploaded": "active ", "active": "previous uploaded",
		"previous": "retired active", "retired": "",
	}
	// A second certificate is active, or previous if the tested one is active.
	state := func(phase string) fstest.MapFS {
		other := `"other": {certificate: "p256.crt", phase: "active", dates: ` + dates["active"] + `}`
		if phase == "active" {
			other = `"other": {certificate: "p256.crt", phase: "previous", dates: ` + dates["previous"] + `}`
		}
		if phase == "" {
			return testTree(t, identityProvider(other))
		}
		return testTree(t, identityProvider(other, `"it": {certificate: "rsa.crt", phase: "`+phase+`", dates: `+
			dates[phase]+`}`))
	}
	phases := append([]string{""}, schema.Phases...)
	for _, from := range phases {
		for _, to := range phases {
			t.Run(from+" to "+to, func(t *testing.T) {
				before, after := state(from), state(to)
				problems := problemsOf(t, Compare(load(t, before), before, load(t, after), after))
				allowed := from == to
				for _, phase := range strings.Split(transitions[from], " ") {
					allowed = allowed || phase == to && (phase != "" || from != "")
				}
				found := ""
				for _, p := range problems {
					if strings.Contains(p.Path, "signing.it") {
						found = p.String()
					}
				}
				if allowed != (found == "") {
					t.Errorf("got %q; allowed: %v", found, allowed)
				}
			})
		}
	}
}

func TestCompareDeclarations(t *testing.T) {
	const a = `"a": {certificate: "rsa.crt", phase: "active"}`
	for _, test := range []struct{ name, before, after, want string }{
		{"nothing changes", identityProvider(a), identityProvider(a), ""},
		{"a new identity provider", "", identityProvider(a), ""},
		{"a removed identity provider", identityProvider(a), "", ""},
		{"a certificate is renamed", identityProvider(a),
			identityProvider(`"b": {certificate: "rsa.crt", phase: "active"}`), ""},
		{"a certificate is replaced under the same name", identityProvider(a),
			identityProvider(`"a": {certificate: "p256.crt", phase: "active"}`),
			"apps.cue:5:2: R5010: apps.aws.saml.identityProvider.signing.a: the certificate changes from " +
				"\"active\" to not declared\n" +
				"apps.cue:7:12: R5010: apps.aws.saml.identityProvider.signing.a: the certificate changes from not " +
				"declared to \"active\"; from not declared it may change to \"next\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after := testTree(t, test.before), testTree(t, test.after)
			wantProblems(t, "problems", problemsOf(t, Compare(load(t, before), before, load(t, after), after)),
				test.want)
		})
	}
}

// TestEveryCodeIsDocumented compares the codes with docs/saml.md.
func TestEveryCodeIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/saml.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, c := range []code{hostileXML, notMetadata, badConsumer, encryptedAssertions, badPEM, pemTooLong, weakKey,
		privateKey, duplicateCertificate, skippedPhase, metadataLimit,
		badSignature, unusualMetadata, certificateExpires, metadataExpires, nameIDFormat, unusualCertificate,
		notCompared, futurePhase} {
		row := fmt.Sprintf("| %s | %s | %s |\n", c.id, c.title, c.advice)
		if found[c.id] || !strings.Contains(string(page), row) {
			t.Errorf("docs/saml.md does not have this row, or the code is not unique:\n%s", row)
		}
		found[c.id] = true
	}
}
