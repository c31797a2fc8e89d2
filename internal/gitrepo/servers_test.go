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
	"path/filepath"
	"strings"
	"testing"

	gliderssh "github.com/gliderlabs/ssh"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// A testServer serves bare repositories in one of the ways that a forge does.
type testServer struct {
	url  func(dir string) string
	auth Auth
}

func fileServer(testing.TB) testServer {
	return testServer{url: func(dir string) string { return "file://" + dir }}
}

const testToken = "ghp_s3cr3tT0ken"

// httpsServer serves repositories with git http-backend over TLS, for whoever
// knows testToken.
func httpsServer(t testing.TB) testServer {
	server := httptest.NewUnstartedServer(requireToken(gitHTTPBackend(t)))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate
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
		Stderr: io.Discard, // it says there what it answers anyway
		Env:    []string{"GIT_PROJECT_ROOT=/", "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=alice", "HOME=" + os.Getenv("HOME")},
	}
}

func requireToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		switch {
		case !ok || user != "x-access-token":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you, "+user+" with "+password+"?", http.StatusUnauthorized)
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
	must(0, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644))
	return name
}

// An sshHost is an SSH server that runs git's commands for one key.
type sshHost struct {
	testServer
	addr       string
	signers    []ssh.Signer
	knownHosts string
}

// sshServer serves repositories over SSH, with host keys of two types.
func sshServer(t testing.TB) sshHost {
	keyFile, public := newKeyFile(t, "")
	h := sshHost{signers: []ssh.Signer{newSigner(t, "ed25519"), newSigner(t, "rsa")}, knownHosts: filepath.Join(t.TempDir(), "known_hosts")}
	server := &gliderssh.Server{
		Handler:          runGitCommand,
		PublicKeyHandler: func(_ gliderssh.Context, key gliderssh.PublicKey) bool { return gliderssh.KeysEqual(key, public) },
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

// trust makes key the only one known of the host.
func (h sshHost) trust(key ssh.Signer) {
	must(0, os.WriteFile(h.knownHosts, []byte("# comment\n"+knownhosts.Line([]string{h.addr}, key.PublicKey())+"\n"), 0o644))
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

// runShell runs a command line as a person would who follows an advice.
func runShell(t testing.TB, line string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}
