package gitrepo

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// After a change of the host key, fetch and push fail until the user runs the suggested command.
func TestOpenSSHWithAnotherHostKey(t *testing.T) {
	dir := newServer(t)
	server, knownHosts := opensshServer(t)
	r := fetched(t, server.url(dir), server.auth)
	right := strings.TrimSpace(string(must(os.ReadFile(knownHosts))))
	_, addr, _ := strings.Cut(server.url(""), "@")
	(sshHost{addr: addr, knownHosts: knownHosts}).trust(newSigner(t, "ed25519"))
	var key *HostKeyError
	err := r.Fetch(t.Context())
	if !errors.As(err, &key) || key.Host != addr || key.File != knownHosts+":2" ||
		!strings.HasPrefix(key.Offered, "ssh-ed25519 SHA256:") || len(key.Known) != 1 {
		t.Fatalf("got %v", err)
	}
	edits := map[string][]byte{"x": nil, "y": []byte("y")}
	if _, err := r.Update(t.Context(), "main", head(t, r, "main"), edits, meta("no")); !errors.As(err, &key) {
		t.Errorf("a push: %v", err)
	}
	runShell(t, key.Fix)
	if err := r.Fetch(t.Context()); err != nil {
		t.Errorf("after the suggested command: %v", err)
	}
	now := strings.Fields(strings.TrimSpace(string(must(os.ReadFile(knownHosts)))))
	if want := strings.Fields(right); now[len(now)-1] != want[len(want)-1] {
		t.Errorf("the suggested command has written %q, want %q", now, want)
	}
}
