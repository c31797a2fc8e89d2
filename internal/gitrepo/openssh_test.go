package gitrepo

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// opensshServer starts OpenSSH's own server for the user who runs the tests, with
// a key of that user's and a known_hosts file.
func opensshServer(t testing.TB) (server testServer, knownHosts string) {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		if sshd, err = exec.LookPath("/usr/sbin/sshd"); err != nil { // not in everybody's PATH
			t.Fatal("this test needs OpenSSH's server: apt-get install openssh-server")
		}
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, public := newKeyFile(t, "")
	hostKey, _ := newKeyFile(t, "")
	write(t, dir, "authorized_keys", string(ssh.MarshalAuthorizedKey(public)))
	port := freePort(t)
	write(t, dir, "sshd_config", fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel ERROR
`, port, hostKey, filepath.Join(dir, "authorized_keys")))
	cmd := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	said := &tailBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("sshd said: %s", said)
		}
	})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	awaitListener(t, addr)
	knownHosts = filepath.Join(dir, "known_hosts")
	trust := sshHost{addr: addr, knownHosts: knownHosts}
	trust.trust(must(ssh.NewSignerFromKey(must(ssh.ParseRawPrivateKey(must(os.ReadFile(hostKey)))))))
	return testServer{
		url:  func(dir string) string { return "ssh://" + me.Username + "@" + addr + dir },
		auth: Auth{SSHKeyFile: key, KnownHostsFiles: []string{knownHosts}},
	}, knownHosts
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func awaitListener(t testing.TB, addr string) {
	t.Helper()
	for range 200 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nobody listens at %s", addr)
}

// A new host key stops everything, until somebody has followed the advice.
func TestOpenSSHWithAnotherHostKey(t *testing.T) {
	dir := newServer(t)
	server, knownHosts := opensshServer(t)
	r := fetched(t, server.url(dir), server.auth)
	right := strings.TrimSpace(string(must(os.ReadFile(knownHosts))))
	_, addr, _ := strings.Cut(server.url(""), "@")
	(sshHost{addr: addr, knownHosts: knownHosts}).trust(newSigner(t, "ed25519"))
	var key *HostKeyError
	err := r.Fetch(t.Context())
	if !errors.As(err, &key) || key.Host != addr || key.File != knownHosts+":2" || !strings.HasPrefix(key.Offered, "ssh-ed25519 SHA256:") || len(key.Known) != 1 {
		t.Fatalf("got %v", err)
	}
	if _, err := r.Update(t.Context(), "main", head(t, r, "main"), map[string][]byte{"x": nil, "y": []byte("y")}, meta("no")); !errors.As(err, &key) {
		t.Errorf("a push: %v", err)
	}
	runShell(t, key.Fix)
	if err := r.Fetch(t.Context()); err != nil {
		t.Errorf("after following the advice: %v", err)
	}
	now := strings.Fields(strings.TrimSpace(string(must(os.ReadFile(knownHosts)))))
	if want := strings.Fields(right); now[len(now)-1] != want[len(want)-1] {
		t.Errorf("the advice has written %q, want %q", now, want)
	}
}
