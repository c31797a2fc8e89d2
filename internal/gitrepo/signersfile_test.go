package gitrepo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func FuzzAllowedSigners(f *testing.F) {
	_, key := newKeyFile(f, "")
	f.Add(allowedLine(key, `namespaces="git,x",valid-after="20260101Z",cert-authority`))
	f.Add("\"")
	f.Fuzz(func(t *testing.T, file string) {
		p := &Policy{}
		if p.Allow([]byte(file)) == nil && len(p.ssh) > strings.Count(file, "\n")+1 {
			t.Fatal("more keys than lines")
		}
	})
}

// newOpenPGPKey creates a key with gpg. It returns the file of the private key, and the public key.
func newOpenPGPKey(t testing.TB, name string) (secret string, public []byte) {
	t.Helper()
	gnupg, err := os.MkdirTemp("", "gnupg-*") // the paths of its sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) []byte {
		options := []string{"--homedir", gnupg, "--batch", "--quiet", "--passphrase", ""}
		cmd := exec.Command("gpg", append(options, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v", args, err)
		}
		return out
	}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", gnupg, "--kill", "all").Run()
		os.RemoveAll(gnupg)
	})
	run("--faked-system-time", "20250101T000000", "--quick-gen-key", name, "ed25519", "sign", "never")
	secret = filepath.Join(t.TempDir(), "key.asc")
	must(0, os.WriteFile(secret, run("--armor", "--export-secret-keys"), 0o600))
	return secret, run("--armor", "--export")
}

func TestASignersFileCanHaveSSHAndOpenPGPKeys(t *testing.T) {
	secret, public := newOpenPGPKey(t, "Alice <alice@example.com>")
	_, bobsKey := newOpenPGPKey(t, "Bob <bob@example.com>")
	keyFile, key := newKeyFile(t, "")
	r := newWorkingCopy(t)
	pgpSigned := signedCommit(t, r, must(OpenPGPSigner(secret, "")))
	sshSigned := signedCommit(t, r, must(SSHSigner(keyFile, "")))
	file := func(dates string) string {
		return "# people\n" + allowedLine(key, "") + "\n# Bob left\n# valid-before=20260101\n" + string(bobsKey) +
			"\n" + dates + "\n" + string(public)
	}
	for _, c := range []struct {
		name, file string
		pgp, ssh   string // the expected errors; "": accepted
	}{
		{"no dates", file(""), "", ""},
		{"a date before", file("# valid-before=20270101"), "", ""},
		{"a date before that has passed", file("# valid-before=20260101"), "which was valid only until 2026-01-01", ""},
		{"a date after in the future", file("# Alice, from next year on: valid-after=20270101"),
			"which is valid only from 2027-01-01", ""},
		{"dates of another key",
			strings.Replace(file(""), "valid-before=20260101", "valid-before=20200101", 1), "", ""},
		{"an SSH key with dates",
			strings.Replace(file(""), "alice@example.com ", `alice@example.com valid-before="20260101" `, 1),
			"", "which was valid only until"},
		{"another file", allowedLine(key, ""), "which is not allowed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "signers")
			must(0, os.WriteFile(name, []byte(c.file), 0o644))
			p, err := ReadPolicy(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range []struct {
				commit  Commit
				wantErr string
			}{{pgpSigned, c.pgp}, {sshSigned, c.ssh}} {
				_, err := Verify(v.commit, p)
				if v.wantErr == "" && err != nil || v.wantErr != "" && !refused(err, v.wantErr) {
					t.Errorf("got %v, want %q", err, v.wantErr)
				}
			}
			if !strings.Contains(c.file, "BEGIN PGP") {
				return
			}
			gnupg, err := os.MkdirTemp("", "gnupg-*")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(gnupg)
			out, err := exec.Command("gpg", "--homedir", gnupg, "--batch", "--import", name).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "imported: 2") {
				t.Errorf("gpg does not import it: %v\n%s", err, out)
			}
		})
	}
}

func TestInvalidSignersFiles(t *testing.T) {
	_, key := newKeyFile(t, "")
	for _, c := range []struct{ name, file, wantErr string }{
		{"no key", "# comment\n", "the file has no key"},
		{"a key block without an end", "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc\n",
			"line 2: the key block has no end"},
		{"an invalid key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcd\n-----END PGP PUBLIC KEY BLOCK-----\n",
			"line 1: read OpenPGP keys"},
		{"an invalid date", "# valid-before=tomorrow\n", `line 1: invalid time "tomorrow": want YYYYMMDD`},
		{"a date for an SSH key in a comment", "# valid-before=20260101\n" + allowedLine(key, ""),
			"line 2: dates in a comment apply to OpenPGP keys only"},
		{"a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "line 1: want principals"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "signers")
			must(0, os.WriteFile(name, []byte(c.file), 0o644))
			_, err := ReadPolicy(name)
			if err == nil || !strings.Contains(err.Error(), c.wantErr) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want %q", err, c.wantErr)
			}
		})
	}
	if _, err := ReadPolicy(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error for an absent file")
	}
}

func TestInvalidLinesOfAllowedSigners(t *testing.T) {
	_, key := newKeyFile(t, "")
	plainKey := string(ssh.MarshalAuthorizedKey(key))
	for line, wantErr := range map[string]string{
		plainKey:                                      "line 1: want principals",
		"alice@example.com\n":                         "line 1: want principals",
		"alice@example.com ssh-ed25519 AA\n":          "want principals, options, key type and key",
		allowedLine(key, "valid-before=\"tomorrow\""): "want YYYYMMDD",
		allowedLine(key, "no-touch-required"):         `unknown option "no-touch-required"`,
		"# fine\n\n\"alice " + plainKey:               "line 3: the quotes",
	} {
		if err := (&Policy{}).Allow([]byte(line)); err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %v, want %q", line, err, wantErr)
		}
	}
	p := policy(t, `"Alice Ng,alice@example.com" `+plainKey)
	if p.ssh[0].principals != "Alice Ng,alice@example.com" {
		t.Errorf("quoted principals: %+v", p.ssh[0])
	}
}
