package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// auditDocsScript returns the code blocks of docs/audit.md as one script.
func auditDocsScript(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "audit.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := "set -eu\n"
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, block := range blocks {
		script += block[1]
	}
	if len(blocks) < 9 {
		t.Fatalf("docs/audit.md has only %d blocks of commands", len(blocks))
	}
	return script
}

// TestCommandsOfAuditDocs runs the commands of docs/audit.md on a valid audit branch and on forged
// ones.
func TestCommandsOfAuditDocs(t *testing.T) {
	t.Parallel()
	c, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	home := t.TempDir()
	dir, key := filepath.Join(home, "d"), filepath.Join(home, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	signers := filepath.Join(home, "signers")
	if err := os.WriteFile(signers, append([]byte("roster@example.com "), public...), 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, home, 0, "init", dir)
	if err := c.adaptExample(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	expect(t, home, 0, "apply", dir, "--audit-sign-key", key)
	recorded := git(t, dir, "rev-parse", "roster/audit")
	if err := replace(filepath.Join(dir, "users", "security.cue"), `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`); err != nil {
		t.Fatal(err)
	}
	if err := commitAll(t.Context(), dir, "Mei leaves", nil); err != nil {
		t.Fatal(err)
	}
	expect(t, home, 0, "apply", dir, "--audit-sign-key", key)

	check := func(t *testing.T, repository string) (string, error) {
		cmd := exec.Command("sh", "-c", auditDocsScript(t))
		cmd.Dir = t.TempDir()
		for name, value := range gitEnv(home) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Env = append(append(os.Environ(), cmd.Env...), "REPOSITORY="+repository, "P=aws", "DECLARATIONS="+dir,
			"SIGNERS="+signers, "NOTED="+recorded,
			"ATTRIBUTE=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "VALUE=41013",
			"REDACT_KEY="+filepath.Join(dir, ".git", "roster", "redact.key"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check(t, dir); err != nil || strings.Count(out, ": OK\n") != 2 {
		t.Fatalf("a valid audit branch: %v\n%s", err, out)
	}
	for _, row := range []struct{ name, tamper, want string }{
		{"a report is changed", `sed -i s/karin@/bob@/ $(git grep -l karin@ -- 'reports/*.json' | head -1)`, "FAILED"},
		{"a report is removed", `git rm -q $(git ls-files 'reports/*.json' | head -1)`, "No such file"},
		{"a report is inserted", `one=$(git ls-files 'reports/*.json' | head -1); cp $one ${one%.json}-2.json`,
			"> reports/aws/"},
		{"the ledger is forged", `at=$(git ls-files ledger | head -1); sed -i 's/"id": "./"id": "x/' $at`, ""},
		{"only a commit is added", `true`, "\nN "},
	} {
		t.Run(row.name, func(t *testing.T) {
			forged := filepath.Join(t.TempDir(), "forged")
			git(t, home, "clone", "-q", "--branch", "roster/audit", dir, forged)
			cmd := exec.Command("sh", "-euc", row.tamper+"\ngit add -A\n"+
				"git -c user.name=M -c user.email=m@example.com commit -q --allow-empty -m 'Tamper'")
			cmd.Dir = forged
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := check(t, forged)
			unsigned := strings.Contains(out, "\nN ") // signatures are checked last
			if err == nil || !strings.Contains(out, row.want) || unsigned && row.want != "\nN " {
				t.Errorf("got %v, want %q:\n%s", err, row.want, out)
			}
		})
	}
}
