package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

// secretsDir creates a secrets directory with files and links, and a file outside of it.
func secretsDir(t *testing.T) (dir, outside string) {
	t.Helper()
	dir = t.TempDir()
	outside = filepath.Join(t.TempDir(), "outside")
	for name, content := range map[string]string{"good": "  " + canary + "\n", "empty": " \n", "open": canary,
		"big": strings.Repeat("x", maxSecret+1), "sub/deep": canary, "key": canary, outside: canary} {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o604); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "key"), filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"renamed": "key", "escape": outside, "up": "../..", "within": "good",
		"loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, outside
}

var testEnv = map[string]string{"ROSTER_SECRET_A": canary + " ", "ROSTER_SECRET_EMPTY": " ", "HOME_TOKEN": canary}

func TestResolve(t *testing.T) {
	dir, outside := secretsDir(t)
	r := &Resolver{Policy: Policy{SecretsDir: dir, ReservedFiles: []string{"/absent", filepath.Join(dir, "key")}},
		Getenv: func(name string) (string, bool) {
			v, ok := testEnv[name]
			return v, ok
		}}
	file := func(name string) *schema.SecretRef { return &schema.SecretRef{File: name} }
	for _, test := range []struct {
		name string
		ref  *schema.SecretRef
		want string // part of the error; if empty, the result is the canary
	}{
		{"a variable", &schema.SecretRef{Env: "ROSTER_SECRET_A"}, ""},
		{"an unset variable", &schema.SecretRef{Env: "ROSTER_SECRET_B"},
			"environment variable ROSTER_SECRET_B is empty or not set; set it"},
		{"an empty variable", &schema.SecretRef{Env: "ROSTER_SECRET_EMPTY"},
			"environment variable ROSTER_SECRET_EMPTY is empty or not set; set it"},
		{"a variable that is not allowed", &schema.SecretRef{Env: "HOME_TOKEN"},
			"declarations may not read environment variable HOME_TOKEN; allowed: ROSTER_SECRET_*"},
		{"a file", file("good"), ""},
		{"a file by its absolute path", file(filepath.Join(dir, "good")), ""},
		{"a file in a subdirectory", file("sub/deep"), ""},
		{"a link within the directory", file("within"), ""},
		{"a link out of the directory", file("escape"), "secret file escape: "},
		{"a path through a link out of the directory", file("up/etc/passwd"), "secret file up/etc/passwd: "},
		{"a link to itself", file("loop"), "secret file loop: "},
		{"a file that a flag names", file("key"), "declarations may not read secret file key: a flag of roster names"},
		{"a symbolic link to a file that a flag names", file("renamed"), "a flag of roster names this file"},
		{"a hard link to a file that a flag names", file("copy"), "a flag of roster names this file"},
		{"a path out of the directory", file("../outside"), "is not in --secrets-dir"},
		{"a path out of the directory in its middle", file("sub/../../outside"), "is not in --secrets-dir"},
		{"a file in another directory", file(outside), "is not in --secrets-dir"},
		{"a directory with the same prefix", file(dir + "-2/good"), "is not in --secrets-dir"},
		{"a directory", file("sub"), "secret file sub is not a regular file"},
		{"a missing file", file("absent"), "secret file absent does not exist in " + dir},
		{"an empty file", file("empty"), "secret file empty is empty"},
		{"a file that is readable by all users", file("open"),
			"secret file open is readable by all users (mode 0604); run chmod o-rwx on it"},
		{"a file that is too big", file("big"), "a secret may have at most 65536"},
		{"a command", &schema.SecretRef{Exec: []string{"cat", outside}},
			`declarations may not run "cat"; --allow-command sets the allowed commands`},
		{"no reference", nil, "no secret is declared"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.ref != nil {
				test.ref.Pos = schema.Pos{File: "provisioners/aws.cue", Line: 10, Column: 8}
			}
			v, err := r.Resolve(t.Context(), test.ref)
			switch {
			case test.want == "" && (err != nil || v.Reveal() != canary):
				t.Fatalf("got %q, %v", v.Reveal(), err)
			case test.want == "":
				return
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Fatalf("the error is %v; want %q", err, test.want)
			case test.ref != nil && !strings.HasPrefix(err.Error(), "provisioners/aws.cue:10:8: "):
				t.Errorf("the error does not start with the position: %v", err)
			case strings.Contains(err.Error(), canary):
				t.Errorf("the error contains the secret: %v", err)
			}
		})
	}
}

func TestPolicyWithoutSecretsDirAllowsNoFile(t *testing.T) {
	if _, err := (&Resolver{}).Resolve(t.Context(), &schema.SecretRef{File: "/etc/passwd"}); err == nil ||
		!strings.Contains(err.Error(), "declarations may not read secret files: --secrets-dir is not set") {
		t.Errorf("the error is %v", err)
	}
}
