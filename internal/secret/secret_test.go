package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

const canary = "canary-8c1f02"

// container has secrets in unexported fields, whose methods fmt cannot call.
type container struct {
	Exported   Value
	unexported Value
	list       []Value
}

func TestValueIsNotPrinted(t *testing.T) {
	v := NewValue(canary)
	if v.Reveal() != canary || (Value{}).Reveal() != "" {
		t.Fatal("Reveal does not return the secret")
	}
	for _, subject := range []any{v, &v, []Value{v}, map[string]Value{"a": v}, container{v, v, []Value{v}},
		&container{v, v, []Value{v}}, any(v),
		fmt.Errorf("get token %v: %w", v, os.ErrPermission)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
			if out := fmt.Sprintf(verb, subject); strings.Contains(out, canary) ||
				strings.Contains(out, fmt.Sprintf("%x", canary)) {
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

// wantSecret resolves a reference. The result must be the canary or, if want is not empty, an error
// that contains want and not the canary.
func wantSecret(t *testing.T, r *Resolver, ref *schema.SecretRef, want string) {
	t.Helper()
	v, err := r.Resolve(t.Context(), ref)
	switch {
	case want == "" && (err != nil || v.Reveal() != canary):
		t.Errorf("got %q, %v", v.Reveal(), err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("the error is %v; want %q", err, want)
	case err != nil && strings.Contains(err.Error(), canary):
		t.Errorf("the error contains the secret: %v", err)
	}
}

// TestMain panics with a secret if a test has started the test binary for that.
func TestMain(m *testing.M) {
	switch os.Getenv("ROSTER_TEST_PANIC") {
	case "value":
		panic(NewValue(os.Getenv("ROSTER_TEST_SECRET")))
	case "container":
		panic(container{unexported: NewValue(os.Getenv("ROSTER_TEST_SECRET"))})
	case "error":
		panic(fmt.Errorf("use %v: %w", NewValue(os.Getenv("ROSTER_TEST_SECRET")), os.ErrPermission))
	}
	os.Exit(m.Run())
}

func TestPanicDoesNotPrintTheSecret(t *testing.T) {
	for _, kind := range []string{"value", "container", "error"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ROSTER_TEST_PANIC="+kind, "ROSTER_TEST_SECRET="+canary)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: ") || strings.Contains(string(out), canary) {
			t.Errorf("the panic with %s ends with %v and prints\n%s", kind, err, out)
		}
	}
}
