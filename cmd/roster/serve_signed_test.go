package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestServeStopsAtAnUnsignedCommit: nothing of it is sent, its report names it, and the branch without it is applied.
func TestServeStopsAtAnUnsignedCommit(t *testing.T) {
	c, stop := newCloud("aws", awssim.Options{})
	defer stop()
	w := newWatch(t, c)
	key, signers := filepath.Join(w.home, "key"), filepath.Join(w.home, "signers")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(signers, append([]byte("bob@example.com "), public...), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"gpg.format": "ssh", "user.signingkey": key, "commit.gpgsign": "true"} {
		git(t, w.work, "config", name, value)
	}
	t.Setenv("ROSTER_COMMIT_SIGNERS", signers)
	t.Setenv("ROSTER_SIGNED_SINCE", git(t, w.work, "rev-parse", "HEAD"))
	t.Setenv("ROSTER_AUDIT_SIGN_KEY", key)
	w.start()
	w.wantOutcome(reconcile.RunApplied)

	w.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`, `email: "mei@example.com", state: "INACTIVE"`)
	git(t, w.work, "config", "commit.gpgsign", "false")
	unsigned := w.push("Mei leaves, says nobody")
	w.wantOutcome(reconcile.RunFailed)
	if u, _ := c.State().User("mei@example.com"); !u.Active {
		t.Error("what nobody signed was applied")
	}
	all := reports(t, w.bare, "aws")
	if r := all[len(all)-1]; len(r.Errors) != 1 || !strings.Contains(r.Errors[0], "commit "+unsigned+" by bob@example.com is not signed") {
		t.Errorf("the report says %q", r.Errors)
	}

	git(t, w.work, "config", "commit.gpgsign", "true")
	git(t, w.work, "commit", "-q", "--amend", "--no-edit")
	git(t, w.work, "push", "-q", "--force", "origin", "HEAD:main")
	w.wantOutcome(reconcile.RunApplied)
	if u, _ := c.State().User("mei@example.com"); u.Active {
		t.Error("what was signed was not applied")
	}
	w.end()
	expect(t, w.home, 0, "audit", "verify", "-C", w.bare, "--signers", signers)
	if out := git(t, w.bare, "-c", "gpg.ssh.allowedSignersFile="+signers, "log", "--format=%G?", "roster/audit"); strings.Trim(out, "G\n") != "" {
		t.Errorf("git says of the signatures of reports:\n%s", out)
	}
}
