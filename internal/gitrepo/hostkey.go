package gitrepo

import (
	"errors"
	"fmt"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// A HostKeyError reports that the host key of an SSH server is unknown, or differs from the known
// one. No credentials were sent to the server.
type HostKeyError struct {
	Host    string   // host:port
	Offered string   // type and SHA-256 fingerprint of the server's key
	Known   []string // type and fingerprint of the known keys; empty if the host is unknown
	File    string   // the known_hosts file, with the line number if it has the host
	Fix     string   // shell command that accepts the offered key
}

func (e *HostKeyError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("SSH host %s is not known: it offers %s, and %s has no key for it. "+
			"Ask the server's owner for the fingerprint; if it is the same, run: %s", e.Host, e.Offered, e.File, e.Fix)
	}
	return fmt.Sprintf("SSH host %s offers another key than the known one: it offers %s, and %s has %s. "+
		"The connection may be intercepted, or the server has a new key. "+
		"Ask the server's owner; if the new key is right, run: %s",
		e.Host, e.Offered, e.File, strings.Join(e.Known, ", "), e.Fix)
}

// hostKeyError converts the error of a host key check to a HostKeyError. A revoked key remains the
// error of the library.
func hostKeyError(hostport string, files []string, key ssh.PublicKey, err error) error {
	var keyErr *xknownhosts.KeyError
	if !errors.As(err, &keyErr) {
		return err // nil, or a revoked key
	}
	e := &HostKeyError{Host: hostport, Offered: keyFingerprint(key), File: strings.Join(files, " and ")}
	line := knownhosts.Line([]string{hostport}, key)
	if len(keyErr.Want) == 0 {
		e.Fix = fmt.Sprintf("echo '%s' >> %s", line, files[0])
		return e
	}
	e.File = fmt.Sprintf("%s:%d", keyErr.Want[0].Filename, keyErr.Want[0].Line)
	for _, want := range keyErr.Want {
		e.Known = append(e.Known, keyFingerprint(want.Key))
	}
	e.Fix = fmt.Sprintf("ssh-keygen -R '%s' -f %s && echo '%s' >> %s",
		knownhosts.Normalize(hostport), keyErr.Want[0].Filename, line, keyErr.Want[0].Filename)
	return e
}

// keyFingerprint returns the type and the SHA-256 fingerprint of a key.
func keyFingerprint(key ssh.PublicKey) string {
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}
