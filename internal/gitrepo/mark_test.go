package gitrepo

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/seed-d64a251c/roster/internal/textfile"
)

// Editors write a byte-order mark into keys and lists of keys. What roster parses itself is read as
// if there was none; a file that a library reads is an error that names the mark.
func TestFilesOfKeysMayBeginWithAByteOrderMark(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	write := func(content string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	if _, err := readSSHKey(write(textfile.Mark+string(pem.EncodeToMemory(block))), ""); err != nil {
		t.Errorf("an SSH key: %v", err)
	}
	if _, err := ReadSigningKey(write(textfile.Mark+string(pem.EncodeToMemory(block))), ""); err != nil {
		t.Errorf("a signing key: %v", err)
	}
	if _, err := ReadPolicy(write(textfile.Mark + "ann@example.com " + line + "\n")); err != nil {
		t.Errorf("a signers file: %v", err)
	}
	known := "git.example.com " + line + "\n"
	if _, err := knownHostsFiles(Auth{KnownHostsFiles: []string{write(known)}}); err != nil {
		t.Errorf("known hosts: %v", err)
	}
	for name, content := range map[string]string{
		"begins with a byte-order mark; save it as UTF-8 without one": textfile.Mark + known,
		"the file is UTF-16, not UTF-8; save it as UTF-8":             "\xff\xfeg\x00i\x00",
	} {
		if _, err := knownHostsFiles(Auth{KnownHostsFiles: []string{write(content)}}); err == nil ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("known hosts: %v, want %q", err, name)
		}
	}
}
