package secret

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/seed-d64a251c/roster/schema"
)

// newIdentity creates a file with an age identity and returns its name and public key.
func newIdentity(t *testing.T) (name string, public *age.X25519Recipient) {
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

// encrypt encrypts the canary.
func encrypt(t *testing.T, to age.Recipient, armored bool) []byte {
	t.Helper()
	var out strings.Builder
	var sink io.Writer = &out
	closeArmor := func() error { return nil }
	if armored {
		w := armor.NewWriter(&out)
		sink, closeArmor = w, w.Close
	}
	w, err := age.Encrypt(sink, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { _, err := io.WriteString(w, canary+"\n"); return err }, w.Close, closeArmor} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return []byte(out.String())
}

func TestAgeFiles(t *testing.T) {
	name, public := newIdentity(t)
	other, _ := newIdentity(t)
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
	sealed := encrypt(t, public, false)
	corrupted := append([]byte{}, sealed...)
	corrupted[len(corrupted)-1] ^= 1
	for _, test := range []struct {
		name, identity string
		sealed         []byte
		want           string
	}{
		{"a file for the identity", name, sealed, ""},
		{"an armored file for the identity", name, encrypt(t, public, true), ""},
		{"a file for another identity", other, sealed, "is not encrypted for the identities in " + other},
		{"a corrupted file", name, corrupted, "decrypt age file secrets/aws.age"},
		{"a truncated file", name, sealed[:len(sealed)-20], "decrypt age file secrets/aws.age"},
		{"no identity", "", sealed, "--age-identity is not set"},
		{"a missing identity", name + ".missing", sealed, "read the age identity"},
		{"an identity that is readable by all users", open, sealed, "is readable by all users (mode 0644)"},
		{"a file without an identity", name + ".bad", sealed, "is not a file of age identities"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantSecret(t, &Resolver{AgeIdentity: test.identity}, &schema.SecretRef{Age: "secrets/aws.age",
				Ciphertext: test.sealed}, test.want)
		})
	}
}
