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

// allowedLine writes a line of an allowed signers file.
func allowedLine(key ssh.PublicKey, options string) string {
	return strings.TrimSpace("alice@example.com "+options) + " " + string(ssh.MarshalAuthorizedKey(key))
}

func policy(t testing.TB, lines ...string) *Policy {
	t.Helper()
	p := &Policy{}
	if err := p.Allow([]byte("# who may\n\n" + strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	return p
}

// signedCommit makes a signed commit on the branch "signed" and returns it.
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

// refused reports whether the error is a SignatureError that says so.
func refused(err error, says string) bool {
	var e *SignatureError
	return errors.As(err, &e) && !e.Commit.IsZero() && strings.Contains(err.Error(), says)
}

func TestSSHSignaturesAreThoseOfGit(t *testing.T) {
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
	if out := runGit(t, dir, "verify-commit", ours.Hash.String()); !strings.Contains(out, `Good "git" signature for alice@example.com`) {
		t.Errorf("git says: %s", out)
	}
	who, err := Verify(ours, policy(t, allowedLine(key, "")))
	if err != nil || who.Name != "alice@example.com" || who.Key != ssh.FingerprintSHA256(key) {
		t.Errorf("our own: %+v, %v", who, err)
	}
	runGit(t, dir, "commit", "-q", "-S", "--allow-empty", "-m", "by git\n\nbody")
	theirs := must(r.Commit(head(t, r, "main")))
	if _, err := Verify(theirs, policy(t, allowedLine(key, ""))); err != nil {
		t.Errorf("git's: %v", err)
	}
	runGit(t, dir, "tag", "-s", "-m", "a signed tag", "v1")
	runGit(t, dir, "checkout", "-q", "-b", "topic", "main~1")
	runGit(t, dir, "merge", "-q", "-S", "--no-ff", "-m", "merge a tag", "v1") // has a mergetag header
	merge := must(r.Commit(head(t, r, "topic")))
	if _, err := Verify(merge, policy(t, allowedLine(key, ""))); err != nil || len(merge.Parents) != 2 {
		t.Errorf("a merge of a signed tag: %v, %d parents", err, len(merge.Parents))
	}
	if err := r.VerifyLog(t.Context(), merge.Hash, must(r.Resolve("main~1")), policy(t, allowedLine(key, ""))); err != nil {
		t.Errorf("all of it: %v", err)
	}
	if err := r.VerifyLog(t.Context(), merge.Hash, Hash{}, policy(t, allowedLine(key, ""))); !refused(err, "is not signed") || !strings.Contains(err.Error(), must(r.Resolve("main~1")).String()) {
		t.Errorf("with the unsigned first one: %v", err)
	}
}

func TestSSHSignaturesThatDoNotCount(t *testing.T) {
	r := newWorkingCopy(t)
	keyFile, key := newKeyFile(t, "")
	_, other := newKeyFile(t, "")
	c := signedCommit(t, r, must(SSHSigner(keyFile, "")))
	tampered := func(change func(*Commit)) Commit { x := c; change(&x); return x }
	good := policy(t, allowedLine(key, ""))
	for _, tt := range []struct {
		name   string
		commit Commit
		policy *Policy
		says   string // "" if it counts
	}{
		{"the key is allowed", c, good, ""},
		{"the key is on the second line", c, policy(t, allowedLine(other, ""), allowedLine(key, "")), ""},
		{"a new key took over before", c, policy(t, allowedLine(key, `valid-before="20261101"`)), "which counted until 2026-11-01"},
		{"the old key still counted", c, policy(t, allowedLine(key, `valid-after="20251101Z",valid-before="202611240000"`)), ""},
		{"the key does not count yet", c, policy(t, allowedLine(key, `valid-after="20261123080001Z"`)), "which counts from 2026-11-23T08:00:01Z"},
		{"the key counts from that second", c, policy(t, allowedLine(key, `valid-after="20261123080000Z"`)), ""},
		{"the key is for files", c, policy(t, allowedLine(key, `namespaces="file"`)), "which is not allowed"},
		{"the key is for files and git", c, policy(t, allowedLine(key, `namespaces="file,git"`)), ""},
		{"nobody is allowed", c, &Policy{}, "which is not allowed"},
		{"there is no policy", c, nil, "which is not allowed"},
		{"another key is allowed", c, policy(t, allowedLine(other, "")), "which is not allowed"},
		{"the key is allowed as an authority only", c, policy(t, allowedLine(key, "cert-authority")), "which is not allowed"},
		{"no signature", tampered(func(c *Commit) { c.Signature = "" }), good, "is not signed"},
		{"another content", tampered(func(c *Commit) { c.payload = append([]byte("x"), c.payload...) }), good, "wrong SSH signature"},
		{"two signatures", tampered(func(c *Commit) { c.Signature += c.Signature }), good, "more than one"},
		{"a torn signature", tampered(func(c *Commit) { c.Signature = c.Signature[:80] }), good, "malformed"},
		{"a signature of another kind", tampered(func(c *Commit) { c.Signature = "-----BEGIN SIGNED MESSAGE-----\n" }), good, "neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Verify(tt.commit, tt.policy)
			if tt.says == "" && err != nil || tt.says != "" && !refused(err, tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
	// A signature that is right in itself, over the same bytes, for another use.
	file := filepath.Join(t.TempDir(), "payload")
	must(0, os.WriteFile(file, c.payload, 0o600))
	runShell(t, "ssh-keygen -q -Y sign -n file -f "+keyFile+" "+file)
	sig := must(os.ReadFile(file + ".sig"))
	if _, err := Verify(tampered(func(c *Commit) { c.Signature = string(sig) }), good); !refused(err, "namespace") {
		t.Errorf("a signature over a file: %v", err)
	}
}

func TestAllowedSignersThatCannotBeRead(t *testing.T) {
	_, key := newKeyFile(t, "")
	plainKey := string(ssh.MarshalAuthorizedKey(key))
	for line, says := range map[string]string{
		plainKey:                                      "line 1: want principals",
		"alice@example.com\n":                         "line 1: want principals",
		"alice@example.com ssh-ed25519 AA\n":          "want principals, options, key type and key",
		allowedLine(key, "valid-before=\"tomorrow\""): "want YYYYMMDD",
		allowedLine(key, "no-touch-required"):         `unknown option "no-touch-required"`,
		"# fine\n\n\"alice " + plainKey:               "line 3: the quotes",
	} {
		if err := (&Policy{}).Allow([]byte(line)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", line, err, says)
		}
	}
	p := policy(t, `"Alice Ng,alice@example.com" `+plainKey)
	if p.ssh[0].principals != "Alice Ng,alice@example.com" {
		t.Errorf("quoted principals: %+v", p.ssh[0])
	}
}

func TestSSHCertificates(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	keys := t.TempDir()
	runShell(t, "cd "+keys+` && ssh-keygen -q -t ed25519 -N '' -f ca && ssh-keygen -q -t ed25519 -N '' -f user &&
		ssh-keygen -q -s ca -I alice -n alice@example.com -V 20260101:20270101 user.pub`)
	ca, _, _, _, err := ssh.ParseAuthorizedKey(must(os.ReadFile(filepath.Join(keys, "ca.pub"))))
	if err != nil {
		t.Fatal(err)
	}
	runGit(t, dir, "config", "gpg.format", "ssh")
	runGit(t, dir, "config", "user.signingkey", filepath.Join(keys, "user-cert.pub"))
	commit := func(date string) Commit {
		t.Setenv("GIT_COMMITTER_DATE", date)
		runGit(t, dir, "commit", "-q", "-S", "--allow-empty", "-m", "m")
		return must(r.Commit(head(t, r, "main")))
	}
	within, after := commit("2026-06-01T00:00:00Z"), commit("2027-06-01T00:00:00Z")
	line := func(principals string) *Policy {
		return policy(t, principals+" cert-authority "+string(ssh.MarshalAuthorizedKey(ca)))
	}
	if _, err := Verify(within, line("*@example.com")); err != nil {
		t.Errorf("of the right authority: %v", err)
	}
	if _, err := Verify(after, line("*@example.com")); !refused(err, "certificate does not count") {
		t.Errorf("expired: %v", err)
	}
	if _, err := Verify(within, line("*@example.com,!alice@*")); !refused(err, "names nobody who is allowed") {
		t.Errorf("somebody else: %v", err)
	}
	if _, err := Verify(within, policy(t, "alice@example.com "+string(ssh.MarshalAuthorizedKey(ca)))); !refused(err, "which is not allowed") {
		t.Errorf("an authority that is only a key: %v", err)
	}
}

func TestOpenPGPSignaturesAreThoseOfGit(t *testing.T) {
	gnupg, err := os.MkdirTemp("", "gnupg-*") // sockets there need a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", gnupg, "--kill", "all").Run()
		os.RemoveAll(gnupg)
	})
	t.Setenv("GNUPGHOME", gnupg)
	runShell(t, `gpg --batch --quiet --faked-system-time 20260101T000000 --passphrase '' --quick-gen-key 'Alice Ng <alice@example.com>' ed25519 sign 2027-01-01`)
	public := must(exec.Command("gpg", "--armor", "--export").Output())
	secret := filepath.Join(t.TempDir(), "key.asc")
	must(0, os.WriteFile(secret, must(exec.Command("gpg", "--armor", "--export-secret-keys").Output()), 0o600))
	allow := func(after, before time.Time) *Policy {
		p := &Policy{}
		must(0, p.AllowOpenPGP(public, after, before))
		return p
	}
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	ours := signedCommit(t, r, must(OpenPGPSigner(secret, "")))
	if out := runGit(t, dir, "verify-commit", ours.Hash.String()); !strings.Contains(out, `Good signature from "Alice Ng`) {
		t.Errorf("git says: %s", out)
	}
	who, err := Verify(ours, allow(time.Time{}, time.Time{}))
	if err != nil || who.Name != "Alice Ng <alice@example.com>" || len(who.Key) != 40 {
		t.Errorf("our own: %+v, %v", who, err)
	}
	write(t, gnupg, "gpg.conf", "faked-system-time 20260601T000000\n")
	runGit(t, dir, "commit", "-q", "-Salice@example.com", "--allow-empty", "-m", "by git")
	theirs := must(r.Commit(head(t, r, "main")))
	if _, err := Verify(theirs, allow(time.Time{}, time.Time{})); err != nil {
		t.Errorf("git's: %v", err)
	}
	write(t, gnupg, "gpg.conf", "faked-system-time 20260601T000000\ntextmode\n")
	text := theirs
	text.Signature = string(must(gpgSign(text.payload, "--textmode")))
	runShell(t, `gpg --batch --quiet --faked-system-time 20260602T000000 --quick-set-expire "$(gpg --list-keys --with-colons | awk -F: '/^fpr/ {print $10; exit}')" 2026-07-01`)
	shortened := &Policy{}
	must(0, shortened.AllowOpenPGP(must(exec.Command("gpg", "--armor", "--export").Output()), time.Time{}, time.Time{}))
	m := meta("late")
	m.When, m.Sign = day.AddDate(1, 0, 0), must(OpenPGPSigner(secret, ""))
	if _, err := encodeCommit(ours.Tree, nil, m); err == nil || !strings.Contains(err.Error(), "2027-11-23") {
		t.Errorf("signing with an expired key: %v", err)
	}
	changed := ours
	changed.payload = append([]byte("x"), ours.payload...)
	for _, tt := range []struct {
		name   string
		commit Commit
		policy *Policy
		says   string
	}{
		{"another content", changed, allow(time.Time{}, time.Time{}), "does not count"},
		{"nobody allowed", ours, &Policy{}, "which is not allowed"},
		{"before the key counts", ours, allow(day.Add(time.Second), time.Time{}), "which counts from"},
		{"after the key counted", ours, allow(time.Time{}, day.Add(-time.Second)), "which counted until"},
		{"after the key expired", ours, shortened, "expired"},
		{"a signature over text", text, allow(time.Time{}, time.Time{}), "over text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Verify(tt.commit, tt.policy); !refused(err, tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

func gpgSign(payload []byte, args ...string) ([]byte, error) {
	cmd := exec.Command("gpg", append(args, "--batch", "--quiet", "--armor", "--detach-sign")...)
	cmd.Stdin = bytes.NewReader(payload)
	return cmd.Output()
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		list, s string
		want    bool
	}{
		{"alice", "alice", true}, {"alice", "alicia", false}, {"*@example.com", "a@example.com", true}, {"*@example.com", "a@example.com.evil", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"*", "", true}, {"?", "", false}, {"*,!bob", "bob", false}, {"!bob", "alice", false}, {"x, alice", "alice", true},
		{"*a*b*c", "xxaxxbxxc", true}, {"*a*b*c", "xxaxxcxxb", false}, {strings.Repeat("*a", 50), strings.Repeat("a", 49), false},
	} {
		if got := matchPatterns(tt.list, tt.s); got != tt.want {
			t.Errorf("%q against %q: %v", tt.s, tt.list, got)
		}
	}
}
