package gitrepo

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// If an SSH connection breaks, the fetch fails and the mirror stays unchanged, whatever the number
// of bytes before.
func TestAnSSHConnectionThatBreaks(t *testing.T) {
	dir := newServer(t)
	host := sshServer(t)
	broken := 0
	for limit := int64(0); ; limit += 250 {
		addr := breakingProxy(t, host.addr, limit)
		proxied := sshHost{addr: addr, knownHosts: filepath.Join(t.TempDir(), "known_hosts")}
		proxied.trust(host.signers[0])
		auth := Auth{SSHKeyFile: host.auth.SSHKeyFile, KnownHostsFiles: []string{proxied.knownHosts}}
		r := newMirror(t, "ssh://git@"+addr+dir, auth)
		err := r.Fetch(t.Context())
		if err == nil {
			break // the limit is larger than the whole transfer
		}
		if branches := must(r.Branches()); errors.Is(err, fs.ErrNotExist) || len(branches) > 0 {
			t.Errorf("connection broken after %d bytes: %v, %v", limit, err, branches)
		}
		broken++
	}
	if broken < 8 {
		t.Errorf("the connection broke only %d times", broken)
	}
}

// breakingProxy forwards one connection and closes it after limit bytes from the server.
func breakingProxy(t *testing.T, to string, limit int64) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		defer in.Close()
		out, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer out.Close()
		go io.Copy(out, in)
		io.CopyN(in, out, limit)
	}()
	return listener.Addr().String()
}

func TestSSHWithAnAgent(t *testing.T) {
	dir := newServer(t)
	host := sshServer(t)
	keyring := agent.NewKeyring()
	key := must(readPrivateKey(host.auth.SSHKeyFile))
	must(0, keyring.Add(agent.AddedKey{PrivateKey: key}))
	socket := filepath.Join(t.TempDir(), "agent")
	listener := must(net.Listen("unix", socket))
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(keyring, c)
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
	fetched(t, host.url(dir), Auth{KnownHostsFiles: host.auth.KnownHostsFiles})
}

func readPrivateKey(file string) (any, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ssh.ParseRawPrivateKey(data)
}

func TestSSHErrorsSayWhatToDo(t *testing.T) {
	dir := newServer(t)
	host := sshServer(t)
	otherKey, _ := newKeyFile(t, "")
	encrypted, _ := newKeyFile(t, "s3cret-phrase")
	empty := filepath.Join(t.TempDir(), "known_hosts")
	write(t, filepath.Dir(empty), "known_hosts", "")
	wrongKey := filepath.Join(t.TempDir(), "known_hosts")
	other := sshHost{addr: host.addr, knownHosts: wrongKey}
	other.trust(newSigner(t, "ed25519"))
	fetch := func(url string, auth Auth) error { return newMirror(t, url, auth).Fetch(t.Context()) }
	with := func(change func(*Auth)) Auth { a := host.auth; change(&a); return a }
	var key *HostKeyError

	err := fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{empty} }))
	if !errors.As(err, &key) || len(key.Known) != 0 || key.File != empty || key.Host != host.addr {
		t.Fatalf("an unknown host: %v", err)
	}
	offered := keyFingerprint(host.signers[0].PublicKey())
	if rsa := keyFingerprint(host.signers[1].PublicKey()); key.Offered != offered && key.Offered != rsa {
		t.Errorf("offered %s, have %s and %s", key.Offered, offered, rsa)
	}
	runShell(t, key.Fix) // the command works as printed
	if err := fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{empty} })); err != nil {
		t.Errorf("after the suggested command: %v", err)
	}

	err = fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{wrongKey} }))
	if !errors.As(err, &key) || len(key.Known) != 1 || key.File != wrongKey+":2" || key.Offered != offered ||
		!strings.Contains(err.Error(), key.Known[0]) {
		t.Fatalf("another key than the known one: %v", err)
	}
	runShell(t, key.Fix)
	if err := fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{wrongKey} })); err != nil {
		t.Errorf("after the suggested command: %v", err)
	}

	host.trust(host.signers[1])
	if err := fetch(host.url(dir), host.auth); err != nil {
		t.Errorf("only the RSA key of a host with several is known: %v", err)
	}
	for _, tt := range []struct {
		name    string
		url     string
		auth    Auth
		wantErr string
	}{
		{"a key that the server does not accept", host.url(dir),
			with(func(a *Auth) { a.SSHKeyFile = otherKey }), "does not accept the SSH key " + otherKey},
		{"an encrypted key", host.url(dir), with(func(a *Auth) { a.SSHKeyFile = encrypted }), "give its passphrase"},
		{"an encrypted key and a wrong passphrase", host.url(dir),
			with(func(a *Auth) { a.SSHKeyFile, a.SSHPassphrase = encrypted, "wr0ng" }),
			"decryption password incorrect"},
		{"no key and no agent", host.url(dir), with(func(a *Auth) { a.SSHKeyFile = "" }), "start an agent"},
		{"an absent key file", host.url(dir), with(func(a *Auth) { a.SSHKeyFile = "/nowhere/id" }), "/nowhere/id"},
		{"an absent known_hosts file", host.url(dir),
			with(func(a *Auth) { a.KnownHostsFiles = []string{"/nowhere/kh"} }), "/nowhere/kh"},
		{"no known_hosts file", host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = nil }),
			"ask the server's owner for the key"},
		{"no such repository", host.url(dir + "-nowhere"), host.auth, "the repository does not exist"},
		{"a closed port", "ssh://git@127.0.0.1:1/x", host.auth, "cannot be reached"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := fetch(tt.url, tt.auth)
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v", err)
			}
			noSecret(t, err, "s3cret-phrase", "wr0ng")
		})
	}
	err = fetch(host.url(dir), with(func(a *Auth) { a.SSHKeyFile, a.SSHPassphrase = encrypted, "s3cret-phrase" }))
	if err == nil || !strings.Contains(err.Error(), "does not accept") {
		t.Errorf("a decrypted key that the server does not accept: %v", err)
	}
}
