package gitrepo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Merge commits are made by a forge, by a user, or with changes that neither branch has.
func TestPolicyForMergeCommits(t *testing.T) {
	alice, aliceKey := newKeyFile(t, "")
	forge, forgeKey := newKeyFile(t, "")
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	settings := [][2]string{{"gpg.format", "ssh"}, {"commit.gpgsign", "true"}, {"user.signingkey", alice}}
	for _, pair := range settings {
		runGit(t, dir, "config", pair[0], pair[1])
	}
	commit := func(name, content string) {
		write(t, dir, name, content)
		runGit(t, dir, "add", "-A")
		runGit(t, dir, "commit", "-q", "-m", name)
	}
	commit("shared", "1\n2\n3\n4\n5\n6\n7\n8\n9\n")
	base := head(t, r, "main")
	runGit(t, dir, "checkout", "-q", "-b", "topic")
	commit("shared", "one\n2\n3\n4\n5\n6\n7\n8\n9\n")
	runGit(t, dir, "checkout", "-q", "-b", "clash", base.String())
	commit("shared", "1\n2\n3\n4\n5\n6\n7\n8\nneuf\n")
	runGit(t, dir, "checkout", "-q", "-b", "unsigned", base.String())
	runGit(t, dir, "commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "unsigned")
	runGit(t, dir, "checkout", "-q", "main")
	commit("shared", "1\n2\n3\n4\n5\n6\n7\n8\nnine\n")
	clean, signed := []string{"--no-ff", "-q", "-m", "merge"}, []string{"-c", "user.signingkey=" + forge}
	merge := func(config []string, args ...string) Hash {
		t.Helper()
		runGit(t, dir, "checkout", "-q", "--detach", "main")
		cmd := exec.Command("git", append(append(append([]string{}, config...), "merge"), args...)...)
		cmd.Dir = dir
		conflict := cmd.Run() != nil
		if conflict {
			write(t, dir, "shared", "1\n2\n3\n4\n5\n6\n7\n8\nnueve\n")
			runGit(t, dir, append(append([]string{}, config...), "commit", "-q", "-a", "--no-edit")...)
		}
		return must(ParseHash(runGit(t, dir, "rev-parse", "HEAD")))
	}
	tampered := func(config []string, args ...string) Hash {
		merge(config, args...)
		write(t, dir, "shared", "one\n2\n3\n4\nMALLORY\n6\n7\n8\nnine\n")
		runGit(t, dir, append(append([]string{}, config...), "commit", "-q", "-a", "--amend", "--no-edit")...)
		return must(ParseHash(runGit(t, dir, "rev-parse", "HEAD")))
	}
	unsigned := []string{"-c", "commit.gpgsign=false"}
	keys := policy(t, allowedLine(forgeKey, ""))
	with := func(merges *Policy, bare bool) *Policy {
		p := policy(t, allowedLine(aliceKey, ""))
		p.AllowMerges(merges, bare)
		return p
	}
	for _, c := range []struct {
		name    string
		head    Hash
		p       *Policy
		wantErr string // "": accepted
	}{
		{"signed by a person", merge(nil, append(clean, "topic")...), with(nil, false), ""},
		{"signed by the forge, whose key may sign merges",
			merge(signed, append(clean, "topic")...), with(keys, false), ""},
		{"signed by the forge, whose key is not allowed",
			merge(signed, append(clean, "topic")...), with(nil, true), "which is not allowed"},
		{"unsigned, which is allowed", merge(unsigned, append(clean, "topic")...), with(nil, true), ""},
		{"unsigned, which is not allowed",
			merge(unsigned, append(clean, "topic")...), with(keys, false), "is not signed"},
		{"of a branch with an unsigned commit",
			merge(signed, append(clean, "unsigned")...), with(keys, true), "is not signed"},
		{"with a change of its own, signed by the forge",
			tampered(signed, append(clean, "topic")...), with(keys, true), "changes that its parents do not have"},
		{"with a change of its own, unsigned",
			tampered(unsigned, append(clean, "topic")...), with(keys, true), "changes that its parents do not have"},
		{"with a change of its own, signed by a person",
			tampered(nil, append(clean, "topic")...), with(keys, true), ""},
		{"of a conflict, signed by the forge",
			merge(signed, append(clean, "clash")...), with(keys, true),
			"made by hand, because the changes conflict in shared"},
		{"of a conflict, signed by a person", merge(nil, append(clean, "clash")...), with(keys, true), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := r.VerifyLog(t.Context(), c.head, base, c.p)
			if c.wantErr == "" && err != nil || c.wantErr != "" && !refused(err, c.wantErr) {
				t.Errorf("got %v, want %q", err, c.wantErr)
			}
		})
	}
	t.Run("a commit signed by the forge that is not a merge", func(t *testing.T) {
		runGit(t, dir, "checkout", "-q", "--detach", "main")
		runGit(t, dir, "-c", "user.signingkey="+forge, "commit", "-q", "--allow-empty", "-m", "squashed")
		at := must(ParseHash(runGit(t, dir, "rev-parse", "HEAD")))
		err := r.VerifyLog(t.Context(), at, base, with(keys, true))
		if !refused(err, "which is not allowed") || !strings.Contains(err.Error(), at.String()) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPolicyForSSHSignatures(t *testing.T) {
	r := newWorkingCopy(t)
	keyFile, key := newKeyFile(t, "")
	_, other := newKeyFile(t, "")
	c := signedCommit(t, r, must(SSHSigner(keyFile, "")))
	tampered := func(change func(*Commit)) Commit { x := c; change(&x); return x }
	good := policy(t, allowedLine(key, ""))
	for _, tt := range []struct {
		name    string
		commit  Commit
		policy  *Policy
		wantErr string // "": accepted
	}{
		{"the key is allowed", c, good, ""},
		{"the key is on the second line", c, policy(t, allowedLine(other, ""), allowedLine(key, "")), ""},
		{"the key has expired", c, policy(t, allowedLine(key, `valid-before="20261101"`)),
			"which was valid only until 2026-11-01"},
		{"the key has not expired yet", c,
			policy(t, allowedLine(key, `valid-after="20251101Z",valid-before="202611240000"`)), ""},
		{"the key is not valid yet", c, policy(t, allowedLine(key, `valid-after="20261123080001Z"`)),
			"which is valid only from 2026-11-23T08:00:01Z"},
		{"the key is valid from that second on", c, policy(t, allowedLine(key, `valid-after="20261123080000Z"`)), ""},
		{"the key is for files", c, policy(t, allowedLine(key, `namespaces="file"`)), "which is not allowed"},
		{"the key is for files and git", c, policy(t, allowedLine(key, `namespaces="file,git"`)), ""},
		{"the policy is empty", c, &Policy{}, "which is not allowed"},
		{"there is no policy", c, nil, "which is not allowed"},
		{"another key is allowed", c, policy(t, allowedLine(other, "")), "which is not allowed"},
		{"the key may sign certificates only", c,
			policy(t, allowedLine(key, "cert-authority")), "which is not allowed"},
		{"no signature", tampered(func(c *Commit) { c.Signature = "" }), good, "is not signed"},
		{"a changed payload", tampered(func(c *Commit) { c.payload = append([]byte("x"), c.payload...) }), good,
			"invalid SSH signature"},
		{"two signatures", tampered(func(c *Commit) { c.Signature += c.Signature }), good, "more than one"},
		{"a truncated signature", tampered(func(c *Commit) { c.Signature = c.Signature[:80] }), good, "malformed"},
		{"a signature of another kind",
			tampered(func(c *Commit) { c.Signature = "-----BEGIN SIGNED MESSAGE-----\n" }), good, "neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Verify(tt.commit, tt.policy)
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && !refused(err, tt.wantErr) {
				t.Errorf("got %v, want %q", err, tt.wantErr)
			}
		})
	}
	// A valid signature of the same bytes, but for another namespace.
	file := filepath.Join(t.TempDir(), "payload")
	must(0, os.WriteFile(file, c.payload, 0o600))
	runShell(t, "ssh-keygen -q -Y sign -n file -f "+keyFile+" "+file)
	sig := must(os.ReadFile(file + ".sig"))
	if _, err := Verify(tampered(func(c *Commit) { c.Signature = string(sig) }), good); !refused(err, "namespace") {
		t.Errorf("the signature of a file: %v", err)
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
		t.Errorf("a valid certificate: %v", err)
	}
	if _, err := Verify(after, line("*@example.com")); !refused(err, "certificate is not valid") {
		t.Errorf("an expired certificate: %v", err)
	}
	if _, err := Verify(within, line("*@example.com,!alice@*")); !refused(err, "has no allowed principal") {
		t.Errorf("a certificate of another person: %v", err)
	}
	keyOnly := policy(t, "alice@example.com "+string(ssh.MarshalAuthorizedKey(ca)))
	if _, err := Verify(within, keyOnly); !refused(err, "which is not allowed") {
		t.Errorf("the authority is allowed as a key only: %v", err)
	}
}
