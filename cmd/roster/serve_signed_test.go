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

// TestServeRefusesAnUnsignedCommit: its changes are not applied, its report names it, and the
// branch without it is applied.
func TestServeRefusesAnUnsignedCommit(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	key, signers := filepath.Join(d.home, "key"), filepath.Join(d.home, "signers")
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
		git(t, d.work, "config", name, value)
	}
	t.Setenv("ROSTER_COMMIT_SIGNERS", signers)
	t.Setenv("ROSTER_SIGNED_SINCE", git(t, d.work, "rev-parse", "HEAD"))
	t.Setenv("ROSTER_AUDIT_SIGN_KEY", key)
	d.start()
	d.wantOutcome(reconcile.RunApplied)

	d.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`)
	git(t, d.work, "config", "commit.gpgsign", "false")
	unsigned := d.push("Mei leaves, unsigned")
	d.wantOutcome(reconcile.RunFailed)
	if u, _ := sim.State().User("mei@example.com"); !u.Active {
		t.Error("an unsigned commit was applied")
	}
	all := reports(t, d.bare, "aws")
	if r := all[len(all)-1]; len(r.Errors) != 1 || !strings.Contains(r.Errors[0],
		"commit "+unsigned+" by bob@example.com is not signed") {
		t.Errorf("the report has the errors %q", r.Errors)
	}

	git(t, d.work, "config", "commit.gpgsign", "true")
	git(t, d.work, "commit", "-q", "--amend", "--no-edit")
	git(t, d.work, "push", "-q", "--force", "origin", "HEAD:main")
	d.wantOutcome(reconcile.RunApplied)
	if u, _ := sim.State().User("mei@example.com"); u.Active {
		t.Error("a signed commit was not applied")
	}
	d.stop()
	expect(t, d.home, 0, "audit", "verify", "-C", d.bare, "--signers", signers)
	if out := git(t, d.bare, "-c", "gpg.ssh.allowedSignersFile="+signers, "log", "--format=%G?",
		"roster/audit"); strings.Trim(out, "G\n") != "" {
		t.Errorf("git does not verify the signatures of reports:\n%s", out)
	}
}
