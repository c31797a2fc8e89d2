package gitrepo

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/seed-d64a251c/roster/internal/textfile"
)

// Auth holds the credentials for a remote repository and the settings of the connection. The zero
// value has no credentials: it is enough for file:// and for a public repository over HTTPS. No
// format verb prints a secret.
type Auth struct {
	// Token returns a token for HTTPS, which is sent as the password of Username. It is called for
	// each connection, because the tokens of a GitHub App expire after an hour.
	Token func(ctx context.Context) (string, error)
	// Username is the user for HTTPS. The default "x-access-token" works for every token of GitHub,
	// GitLab and Gitea except GitLab's CI_JOB_TOKEN, which needs "gitlab-ci-token". For SSH, it is
	// the user if the URL has none; the default is "git".
	Username string
	Password string // for HTTPS, if Token is nil

	SSHKeyFile    string // a private key; if empty, the agent at SSH_AUTH_SOCK signs
	SSHPassphrase string // for SSHKeyFile
	// KnownHostsFiles contain the trusted host keys, which SSH requires. The default is
	// ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.
	KnownHostsFiles []string

	CAFile string // additional certificate authorities for HTTPS, PEM
	// Proxy selects the proxy for HTTPS. The default is http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
}

// String describes the kind of credentials, without a secret.
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

// GoString, Format, MarshalJSON and LogValue also return String, so that no way of printing shows a
// secret.

func (a Auth) GoString() string             { return "gitrepo.Auth{" + a.String() + "}" }
func (a Auth) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", a.String()), nil }
func (a Auth) LogValue() slog.Value         { return slog.StringValue(a.String()) }

// Format prevents %+v, %#v and other verbs from printing the fields.
func (a Auth) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// basic returns the user name and the password for one HTTPS connection. If there are no
// credentials, ok is false.
func (a Auth) basic(ctx context.Context) (user, password string, ok bool, err error) {
	user, password = a.Username, a.Password
	if a.Token != nil {
		if password, err = a.Token(ctx); err != nil {
			return "", "", false, fmt.Errorf("get token: %w", err)
		}
		if password == "" {
			return "", "", false, errors.New("get token: the token is empty")
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

// roots returns the trusted certificate authorities for HTTPS, or nil for the system's.
func (a Auth) roots() (*x509.CertPool, error) {
	if a.CAFile == "" {
		return nil, nil
	}
	pem, err := textfile.Read(a.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authorities: %s contains no PEM certificate", a.CAFile)
	}
	return pool, nil
}
