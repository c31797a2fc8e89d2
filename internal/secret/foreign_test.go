package secret

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/seed-d64a251c/roster/schema"
)

// wantSecret resolves a reference: to the canary, or to an error that says want and not the canary.
func wantSecret(t *testing.T, r *Resolver, ref *schema.SecretRef, want string) {
	t.Helper()
	v, err := r.Resolve(t.Context(), ref)
	switch {
	case want == "" && (err != nil || v.Reveal() != canary):
		t.Errorf("got %q, %v", v.Reveal(), err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("the error is %v; want %q", err, want)
	case err != nil && strings.Contains(err.Error(), canary):
		t.Errorf("the error holds the secret: %v", err)
	}
}

func TestCommands(t *testing.T) {
	script := filepath.Join(t.TempDir(), "manager")
	code := `#!/bin/sh
case $1 in
read) echo ` + canary + ` ;;
fail) echo ` + canary + `; echo ` + canary + ` >&2; exit 3 ;;
flood) yes ` + canary + ` ;;
input) cat ;;
esac
`
	if err := os.WriteFile(script, []byte(code), 0o700); err != nil {
		t.Fatal(err)
	}
	r := &Resolver{Policy: Policy{Commands: []string{script, "printf %s"}}}
	for _, test := range []struct {
		name string
		argv []string
		want string
	}{
		{"a command that prints", []string{script, "read"}, ""},
		{"no shell stands between", []string{"printf", "%s", canary}, ""},
		{"a command with other arguments than allowed", []string{"printf", "%q", "x"}, `may not run "printf" with these arguments`},
		{"a command that is not allowed", []string{"sh", "-c", "echo x"}, `may not run "sh"; --allow-command`},
		{"a command that fails", []string{script, "fail"}, "failed (exit status 3); run it by hand"},
		{"a command that does not end", []string{script, "flood"}, "prints more than 65536 bytes"},
		{"a command that waits for input gets none", []string{script, "input"}, "is empty"},
		{"a command that prints nothing", []string{script, "silent"}, "what " + script + " prints is empty"},
	} {
		t.Run(test.name, func(t *testing.T) { wantSecret(t, r, &schema.SecretRef{Exec: test.argv}, test.want) })
	}
	gone := &Resolver{Policy: Policy{Commands: []string{"/nowhere/manager"}}}
	wantSecret(t, gone, &schema.SecretRef{Exec: []string{"/nowhere/manager"}}, "no such file")
}

// keyring makes an age identity in a file and returns its name and public key.
func keyring(t *testing.T) (name string, public *age.X25519Recipient) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(t.TempDir(), "keys.txt")
	if err := os.WriteFile(name, []byte("# created by a test\n"+identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, identity.Recipient()
}

// seal encrypts the canary.
func seal(t *testing.T, to age.Recipient, armoured bool) []byte {
	t.Helper()
	var out strings.Builder
	var sink io.Writer = &out
	closeArmor := func() error { return nil }
	if armoured {
		w := armor.NewWriter(&out)
		sink, closeArmor = w, w.Close
	}
	w, err := age.Encrypt(sink, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{func() error { _, err := io.WriteString(w, canary+"\n"); return err }, w.Close, closeArmor} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return []byte(out.String())
}

func TestAgeFiles(t *testing.T) {
	name, public := keyring(t)
	other, _ := keyring(t)
	open := filepath.Join(t.TempDir(), "open.txt")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{open: string(b), name + ".bad": canary} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, public, false)
	torn := append([]byte{}, sealed...)
	torn[len(torn)-1] ^= 1
	for _, test := range []struct {
		name, identity string
		sealed         []byte
		want           string
	}{
		{"a file for our key", name, sealed, ""},
		{"an armoured file for our key", name, seal(t, public, true), ""},
		{"a file for another's key", other, sealed, "is not encrypted for the identities in " + other},
		{"a file that was changed", name, torn, "decrypt age file secrets/aws.age"},
		{"a file that was cut off", name, sealed[:len(sealed)-20], "decrypt age file secrets/aws.age"},
		{"no identity", "", sealed, "no --age-identity is set"},
		{"an identity that is not there", name + ".gone", sealed, "read the age identity"},
		{"an identity for everybody", open, sealed, "may be read by everybody (mode 0644)"},
		{"an identity that is none", name + ".bad", sealed, "is not a file of age identities"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantSecret(t, &Resolver{AgeIdentity: test.identity}, &schema.SecretRef{Age: "secrets/aws.age", Sealed: test.sealed}, test.want)
		})
	}
}

// sopsCommand builds the sops command once for all test runs of this machine and puts it into PATH.
func sopsCommand(t *testing.T) {
	t.Helper()
	const version = "v3.13.3"
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "roster-foreign-sops", version)
	if _, err := os.Stat(filepath.Join(dir, "sops")); err != nil {
		install := exec.Command("go", "install", "github.com/getsops/sops/v3/cmd/sops@"+version)
		install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("build sops: %v\n%s", err, out)
		}
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

func TestSopsFiles(t *testing.T) {
	sopsCommand(t)
	keys, public := keyring(t)
	t.Setenv("SOPS_AGE_KEY_FILE", keys)
	dir := t.TempDir()
	encrypt := func(name, content string) []byte {
		plain := filepath.Join(dir, name)
		if err := os.WriteFile(plain, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("sops", "--encrypt", "--age", public.String(), plain).Output()
		if err != nil {
			t.Fatalf("encrypt with sops: %v", err)
		}
		return out
	}
	yaml := encrypt("aws.yaml", "scim:\n  token: "+canary+"\nother: x\n")
	json := encrypt("aws.json", `{"scim": {"a\"b": "`+canary+`"}}`)
	allowed := &Resolver{Policy: Policy{Commands: []string{"sops"}}}
	for _, test := range []struct {
		name   string
		r      *Resolver
		file   string
		sealed []byte
		key    string
		want   string
	}{
		{"a value of a YAML file", allowed, "secrets/aws.yaml", yaml, "scim.token", ""},
		{"a value of a JSON file, with a quotation mark in its key", allowed, "secrets/aws.json", json, `scim.a"b`, ""},
		{"a key that is not there", allowed, "secrets/aws.yaml", yaml, "scim.tokens", "decrypt scim.tokens of secrets/aws.yaml: command \"sops\" failed"},
		{"sops is not allowed", &Resolver{}, "secrets/aws.yaml", yaml, "scim.token", `may not run "sops"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantSecret(t, test.r, &schema.SecretRef{Sops: &schema.SopsRef{File: test.file, Key: test.key}, Sealed: test.sealed}, test.want)
		})
	}
	t.Setenv("SOPS_AGE_KEY_FILE", "/nowhere")
	wantSecret(t, allowed, &schema.SecretRef{Sops: &schema.SopsRef{File: "aws.yaml", Key: "scim.token"}, Sealed: yaml}, "failed")
}

// awsEndpoint answers as Secrets Manager and Systems Manager do (AWS JSON 1.1), to signed requests alone.
func awsEndpoint(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			SecretId, Name string
			WithDecryption bool
		}
		refuse := func(code string) {
			w.Header().Set("X-Amzn-Errortype", code)
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":%q,"message":"no such thing"}`, code)
		}
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/") {
			refuse("UnrecognizedClientException")
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			refuse("SerializationException")
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch r.Header.Get("X-Amz-Target") + " " + in.SecretId + in.Name {
		case "secretsmanager.GetSecretValue roster/token":
			fmt.Fprintf(w, `{"SecretString":%q}`, canary)
		case "secretsmanager.GetSecretValue roster/json":
			fmt.Fprintf(w, `{"SecretString":%q}`, `{"token":"`+canary+`","number":5}`)
		case "secretsmanager.GetSecretValue roster/binary":
			fmt.Fprintf(w, `{"SecretBinary":"Y2FuYXJ5LThjMWYwMg=="}`)
		case "AmazonSSM.GetParameter /roster/token":
			value := "AQICencrypted"
			if in.WithDecryption {
				value = canary
			}
			fmt.Fprintf(w, `{"Parameter":{"Value":%q}}`, value)
		case "AmazonSSM.GetParameter /roster/gone":
			refuse("ParameterNotFound")
		default:
			refuse("ResourceNotFoundException")
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAWSStores(t *testing.T) {
	endpoint := awsEndpoint(t)
	r := &Resolver{}
	r.AWS = func(_ context.Context, region string) (aws.Config, error) {
		return aws.Config{Region: region, BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", canary, "")}, nil
	}
	const region = "eu-west-1"
	for _, test := range []struct {
		name string
		ref  schema.AWSRef
		want string
	}{
		{"a secret", schema.AWSRef{SecretsManager: "roster/token", Region: region}, ""},
		{"a secret of bytes", schema.AWSRef{SecretsManager: "roster/binary", Region: region}, ""},
		{"a key of a secret", schema.AWSRef{SecretsManager: "roster/json", Region: region, Key: "token"}, ""},
		{"a parameter, decrypted", schema.AWSRef{ParameterStore: "/roster/token", Region: region}, ""},
		{"a key of a secret that has none", schema.AWSRef{SecretsManager: "roster/token", Region: region, Key: "token"}, "is not a JSON object"},
		{"a key that is not there", schema.AWSRef{SecretsManager: "roster/json", Region: region, Key: "tokens"}, `has no text under the key "tokens"`},
		{"a key that is a number", schema.AWSRef{SecretsManager: "roster/json", Region: region, Key: "number"}, `has no text under the key "number"`},
		{"no such secret", schema.AWSRef{SecretsManager: "roster/gone", Region: region}, "read AWS secret roster/gone: ResourceNotFoundException: no such thing"},
		{"no such parameter", schema.AWSRef{ParameterStore: "/roster/gone", Region: region}, "read AWS parameter /roster/gone: ParameterNotFound"},
		{"a secret that is not allowed", schema.AWSRef{SecretsManager: "prod/database", Region: region}, "declarations may not read prod/database from AWS; allowed: roster/*"},
		{"no region", schema.AWSRef{SecretsManager: "roster/token"}, "no AWS region"},
	} {
		t.Run(test.name, func(t *testing.T) { wantSecret(t, r, &schema.SecretRef{AWS: &test.ref}, test.want) })
	}
}

// TestAWSFromTheEnvironment leaves everything to the SDK.
func TestAWSFromTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": awsEndpoint(t), "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": canary, "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	wantSecret(t, &Resolver{}, &schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "roster/token"}}, "")
}
