package secret

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

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
	r := &Resolver{Policy: Policy{Commands: []string{script + " %", script, "printf %s %"}}}
	for _, test := range []struct {
		name string
		argv []string
		want string
	}{
		{"a command that prints", []string{script, "read"}, ""},
		{"a command runs without a shell", []string{"printf", "%s", canary}, ""},
		{"a command with arguments that are not allowed", []string{"printf", "%q", "x"},
			`may not run "printf" with these arguments`},
		{"a command that is not allowed", []string{"sh", "-c", "echo x"}, `may not run "sh"; --allow-command`},
		{"a command that fails", []string{script, "fail"}, "failed (exit status 3); run it as the user of roster"},
		{"a command that does not end", []string{script, "flood"}, "prints more than 65536 bytes"},
		{"a command that waits for input has none", []string{script, "input"}, "is empty"},
		{"a command that prints nothing", []string{script, "silent"}, "the output of " + script + " is empty"},
	} {
		t.Run(test.name, func(t *testing.T) { wantSecret(t, r, &schema.SecretRef{Exec: test.argv}, test.want) })
	}
	missing := &Resolver{Policy: Policy{Commands: []string{"/nowhere/manager"}}}
	wantSecret(t, missing, &schema.SecretRef{Exec: []string{"/nowhere/manager"}},
		"run command: /nowhere/manager does not exist")
}

// sopsCommand builds the sops command, once per machine, and adds it to PATH.
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
	keys, public := newIdentity(t)
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
		{"a missing key", allowed, "secrets/aws.yaml", yaml, "scim.tokens",
			"decrypt key scim.tokens of sops file secrets/aws.yaml: command \"sops\" failed"},
		{"sops is not allowed", &Resolver{}, "secrets/aws.yaml", yaml, "scim.token", "may not use sops files"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantSecret(t, test.r, &schema.SecretRef{Sops: &schema.SopsRef{File: test.file, Key: test.key},
				Ciphertext: test.sealed}, test.want)
		})
	}
	t.Setenv("SOPS_AGE_KEY_FILE", "/nowhere")
	ref := &schema.SecretRef{Sops: &schema.SopsRef{File: "aws.yaml", Key: "scim.token"}, Ciphertext: yaml}
	wantSecret(t, allowed, ref, "failed")
}
