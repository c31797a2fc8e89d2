package gitrepo

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gliderssh "github.com/gliderlabs/ssh"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// opensshServer starts OpenSSH's server for the user who runs the tests. It returns a key that the
// server accepts and a known_hosts file.
func opensshServer(t testing.TB) (server testServer, knownHosts string) {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		if sshd, err = exec.LookPath("/usr/sbin/sshd"); err != nil { // often not in PATH
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
	output := &limitedBuffer{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("sshd output: %s", output)
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
	t.Fatalf("no server listens at %s", addr)
}

// A testServer serves bare repositories by one of the protocols of forges.
type testServer struct {
	url  func(dir string) string
	auth Auth
}

func fileServer(testing.TB) testServer {
	return testServer{url: func(dir string) string { return "file://" + dir }}
}

const testToken = "ghp_s3cr3tT0ken"

// httpsServer serves repositories with git http-backend over TLS. It requires testToken.
func httpsServer(t testing.TB) testServer {
	server := httptest.NewUnstartedServer(requireToken(gitHTTPBackend(t)))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // logs clients that reject the certificate
	server.StartTLS()
	t.Cleanup(server.Close)
	return testServer{
		url:  func(dir string) string { return server.URL + dir },
		auth: Auth{Token: func(context.Context) (string, error) { return testToken, nil }, CAFile: caFile(t, server)},
	}
}

func gitHTTPBackend(t testing.TB) http.Handler {
	return &cgi.Handler{
		Path:   filepath.Join(runGit(t, "/", "--exec-path"), "git-http-backend"),
		Stderr: io.Discard, // repeats the answers
		Env: []string{
			"GIT_PROJECT_ROOT=/", "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=alice", "HOME=" + os.Getenv("HOME"),
		},
	}
}

func requireToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		switch {
		case !ok || user != "x-access-token":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "unknown user "+user+" with password "+password, http.StatusUnauthorized)
		case password == "readonly-token" && strings.Contains(r.URL.String(), "receive-pack"):
			http.Error(w, "forbidden for "+password, http.StatusForbidden)
		case password != testToken && password != "readonly-token":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "wrong: "+r.Header.Get("Authorization")+" "+password, http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func caFile(t testing.TB, server *httptest.Server) string {
	name := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	must(0, os.WriteFile(name, pem.EncodeToMemory(block), 0o644))
	return name
}

// An sshHost is an SSH server that accepts one key and runs git's commands.
type sshHost struct {
	testServer
	addr       string
	signers    []ssh.Signer
	knownHosts string
}

// sshServer serves repositories over SSH, with host keys of two types.
func sshServer(t testing.TB) sshHost {
	keyFile, public := newKeyFile(t, "")
	h := sshHost{
		signers:    []ssh.Signer{newSigner(t, "ed25519"), newSigner(t, "rsa")},
		knownHosts: filepath.Join(t.TempDir(), "known_hosts"),
	}
	server := &gliderssh.Server{
		Handler: runGitCommand,
		PublicKeyHandler: func(_ gliderssh.Context, key gliderssh.PublicKey) bool {
			return gliderssh.KeysEqual(key, public)
		},
	}
	for _, s := range h.signers {
		server.AddHostKey(s)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	h.addr = listener.Addr().String()
	h.trust(h.signers[0])
	h.url = func(dir string) string { return "ssh://git@" + h.addr + dir }
	h.auth = Auth{SSHKeyFile: keyFile, KnownHostsFiles: []string{h.knownHosts}}
	return h
}

// trust writes a known_hosts file with key as the only key of the host.
func (h sshHost) trust(key ssh.Signer) {
	line := knownhosts.Line([]string{h.addr}, key.PublicKey())
	must(0, os.WriteFile(h.knownHosts, []byte("# comment\n"+line+"\n"), 0o644))
}

func runGitCommand(s gliderssh.Session) {
	words := s.Command()
	if len(words) != 2 || words[0] != "git-upload-pack" && words[0] != "git-receive-pack" {
		fmt.Fprintln(s.Stderr(), "not a git command:", s.RawCommand())
		s.Exit(1)
		return
	}
	cmd := exec.CommandContext(s.Context(), words[0], words[1])
	cmd.Stdout, cmd.Stderr = s, s.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		s.Exit(1)
		return
	}
	go func() {
		io.Copy(in, s)
		in.Close()
	}()
	if cmd.Wait() != nil {
		s.Exit(128)
		return
	}
	s.Exit(0)
}

func newSigner(t testing.TB, kind string) ssh.Signer {
	t.Helper()
	var key any
	var err error
	if kind == "rsa" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// newKeyFile writes a private key and returns its file and public key.
func newKeyFile(t testing.TB, passphrase string) (string, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "id_ed25519")
	must(0, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return name, key
}

// runShell runs a command line that an error message suggests.
func runShell(t testing.TB, line string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}
