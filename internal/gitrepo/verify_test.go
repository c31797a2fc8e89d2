package gitrepo

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// allowedLine returns a line of an allowed signers file.
func allowedLine(key ssh.PublicKey, options string) string {
	return strings.TrimSpace("alice@example.com "+options) + " " + string(ssh.MarshalAuthorizedKey(key))
}

func policy(t testing.TB, lines ...string) *Policy {
	t.Helper()
	p := &Policy{}
	if err := p.Allow([]byte("# comment\n\n" + strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	return p
}

// signedCommit creates a signed commit on the branch "signed" and returns it.
func signedCommit(t testing.TB, r *Repo, sign func([]byte) ([]byte, error)) Commit {
	t.Helper()
	m := meta("signed\n\nwith a body\n\n\n")
	m.Sign = sign
	at, _, err := r.Head("signed")
	if err != nil {
		t.Fatal(err)
	}
	h, err := r.Update(t.Context(), "signed", at, map[string][]byte{"f": []byte(at.String())}, m)
	if err != nil {
		t.Fatal(err)
	}
	return must(r.Commit(h))
}

// refused reports whether err is a SignatureError whose message contains wantErr.
func refused(err error, wantErr string) bool {
	var e *SignatureError
	return errors.As(err, &e) && !e.Commit.IsZero() && strings.Contains(err.Error(), wantErr)
}

func TestSSHSignaturesAreCompatibleWithGit(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	keyFile, key := newKeyFile(t, "")
	signers := filepath.Join(t.TempDir(), "allowed_signers")
	must(0, os.WriteFile(signers, []byte(allowedLine(key, "")), 0o644))
	write(t, filepath.Dir(keyFile), "id_ed25519.pub", string(ssh.MarshalAuthorizedKey(key)))
	runGit(t, dir, "config", "gpg.format", "ssh")
	runGit(t, dir, "config", "gpg.ssh.allowedSignersFile", signers)
	runGit(t, dir, "config", "user.signingkey", keyFile)

	ours := signedCommit(t, r, must(SSHSigner(keyFile, "")))
	out := runGit(t, dir, "verify-commit", ours.Hash.String())
	if !strings.Contains(out, `Good "git" signature for alice@example.com`) {
		t.Errorf("git reports: %s", out)
	}
	signer, err := Verify(ours, policy(t, allowedLine(key, "")))
	if err != nil || signer.Name != "alice@example.com" || signer.Key != ssh.FingerprintSHA256(key) {
		t.Errorf("our signature: %+v, %v", signer, err)
	}
	runGit(t, dir, "commit", "-q", "-S", "--allow-empty", "-m", "by git\n\nbody")
	theirs := must(r.Commit(head(t, r, "main")))
	if _, err := Verify(theirs, policy(t, allowedLine(key, ""))); err != nil {
		t.Errorf("git's signature: %v", err)
	}
	runGit(t, dir, "tag", "-s", "-m", "a signed tag", "v1")
	runGit(t, dir, "checkout", "-q", "-b", "topic", "main~1")
	runGit(t, dir, "merge", "-q", "-S", "--no-ff", "-m", "merge a tag", "v1") // has a mergetag header
	merge := must(r.Commit(head(t, r, "topic")))
	if _, err := Verify(merge, policy(t, allowedLine(key, ""))); err != nil || len(merge.Parents) != 2 {
		t.Errorf("a merge of a signed tag: %v, %d parents", err, len(merge.Parents))
	}
	first, allowed := must(r.Resolve("main~1")), policy(t, allowedLine(key, ""))
	if err := r.VerifyLog(t.Context(), merge.Hash, first, allowed); err != nil {
		t.Errorf("without the first commit: %v", err)
	}
	err = r.VerifyLog(t.Context(), merge.Hash, Hash{}, allowed)
	if !refused(err, "is not signed") || !strings.Contains(err.Error(), first.String()) {
		t.Errorf("with the first commit, which is not signed: %v", err)
	}
}

func TestOpenPGPSignaturesAreCompatibleWithGit(t *testing.T) {
	gnupg, err := os.MkdirTemp("", "gnupg-*") // the paths of its sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", gnupg, "--kill", "all").Run()
		os.RemoveAll(gnupg)
	})
	t.Setenv("GNUPGHOME", gnupg)
	runShell(t, `gpg --batch --quiet --faked-system-time 20260101T000000 --passphrase '' \
		--quick-gen-key 'Alice Ng <alice@example.com>' ed25519 sign 2027-01-01`)
	public := must(exec.Command("gpg", "--armor", "--export").Output())
	secret := filepath.Join(t.TempDir(), "key.asc")
	exported := must(exec.Command("gpg", "--armor", "--export-secret-keys").Output())
	must(0, os.WriteFile(secret, exported, 0o600))
	allow := func(after, before time.Time) *Policy {
		p := &Policy{}
		must(0, p.AllowOpenPGP(public, after, before))
		return p
	}
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	ours := signedCommit(t, r, must(OpenPGPSigner(secret, "")))
	out := runGit(t, dir, "verify-commit", ours.Hash.String())
	if !strings.Contains(out, `Good signature from "Alice Ng`) {
		t.Errorf("git reports: %s", out)
	}
	signer, err := Verify(ours, allow(time.Time{}, time.Time{}))
	if err != nil || signer.Name != "Alice Ng <alice@example.com>" || len(signer.Key) != 40 {
		t.Errorf("our signature: %+v, %v", signer, err)
	}
	write(t, gnupg, "gpg.conf", "faked-system-time 20260601T000000\n")
	runGit(t, dir, "commit", "-q", "-Salice@example.com", "--allow-empty", "-m", "by git")
	theirs := must(r.Commit(head(t, r, "main")))
	if _, err := Verify(theirs, allow(time.Time{}, time.Time{})); err != nil {
		t.Errorf("git's signature: %v", err)
	}
	write(t, gnupg, "gpg.conf", "faked-system-time 20260601T000000\ntextmode\n")
	text := theirs
	text.Signature = string(must(gpgSign(text.payload, "--textmode")))
	runShell(t, `gpg --batch --quiet --faked-system-time 20260602T000000 --quick-set-expire \
		"$(gpg --list-keys --with-colons | awk -F: '/^fpr/ {print $10; exit}')" 2026-07-01`)
	shortened := &Policy{}
	newPublic := must(exec.Command("gpg", "--armor", "--export").Output())
	must(0, shortened.AllowOpenPGP(newPublic, time.Time{}, time.Time{}))
	m := meta("late")
	m.When, m.Sign = day.AddDate(1, 0, 0), must(OpenPGPSigner(secret, ""))
	if _, err := encodeCommit(ours.Tree, nil, m); err == nil || !strings.Contains(err.Error(), "2027-11-23") {
		t.Errorf("signing with an expired key: %v", err)
	}
	changed := ours
	changed.payload = append([]byte("x"), ours.payload...)
	for _, tt := range []struct {
		name    string
		commit  Commit
		policy  *Policy
		wantErr string
	}{
		{"a changed payload", changed, allow(time.Time{}, time.Time{}), "has an invalid signature"},
		{"an empty policy", ours, &Policy{}, "which is not allowed"},
		{"before the key is valid", ours, allow(day.Add(time.Second), time.Time{}), "which is valid only from"},
		{"after the policy ends", ours, allow(time.Time{}, day.Add(-time.Second)), "which was valid only until"},
		{"after the key expired", ours, shortened, "expired"},
		{"a text signature", text, allow(time.Time{}, time.Time{}), "text signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Verify(tt.commit, tt.policy); !refused(err, tt.wantErr) {
				t.Errorf("got %v, want %q", err, tt.wantErr)
			}
		})
	}
}

func gpgSign(payload []byte, args ...string) ([]byte, error) {
	cmd := exec.Command("gpg", append(args, "--batch", "--quiet", "--armor", "--detach-sign")...)
	cmd.Stdin = bytes.NewReader(payload)
	return cmd.Output()
}
