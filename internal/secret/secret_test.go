package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

const canary = "canary-8c1f02"

// holder has a secret where fmt cannot call its methods.
type holder struct {
	Public Value
	hidden Value
	list   []Value
}

func TestValueHidesItself(t *testing.T) {
	v := NewValue(canary)
	if v.Reveal() != canary || (Value{}).Reveal() != "" {
		t.Fatal("Reveal does not return the secret")
	}
	for _, subject := range []any{v, &v, []Value{v}, map[string]Value{"a": v}, holder{v, v, []Value{v}}, &holder{v, v, []Value{v}}, any(v),
		fmt.Errorf("get token %v: %w", v, os.ErrPermission)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
			if out := fmt.Sprintf(verb, subject); strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T prints %s", verb, subject, out)
			}
		}
		encoded, err := json.Marshal(subject)
		if err != nil {
			t.Errorf("encode %T: %v", subject, err)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("text", "secret", subject)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "secret", subject, slog.Group("in", "it", subject))
		if out := string(encoded) + log.String(); strings.Contains(out, canary) {
			t.Errorf("%T is encoded as %s", subject, out)
		}
	}
	if out := fmt.Sprint(v); out != "[secret]" {
		t.Errorf("a secret prints as %q", out)
	}
	if out, err := json.Marshal(map[string]Value{"token": v}); err != nil || string(out) != `{"token":"[secret]"}` {
		t.Errorf("a secret encodes as %s, %v", out, err)
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	for name, content := range map[string]string{"good": "  " + canary + "\n", "empty": " \n", "open": canary, "big": strings.Repeat("x", maxSecret+1), "sub/deep": canary, outside: canary} {
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
	for link, target := range map[string]string{"escape": outside, "up": "../..", "within": "good", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"ROSTER_A": canary + " ", "ROSTER_EMPTY": " ", "HOME_TOKEN": canary}
	r := &Resolver{Policy: Policy{SecretsDir: dir}, Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	file := func(name string) *schema.SecretRef { return &schema.SecretRef{File: name} }
	for _, test := range []struct {
		name string
		ref  *schema.SecretRef
		want string // of the error; empty: the canary comes back
	}{
		{"a variable", &schema.SecretRef{Env: "ROSTER_A"}, ""},
		{"a variable that is not set", &schema.SecretRef{Env: "ROSTER_B"}, "the environment has no ROSTER_B; set it"},
		{"an empty variable", &schema.SecretRef{Env: "ROSTER_EMPTY"}, "the environment has no ROSTER_EMPTY; set it"},
		{"a variable that is not allowed", &schema.SecretRef{Env: "HOME_TOKEN"}, "declarations may not read HOME_TOKEN from the environment; allowed: ROSTER_*"},
		{"a file", file("good"), ""},
		{"a file by its whole path", file(filepath.Join(dir, "good")), ""},
		{"a file in a folder", file("sub/deep"), ""},
		{"a link that stays within", file("within"), ""},
		{"a link that leads out", file("escape"), "secret file escape: "},
		{"a path over a link that leads out", file("up/etc/passwd"), "secret file up/etc/passwd: "},
		{"a link to itself", file("loop"), "secret file loop: "},
		{"a path that leads out", file("../outside"), "is not below --secrets-dir"},
		{"a path that leads out in its middle", file("sub/../../outside"), "is not below --secrets-dir"},
		{"another folder's file", file(outside), "is not below --secrets-dir"},
		{"a neighbour whose name begins like the folder's", file(dir + "-2/good"), "is not below --secrets-dir"},
		{"a folder", file("sub"), "secret file sub is not a regular file"},
		{"no file", file("absent"), "secret file absent does not exist in " + dir},
		{"an empty file", file("empty"), "secret file empty is empty"},
		{"a file for everybody", file("open"), "secret file open may be read by everybody (mode 0604); chmod o-rwx it"},
		{"a file of megabytes", file("big"), "at most 65536 are read"},
		{"a command", &schema.SecretRef{Exec: []string{"cat", outside}}, `declarations may not run "cat"; --allow-command lists what they may`},
		{"nothing", nil, "no secret is declared"},
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
				t.Errorf("the error does not begin with the position: %v", err)
			case strings.Contains(err.Error(), canary):
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestPolicyWithoutSecretsDirectoryAllowsNoFile(t *testing.T) {
	if _, err := (&Resolver{}).Resolve(t.Context(), &schema.SecretRef{File: "/etc/passwd"}); err == nil ||
		!strings.Contains(err.Error(), "declarations may not read secret files: no --secrets-dir is set") {
		t.Errorf("the error is %v", err)
	}
}

// TestMain lets the test binary panic with a secret.
func TestMain(m *testing.M) {
	switch os.Getenv("ROSTER_TEST_PANIC") {
	case "value":
		panic(NewValue(os.Getenv("ROSTER_TEST_SECRET")))
	case "holder":
		panic(holder{hidden: NewValue(os.Getenv("ROSTER_TEST_SECRET"))})
	case "error":
		panic(fmt.Errorf("use %v: %w", NewValue(os.Getenv("ROSTER_TEST_SECRET")), os.ErrPermission))
	}
	os.Exit(m.Run())
}

func TestPanicsHideTheSecret(t *testing.T) {
	for _, kind := range []string{"value", "holder", "error"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ROSTER_TEST_PANIC="+kind, "ROSTER_TEST_SECRET="+canary)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: ") || strings.Contains(string(out), canary) {
			t.Errorf("the panic with %s ends with %v and prints\n%s", kind, err, out)
		}
	}
}
