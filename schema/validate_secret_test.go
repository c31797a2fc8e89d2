package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

func TestEncryptedFilesAreReadWithTheDeclarations(t *testing.T) {
	const age, sops = "age-encryption.org/v1\n-> X25519 x\n", "scim:\n    token: ENC[AES256_GCM,data:x]\n"
	for _, test := range []struct {
		name, auth, file, content string
		code                      string // empty if the reference has the content
	}{
		{"age", `token: age: "secrets/aws.age"`, "secrets/aws.age", age, ""},
		{
			"armoured age", `token: age: "secrets/aws.age"`, "secrets/aws.age",
			"-----BEGIN AGE ENCRYPTED FILE-----\nx\n", "",
		},
		{"sops", `token: sops: {file: "secrets.enc", key: "scim.token"}`, "secrets.enc", sops, ""},
		{
			"a client's secret", `oauth2: {tokenURL: "https://127.0.0.1/t", clientID: "c", clientSecret: age: "c.age"}`,
			"c.age", age, "",
		},
		{"a missing file", `token: age: "secrets/aws.age"`, "other", age, "R2014"},
		{
			"an age file that is not encrypted", `token: age: "secrets/aws.age"`, "secrets/aws.age", "hunter2canary\n",
			"R4006",
		},
		{
			"a sops file that is not encrypted", `token: sops: {file: "secrets.enc", key: "scim.token"}`, "secrets.enc",
			"scim: token: hunter2canary\n", "R4006",
		},
		{
			"an age file that is too large", `token: age: "secrets/aws.age"`, "secrets/aws.age",
			age + strings.Repeat("x", 256<<10), "R2014",
		},
		{"a path outside the repository", `token: age: "../aws.age"`, "aws.age", age, "R2014"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := withProvisioner(t, `endpoint: `+
				`"https://scim.us-east-1.amazonaws.com/11111111-1111-4111-8111-111111111111/scim/v2", auth: `+test.auth)
			files[test.file] = &fstest.MapFile{Data: []byte(test.content)}
			d, err := Load(files)
			var problems tree.Problems
			switch {
			case test.code == "" && err != nil:
				t.Fatal(err)
			case test.code == "":
				auth := d.Provisioners["p"].Auth
				ref := auth.Token
				if ref == nil {
					ref = auth.OAuth2.ClientSecret
				}
				if string(ref.Ciphertext) != test.content {
					t.Errorf("the reference has %q", ref.Ciphertext)
				}
			case !errors.As(err, &problems) || !strings.HasPrefix(problems[0].Code, test.code):
				t.Fatalf("got %v; want %s", err, test.code)
			case strings.Contains(err.Error(), "hunter2canary"):
				t.Errorf("the secret is in %v", err)
			}
		})
	}
}

// TestSecretsAreNeverShown writes a secret in all places where a user might write one, and searches
// for it in the problems of Load.
func TestSecretsAreNeverShown(t *testing.T) {
	const canary = "hunter2canary"
	endpoint := `endpoint: "http://127.0.0.1:9000/t/scim/v2", `
	for name, fields := range map[string]string{
		"instead of the reference":  endpoint + `auth: token: "hunter2canary"`,
		"instead of auth":           endpoint + `auth: "hunter2canary"`,
		"as the name of a variable": endpoint + `auth: token: env: "hunter2canary !"`,
		"as a list":                 endpoint + `auth: token: ["hunter2canary"]`,
		"under another name":        endpoint + `auth: token: value: "hunter2canary"`,
		"under a misspelled name":   endpoint + `auth: tokn: "hunter2canary"`,
		"next to auth":              endpoint + `token: "hunter2canary", auth: token: env: "T"`,
		"computed":                  endpoint + `auth: token: "hunter2" + "canary"`,
		"interpolated":              endpoint + `auth: token: "\(_a)canary"`,
		"as one of two values":      endpoint + `auth: token: "hunter2canary", auth: token: env: "T"`,
		"twice": endpoint + `auth: token: "hunter2canary"}, provisioners: p: {auth: ` +
			`token: "hunter2canary2"`,
		"as a default":                     endpoint + `auth: token: *"hunter2canary" | "hunter2canary2"`,
		"as a reference to a hidden field": endpoint + `auth: token: _b`,
		"as the secret of a client": endpoint + `auth: oauth2: {tokenURL: "https://x", clientID: "x", ` +
			`clientSecret: "hunter2canary"}`,
		"in the token endpoint's user": endpoint + `auth: oauth2: {tokenURL: "https://u:hunter2canary@x/t", ` +
			`clientID: "x", clientSecret: env: "T"}`,
		"in a plain token endpoint's user": endpoint + `auth: oauth2: {tokenURL: "http://u:hunter2canary@x/t", ` +
			`clientID: "x", clientSecret: env: "T"}`,
		"in the token endpoint's query": endpoint + `auth: oauth2: {tokenURL: ` +
			`"https://x/t?client_secret=hunter2canary", clientID: "x", clientSecret: env: "T"}`,
		"in the authorization endpoint": endpoint + `auth: oauth2: {grant: "authorizationCode", tokenURL: ` +
			`"https://x/t", authorizeURL: "https://u:hunter2canary@x", clientID: "x"}`,
		"as an argument of too many":       endpoint + `auth: token: {env: "T", exec: ["hunter2canary"]}`,
		"as an argument in the wrong form": endpoint + `auth: token: exec: "hunter2canary"`,
		"in the endpoint's user": `endpoint: ` +
			`"https://u:hunter2canary@scim.us-east-1.amazonaws.com/t/scim/v2", auth: token: env: "T"`,
		"in the endpoint's query": `endpoint: ` +
			`"https://scim.us-east-1.amazonaws.com/t/scim/v2?token=hunter2canary", auth: token: env: "T"`,
		"in an endpoint that cannot be parsed": `endpoint: "https://u:hunter2canary%zz@x/t/scim/v2", auth: token: ` +
			`env: "T"`,
		"as a number": endpoint + `auth: token: 5, auth: token: env: "hunter2canary"`,
	} {
		t.Run(name, func(t *testing.T) {
			files := withProvisioner(t, fields)
			files["hidden.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n_a: \"hunter2\"\n_b: " +
				"\"hunter2canary\"\n")}
			_, err := Load(files)
			var problems tree.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			for _, p := range problems {
				if strings.Contains(fmt.Sprintf("%+v %s", p, p), canary) {
					t.Errorf("the secret is in %+v", p)
				}
			}
		})
	}
}

func withProvisioner(t testing.TB, fields string) fstest.MapFS {
	files := base(t)
	files["case.cue"] = &fstest.MapFile{Data: []byte("package roster\n\nprovisioners: p: {app: \"aws\", mapping: " +
		"\"aws\", groups: [\"all\"], " + fields + "}\n")}
	return files
}

// brokenFile is a tree in which one file cannot be opened, or only its size is known.
type brokenFile struct {
	fstest.MapFS
	name     string
	statable bool
}

var errDisk = errors.New("input/output error")

func (b brokenFile) Open(name string) (fs.File, error) {
	if name == b.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errDisk}
	}
	return b.MapFS.Open(name)
}

func (b brokenFile) ReadFile(name string) ([]byte, error) {
	if name == b.name {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errDisk}
	}
	return b.MapFS.ReadFile(name)
}

func (b brokenFile) Stat(name string) (fs.FileInfo, error) {
	if name == b.name && !b.statable {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: errDisk}
	}
	return b.MapFS.Stat(name)
}

func TestAFileThatTheDiskDoesNotGiveMakesNoCommitInvalid(t *testing.T) {
	files := withProvisioner(t, `endpoint: `+
		`"https://scim.us-east-1.amazonaws.com/11111111-1111-4111-8111-111111111111/scim/v2", auth: token: age: "a.age"`)
	files["a.age"] = &fstest.MapFile{Data: []byte("age-encryption.org/v1\n")}
	for _, statable := range []bool{true, false} {
		_, err := Load(brokenFile{files, "a.age", statable})
		var problems tree.Problems
		if !errors.Is(err, errDisk) || errors.As(err, &problems) {
			t.Errorf("statable %t: got %v; want the error of the disk, and no problem", statable, err)
		}
	}
}
