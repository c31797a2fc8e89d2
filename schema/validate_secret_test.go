package schema

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

func TestEncryptedFilesAreReadWithTheDeclarations(t *testing.T) {
	const age, sops = "age-encryption.org/v1\n-> X25519 x\n", "scim:\n    token: ENC[AES256_GCM,data:x]\n"
	for _, test := range []struct {
		name, auth, file, content string
		code                      string // empty: the content is in the reference
	}{
		{"age", `token: age: "secrets/aws.age"`, "secrets/aws.age", age, ""},
		{"armoured age", `token: age: "secrets/aws.age"`, "secrets/aws.age", "-----BEGIN AGE ENCRYPTED FILE-----\nx\n", ""},
		{"sops", `token: sops: {file: "secrets.enc", key: "scim.token"}`, "secrets.enc", sops, ""},
		{"a client's secret", `oauth2: {tokenURL: "https://127.0.0.1/t", clientID: "c", clientSecret: age: "c.age"}`, "c.age", age, ""},
		{"no file", `token: age: "secrets/aws.age"`, "other", age, "R2014"},
		{"an age file that is not encrypted", `token: age: "secrets/aws.age"`, "secrets/aws.age", "hunter2canary\n", "R4006"},
		{"a sops file that is not encrypted", `token: sops: {file: "secrets.enc", key: "scim.token"}`, "secrets.enc", "scim: token: hunter2canary\n", "R4006"},
		{"an age file of megabytes", `token: age: "secrets/aws.age"`, "secrets/aws.age", age + strings.Repeat("x", maxEncrypted), "R2014"},
		{"a path that leads out", `token: age: "../aws.age"`, "aws.age", age, "R2014"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := withProvisioner(t, `endpoint: "https://scim.us-east-1.amazonaws.com/11111111-1111-4111-8111-111111111111/scim/v2", auth: `+test.auth)
			files[test.file] = &fstest.MapFile{Data: []byte(test.content)}
			d, err := Load(files)
			var problems Problems
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
					t.Errorf("the reference holds %q", ref.Ciphertext)
				}
			case !errors.As(err, &problems) || !strings.HasPrefix(problems[0].Code, test.code):
				t.Fatalf("got %v; want %s", err, test.code)
			case strings.Contains(err.Error(), "hunter2canary"):
				t.Errorf("the secret is in %v", err)
			}
		})
	}
}
