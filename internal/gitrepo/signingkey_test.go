package gitrepo

import (
	"strings"
	"testing"
)

func TestASigningKeyHasItsPublicKey(t *testing.T) {
	secret, _ := newOpenPGPKey(t, "Alice <alice@example.com>")
	sshKey, _ := newKeyFile(t, "")
	encrypted, _ := newKeyFile(t, "passphrase")
	r := newWorkingCopy(t)
	for _, c := range []struct{ file, passphrase string }{{secret, ""}, {sshKey, ""}, {encrypted, "passphrase"}} {
		key, err := ReadSigningKey(c.file, c.passphrase)
		if err != nil {
			t.Fatal(err)
		}
		p := &Policy{}
		if err := p.Allow(key.Public); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(signedCommit(t, r, key.Sign), p); err != nil {
			t.Error(err)
		}
	}
	if _, err := ReadSigningKey(encrypted, ""); err == nil || !strings.Contains(err.Error(), "give its passphrase") {
		t.Errorf("an encrypted key without a passphrase: %v", err)
	}
	if _, err := ReadSigningKey(encrypted, "wrong"); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong passphrase: %v", err)
	}
}
