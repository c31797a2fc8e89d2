package gitrepo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newOpenPGPKey makes a key with gpg and returns its files, secret and public.
func newOpenPGPKey(t testing.TB, name string) (secret string, public []byte) {
	t.Helper()
	gnupg, err := os.MkdirTemp("", "gnupg-*") // sockets there need a short path
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) []byte {
		cmd := exec.Command("gpg", append([]string{"--homedir", gnupg, "--batch", "--quiet", "--passphrase", ""}, args...)...)
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

func TestASignersFileMixesKeysOfBothKinds(t *testing.T) {
	secret, public := newOpenPGPKey(t, "Alice <alice@example.com>")
	_, alsoPublic := newOpenPGPKey(t, "Bob <bob@example.com>")
	keyFile, key := newKeyFile(t, "")
	r := newWorkingCopy(t)
	pgp, sshSigned := signedCommit(t, r, must(OpenPGPSigner(secret, ""))), signedCommit(t, r, must(SSHSigner(keyFile, "")))
	file := func(dates string) string {
		return "# people\n" + allowedLine(key, "") + "\n# Bob left\n# valid-before=20260101\n" + string(alsoPublic) + "\n" + dates + "\n" + string(public)
	}
	for _, c := range []struct {
		name, file string
		pgp, ssh   string // why not; empty: fine
	}{
		{"no dates", file(""), "", ""},
		{"a date before", file("# valid-before=20270101"), "", ""},
		{"a date before that is over", file("# valid-before=20260101"), "which counted until 2026-01-01", ""},
		{"a date after that is not there yet", file("# Alice, from next year on: valid-after=20270101"), "which counts from 2027-01-01", ""},
		{"dates of another key", strings.Replace(file(""), "valid-before=20260101", "valid-before=20200101", 1), "", ""},
		{"an SSH key with dates", strings.Replace(file(""), "alice@example.com ", `alice@example.com valid-before="20260101" `, 1), "", "which counted until"},
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
				commit Commit
				says   string
			}{{pgp, c.pgp}, {sshSigned, c.ssh}} {
				if _, err := Verify(v.commit, p); v.says == "" && err != nil || v.says != "" && !refused(err, v.says) {
					t.Errorf("got %v, want %q", err, v.says)
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
			if out, err := exec.Command("gpg", "--homedir", gnupg, "--batch", "--import", name).CombinedOutput(); err != nil || !strings.Contains(string(out), "imported: 2") {
				t.Errorf("gpg does not import it: %v\n%s", err, out)
			}
		})
	}
}

func TestSignersFilesThatCannotBeRead(t *testing.T) {
	_, key := newKeyFile(t, "")
	for _, c := range []struct{ name, file, says string }{
		{"nothing in it", "# nobody\n", "no key in it"},
		{"a key that does not end", "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc\n", "line 2: the key does not end"},
		{"a key that is none", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcd\n-----END PGP PUBLIC KEY BLOCK-----\n", "line 1: read OpenPGP keys"},
		{"a date that is none", "# valid-before=tomorrow\n", `line 1: time "tomorrow": want YYYYMMDD`},
		{"a date for an SSH key in a comment", "# valid-before=20260101\n" + allowedLine(key, ""), "line 2: dates in a comment are for an OpenPGP key"},
		{"a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "line 1: want principals"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "signers")
			must(0, os.WriteFile(name, []byte(c.file), 0o644))
			if _, err := ReadPolicy(name); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	if _, err := ReadPolicy(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is fine")
	}
}

func TestASigningKeyKnowsItsPublicHalf(t *testing.T) {
	secret, _ := newOpenPGPKey(t, "Alice <alice@example.com>")
	sshKey, _ := newKeyFile(t, "")
	locked, _ := newKeyFile(t, "passphrase")
	r := newWorkingCopy(t)
	for _, c := range []struct{ file, passphrase string }{{secret, ""}, {sshKey, ""}, {locked, "passphrase"}} {
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
	if _, err := ReadSigningKey(locked, ""); err == nil || !strings.Contains(err.Error(), "give its passphrase") {
		t.Errorf("a locked key: %v", err)
	}
	if _, err := ReadSigningKey(locked, "wrong"); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong passphrase: %v", err)
	}
}

// A forge merges a signed branch into a signed one; people and robbers merge, too.
func TestMergesOfAForge(t *testing.T) {
	alice, aliceKey := newKeyFile(t, "")
	forge, forgeKey := newKeyFile(t, "")
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	for _, pair := range [][2]string{{"gpg.format", "ssh"}, {"commit.gpgsign", "true"}, {"user.signingkey", alice}} {
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
	runGit(t, dir, "commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "by nobody")
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
	evil := func(config []string, args ...string) Hash {
		merge(config, args...)
		write(t, dir, "shared", "one\n2\n3\n4\nMALLORY\n6\n7\n8\nnine\n")
		runGit(t, dir, append(append([]string{}, config...), "commit", "-q", "-a", "--amend", "--no-edit")...)
		return must(ParseHash(runGit(t, dir, "rev-parse", "HEAD")))
	}
	unsigned := []string{"-c", "commit.gpgsign=false"}
	keys := policy(t, allowedLine(forgeKey, ""))
	with := func(merges *Policy, bare bool) *Policy {
		p := policy(t, allowedLine(aliceKey, ""))
		p.ForMerges(merges, bare)
		return p
	}
	for _, c := range []struct {
		name string
		head Hash
		p    *Policy
		says string // empty: it counts
	}{
		{"signed by a person", merge(nil, append(clean, "topic")...), with(nil, false), ""},
		{"signed by the forge, whose key is for merges", merge(signed, append(clean, "topic")...), with(keys, false), ""},
		{"signed by the forge, whose key is for nothing", merge(signed, append(clean, "topic")...), with(nil, true), "which is not allowed"},
		{"unsigned, as is allowed", merge(unsigned, append(clean, "topic")...), with(nil, true), ""},
		{"unsigned, as is not allowed", merge(unsigned, append(clean, "topic")...), with(keys, false), "is not signed"},
		{"of a branch with an unsigned commit", merge(signed, append(clean, "unsigned")...), with(keys, true), "is not signed"},
		{"with a change of its own, signed by the forge", evil(signed, append(clean, "topic")...), with(keys, true), "changes which its parents do not have"},
		{"with a change of its own, unsigned", evil(unsigned, append(clean, "topic")...), with(keys, true), "changes which its parents do not have"},
		{"with a change of its own, signed by a person", evil(nil, append(clean, "topic")...), with(keys, true), ""},
		{"of a conflict, signed by the forge", merge(signed, append(clean, "clash")...), with(keys, true), "made by hand, since the changes conflict in shared"},
		{"of a conflict, signed by a person", merge(nil, append(clean, "clash")...), with(keys, true), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := r.VerifyLog(t.Context(), c.head, base, c.p)
			if c.says == "" && err != nil || c.says != "" && !refused(err, c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	t.Run("a commit that the forge signs is no merge", func(t *testing.T) {
		runGit(t, dir, "checkout", "-q", "--detach", "main")
		runGit(t, dir, "-c", "user.signingkey="+forge, "commit", "-q", "--allow-empty", "-m", "squashed")
		at := must(ParseHash(runGit(t, dir, "rev-parse", "HEAD")))
		if err := r.VerifyLog(t.Context(), at, base, with(keys, true)); !refused(err, "which is not allowed") || !strings.Contains(err.Error(), at.String()) {
			t.Errorf("got %v", err)
		}
	})
}
