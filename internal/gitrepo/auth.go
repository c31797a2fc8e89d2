package gitrepo

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
)

// Auth is how to reach a remote repository and who to be there. The zero value
// is nobody: enough for a public repository over HTTPS and for file://. Printed
// in whatever way, it shows no secret.
type Auth struct {
	// Token returns a token for HTTPS, asked for at each connection: tokens
	// of a GitHub App last an hour. It is sent as the password of Username.
	Token func(ctx context.Context) (string, error)
	// Username for HTTPS; "x-access-token" if empty, which GitHub, GitLab and
	// Gitea take with any token but GitLab's CI_JOB_TOKEN
	// ("gitlab-ci-token"). For SSH, if the URL names nobody; else "git".
	Username string
	Password string // for HTTPS, if there is no Token

	SSHKeyFile    string // a private key; if empty, the agent at SSH_AUTH_SOCK is asked
	SSHPassphrase string // of SSHKeyFile
	// KnownHostsFiles hold the host keys to trust, mandatory for SSH;
	// ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts if empty.
	KnownHostsFiles []string

	CAFile string // further certificate authorities for HTTPS, PEM
	// Proxy chooses the proxy for HTTPS; http.ProxyFromEnvironment if nil.
	Proxy func(*http.Request) (*url.URL, error)
}

// String says what kind of credentials these are.
func (a Auth) String() string {
	switch {
	case a.Token != nil:
		return "token (hidden)"
	case a.Password != "":
		return "password (hidden)"
	case a.SSHKeyFile != "":
		return "SSH key " + a.SSHKeyFile
	default:
		return "no credentials"
	}
}

// GoString, Format, MarshalJSON and LogValue all give String.

func (a Auth) GoString() string             { return "gitrepo.Auth{" + a.String() + "}" }
func (a Auth) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", a.String()), nil }
func (a Auth) LogValue() slog.Value         { return slog.StringValue(a.String()) }

// Format keeps %v, %+v, %#v and the like from walking the fields.
func (a Auth) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// basic returns the user name and password for one HTTPS connection; ok is
// false if there are none.
func (a Auth) basic(ctx context.Context) (user, password string, ok bool, err error) {
	user, password = a.Username, a.Password
	if a.Token != nil {
		if password, err = a.Token(ctx); err != nil {
			return "", "", false, fmt.Errorf("get token: %w", err)
		}
		if password == "" {
			return "", "", false, errors.New("get token: it is empty")
		}
	}
	if password == "" {
		return "", "", false, nil
	}
	if user == "" {
		user = "x-access-token"
	}
	return user, password, true, nil
}

// roots returns the certificate authorities for HTTPS, nil for the system's.
func (a Auth) roots() (*x509.CertPool, error) {
	if a.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(a.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authorities: %s holds no PEM certificate", a.CAFile)
	}
	return pool, nil
}
