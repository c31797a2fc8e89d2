package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/seed-d64a251c/roster/internal/textfile"
)

// dialSSH starts a service on an SSH server. When ctx ends, the connection is closed, even during
// the handshake. The SSH library has no timeout of its own.
func dialSSH(ctx context.Context, addr address, auth Auth, service string) (*pipeSession, error) {
	hostport := sshHostPort(addr.host)
	config, cleanup, err := sshConfig(hostport, addr, auth)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	raw, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", hostport)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	fail := func(err error) (*pipeSession, error) {
		stop()
		raw.Close()
		return nil, err
	}
	conn, channels, requests, err := ssh.NewClientConn(&timeoutConn{raw}, hostport, config)
	if err != nil {
		return fail(err)
	}
	client := ssh.NewClient(conn, channels, requests)
	session, err := client.NewSession()
	if err != nil {
		return fail(err)
	}
	stderr := &limitedBuffer{}
	session.Stderr = stderr
	in, err := session.StdinPipe()
	if err != nil {
		return fail(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return fail(err)
	}
	if err := session.Start(service + " " + shellQuote(sshPath(addr.path))); err != nil {
		return fail(err)
	}
	kill := func() {
		stop()
		raw.Close()
	}
	return &pipeSession{service: service, in: in, out: out, stderr: stderr, kill: kill, wait: session.Wait}, nil
}

// sshHostPort adds the default port.
func sshHostPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "22")
}

// sshPath removes the slash before "~user", as git does.
func sshPath(path string) string {
	if strings.HasPrefix(path, "/~") {
		return path[1:]
	}
	return path
}

// shellQuote quotes a path for the shell on the server, as git does.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

// sshConfig returns the user, the key and the trusted host keys. The caller calls cleanup after the
// handshake; it closes the connection to the SSH agent.
func sshConfig(hostport string, addr address, auth Auth) (config *ssh.ClientConfig, cleanup func(), err error) {
	files, err := knownHostsFiles(auth)
	if err != nil {
		return nil, nil, err
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, nil, fmt.Errorf("read known hosts: %w", err)
	}
	method, cleanup, err := sshMethod(auth)
	if err != nil {
		return nil, nil, err
	}
	user := addr.user
	if user == "" {
		user = auth.Username
	}
	if user == "" {
		user = "git"
	}
	check := db.HostKeyCallback()
	return &ssh.ClientConfig{
		User: user,
		Auth: []ssh.AuthMethod{method},
		// Only the algorithms of the known keys. Otherwise the server may choose an algorithm whose
		// key is not known.
		HostKeyAlgorithms: db.HostKeyAlgorithms(hostport),
		HostKeyCallback: func(host string, at net.Addr, key ssh.PublicKey) error {
			return hostKeyError(hostport, files, key, check(host, at, key))
		},
	}, cleanup, nil
}

// knownHostsFiles returns the known_hosts files that exist. The configured files must exist.
func knownHostsFiles(auth Auth) ([]string, error) {
	if len(auth.KnownHostsFiles) > 0 {
		for _, name := range auth.KnownHostsFiles {
			if err := checkKnownHosts(name); err != nil {
				return nil, fmt.Errorf("read known hosts, which SSH requires: %w", withoutNotExist(err))
			}
		}
		return auth.KnownHostsFiles, nil
	}
	var files []string
	candidates := []string{"/etc/ssh/ssh_known_hosts"}
	if home, err := os.UserHomeDir(); err == nil {
		candidates = append([]string{filepath.Join(home, ".ssh", "known_hosts")}, candidates...)
	}
	for _, name := range candidates {
		if _, err := os.Stat(name); err == nil {
			files = append(files, name)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("SSH requires the server's host key, but neither %s exists: "+
			"ask the server's owner for the key and write it there", strings.Join(candidates, " nor "))
	}
	return files, nil
}

// checkKnownHosts returns an error for a file that the library would not read as people see it.
func checkKnownHosts(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text, other := textfile.Decode(data)
	if other != "" {
		return fmt.Errorf("%s: %s; save it as UTF-8", name, other)
	}
	if len(text) < len(data) {
		return fmt.Errorf("%s begins with a byte-order mark; save it as UTF-8 without one", name)
	}
	return nil
}

// sshMethod authenticates with the private key of auth, or with the keys of the SSH agent.
func sshMethod(auth Auth) (ssh.AuthMethod, func(), error) {
	if auth.SSHKeyFile != "" {
		signer, err := readSSHKey(auth.SSHKeyFile, auth.SSHPassphrase)
		if err != nil {
			return nil, nil, err
		}
		return ssh.PublicKeys(signer), func() {}, nil
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, errors.New("SSH requires a key: set a private key file, or start an agent (SSH_AUTH_SOCK)")
	}
	conn, err := net.DialTimeout("unix", socket, connectTimeout)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the SSH agent: %w", withoutNotExist(err))
	}
	return ssh.PublicKeysCallback(agent.NewClient(conn).Signers), func() { conn.Close() }, nil
}

// readSSHKey reads a private key in OpenSSH or PEM format.
func readSSHKey(file, passphrase string) (ssh.Signer, error) {
	pem, err := textfile.Read(file)
	if err != nil {
		return nil, fmt.Errorf("read SSH key: %w", withoutNotExist(err))
	}
	signer, err := ssh.ParsePrivateKey(pem)
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) {
		if passphrase == "" {
			return nil, fmt.Errorf("read SSH key %s: the key is encrypted: give its passphrase", file)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
	}
	if err != nil {
		return nil, fmt.Errorf("read SSH key %s: %w", file, err)
	}
	return signer, nil
}
