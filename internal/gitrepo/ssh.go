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
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// A HostKeyError says that an SSH server did not prove to be the one that is
// known. Nothing was sent to it.
type HostKeyError struct {
	Host    string   // host:port
	Offered string   // type and SHA-256 fingerprint of the server's key
	Known   []string // of the keys on record, empty if the host is unknown
	File    string   // the known_hosts file, with the line if the host is in it
	Fix     string   // commands
}

func (e *HostKeyError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("SSH host %s is not known: it offers %s, and %s has no key for it. Ask the server's owner for the fingerprint; if it is this one: %s", e.Host, e.Offered, e.File, e.Fix)
	}
	return fmt.Sprintf("SSH host %s does not have the key on record: it offers %s, %s says %s. Somebody may be in between, or the server has a new key. Ask its owner; if the new one is right: %s", e.Host, e.Offered, e.File, strings.Join(e.Known, ", "), e.Fix)
}

// dialSSH runs the service at the other end of an SSH connection. When ctx
// ends, the connection is closed under whatever is going on, the handshake
// included: the SSH library itself would wait for ever.
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
	conn, channels, requests, err := ssh.NewClientConn(&watchedConn{raw}, hostport, config)
	if err != nil {
		return fail(err)
	}
	client := ssh.NewClient(conn, channels, requests)
	session, err := client.NewSession()
	if err != nil {
		return fail(err)
	}
	said := &tailBuffer{}
	session.Stderr = said
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
	return &pipeSession{service: service, in: in, out: out, stderr: said, kill: func() { stop(); raw.Close() }, wait: session.Wait}, nil
}

func sshHostPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "22")
}

// sshPath drops the slash before "~user", as git does.
func sshPath(path string) string {
	if strings.HasPrefix(path, "/~") {
		return path[1:]
	}
	return path
}

// shellQuote quotes as git does for the shell at the other end.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

// sshConfig says who we are and which host keys we trust. cleanup frees the
// agent's connection once the handshake is over.
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
		// Only algorithms whose keys are on record: else the server may
		// choose one whose key is not.
		HostKeyAlgorithms: db.HostKeyAlgorithms(hostport),
		HostKeyCallback: func(host string, at net.Addr, key ssh.PublicKey) error {
			return explainHostKey(hostport, files, key, check(host, at, key))
		},
	}, cleanup, nil
}

func knownHostsFiles(auth Auth) ([]string, error) {
	if len(auth.KnownHostsFiles) > 0 {
		for _, name := range auth.KnownHostsFiles {
			if _, err := os.Stat(name); err != nil {
				return nil, fmt.Errorf("read known hosts, which SSH needs: %w", plain(err))
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
		return nil, fmt.Errorf("SSH needs the server's host key, and neither %s exists: ask the server's owner for it and write it there", strings.Join(candidates, " nor "))
	}
	return files, nil
}

// sshMethod reads the private key, or asks the agent.
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
		return nil, nil, errors.New("SSH needs a key: name a private key file, or start an agent (SSH_AUTH_SOCK)")
	}
	conn, err := net.DialTimeout("unix", socket, connectTimeout)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the SSH agent: %w", plain(err))
	}
	return ssh.PublicKeysCallback(agent.NewClient(conn).Signers), func() { conn.Close() }, nil
}

// readSSHKey reads a private key in OpenSSH or PEM form.
func readSSHKey(file, passphrase string) (ssh.Signer, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read SSH key: %w", plain(err))
	}
	signer, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if passphrase == "" {
			return nil, fmt.Errorf("read SSH key %s: it is locked: give its passphrase", file)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
	}
	if err != nil {
		return nil, fmt.Errorf("read SSH key %s: %w", file, err)
	}
	return signer, nil
}

// explainHostKey turns the verdict on a host key into a HostKeyError.
func explainHostKey(hostport string, files []string, key ssh.PublicKey, err error) error {
	var verdict *xknownhosts.KeyError
	if !errors.As(err, &verdict) {
		return err // accepted, or revoked
	}
	e := &HostKeyError{Host: hostport, Offered: fingerprint(key), File: strings.Join(files, " and ")}
	line := knownhosts.Line([]string{hostport}, key)
	if len(verdict.Want) == 0 {
		e.Fix = fmt.Sprintf("echo '%s' >> %s", line, files[0])
		return e
	}
	e.File = fmt.Sprintf("%s:%d", verdict.Want[0].Filename, verdict.Want[0].Line)
	for _, want := range verdict.Want {
		e.Known = append(e.Known, fingerprint(want.Key))
	}
	e.Fix = fmt.Sprintf("ssh-keygen -R '%s' -f %s && echo '%s' >> %s", knownhosts.Normalize(hostport), verdict.Want[0].Filename, line, verdict.Want[0].Filename)
	return e
}

func fingerprint(key ssh.PublicKey) string {
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}
