package gitrepo

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"golang.org/x/crypto/ssh"
)

// An AuthError says that the remote does not know us or does not let us do it.
type AuthError struct {
	URL     string
	Message string // what happened and what to do
}

func (e *AuthError) Error() string { return e.URL + ": " + e.Message }

// A RemoteError says that a remote repository cannot be reached or does not
// answer as a repository should. It may pass: retry later.
type RemoteError struct {
	URL     string
	Missing bool   // the server answers, and says that it has no such repository
	Message string // what happened and what to do
	Err     error
}

func (e *RemoteError) Error() string { return e.URL + ": " + e.Message }

// Unwrap hides fs.ErrNotExist: a missing socket or program is not a missing branch.
func (e *RemoteError) Unwrap() error {
	if errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded) {
		return e.Err
	}
	return nil
}

// A remote is a repository on the other end of a connection.
type remote struct {
	address address
	auth    Auth
	client  *http.Client // for http and https

	mu      sync.Mutex
	secrets []string // of the last connection, to be hidden in what the server says
}

// remember keeps the forms in which a server could echo a secret.
func (r *remote) remember(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = []string{base64.StdEncoding.EncodeToString([]byte(user + ":" + password)), url.QueryEscape(password), password}
}

func newRemote(rawURL string, auth Auth) (*remote, error) {
	addr, password, err := parseAddress(rawURL)
	if err != nil {
		return nil, err
	}
	if password != "" && auth.Token == nil && auth.Password == "" {
		auth.Username, auth.Password = addr.user, password
	} else if addr.scheme != "ssh" && addr.user != "" && auth.Username == "" {
		auth.Username = addr.user
	}
	r := &remote{address: addr, auth: auth}
	if addr.scheme == "https" || addr.scheme == "http" {
		r.client, err = newHTTPClient(auth)
	}
	return r, err
}

// upload opens a session to fetch from the remote.
func (r *remote) upload(ctx context.Context) (transport.UploadPackSession, error) {
	if r.client != nil {
		ep, auth, err := r.httpEndpoint(ctx)
		if err != nil {
			return nil, err
		}
		return githttp.NewClient(r.client).NewUploadPackSession(ep, auth)
	}
	return r.dial(ctx, transport.UploadPackServiceName)
}

// receive opens a session to push to the remote.
func (r *remote) receive(ctx context.Context) (transport.ReceivePackSession, error) {
	if r.client != nil {
		ep, auth, err := r.httpEndpoint(ctx)
		if err != nil {
			return nil, err
		}
		return githttp.NewClient(r.client).NewReceivePackSession(ep, auth)
	}
	return r.dial(ctx, transport.ReceivePackServiceName)
}

func (r *remote) dial(ctx context.Context, service string) (*pipeSession, error) {
	if r.address.scheme == "ssh" {
		return dialSSH(ctx, r.address, r.auth, service)
	}
	return startLocal(ctx, r.address.path, service)
}

// explain turns what a transport says into an error for people: what happened,
// where, what to do, and no secret.
func (r *remote) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &RemoteError{URL: r.address.String(), Message: "no answer in time, or interrupted: " + context.Cause(ctx).Error(), Err: ctx.Err()}
	}
	var host *HostKeyError
	var known *AuthError
	switch {
	case errors.As(err, &host):
		return host
	case errors.As(err, &known):
		return known
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed), isSSHAuthFailure(err):
		return &AuthError{URL: r.address.String(), Message: r.authAdvice(err)}
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return &RemoteError{URL: r.address.String(), Missing: true, Err: err,
			Message: "there is no such repository, or these credentials (" + r.auth.String() + ") may not see it: check the URL and what the credentials may read"}
	}
	return &RemoteError{URL: r.address.String(), Message: r.hide(describe(err)), Err: err}
}

func (r *remote) authAdvice(err error) string {
	switch {
	case r.address.scheme == "ssh" && r.auth.SSHKeyFile == "":
		return "the server accepts none of the SSH agent's keys: add one of them there, or name a key file"
	case r.address.scheme == "ssh":
		return "the server does not accept the " + r.auth.String() + ": add its public key there, or name another key"
	case r.auth.Token == nil && r.auth.Password == "":
		return "the server asks for credentials and none are configured: give a token"
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return join("the server knows the credentials but forbids this (403): give the token read access, and write access if roster is to push", r.said(err))
	default:
		return join("the server refuses the credentials (401): the token is wrong, expired or was revoked", r.said(err))
	}
}

// said returns what the server wrote beside a status, such as GitHub's word on
// single sign-on; pages are left out.
func (r *remote) said(err error) string {
	_, text, _ := strings.Cut(err.Error(), ": ")
	text = r.hide(printable(text))
	if len(text) > 300 || strings.ContainsAny(text, "<{") {
		return ""
	}
	return text
}

func isSSHAuthFailure(err error) bool {
	return strings.Contains(err.Error(), "ssh: unable to authenticate") || strings.Contains(err.Error(), "Permission denied (publickey")
}

// describe finds plain words for the failures that people meet.
func describe(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var status *githttp.Err
	var exit *ssh.ExitError
	var unexpected *plumbing.UnexpectedError
	if errors.As(err, &unexpected) { // it hides its cause
		err = unexpected.Err
	}
	var u *url.Error
	if errors.As(err, &u) { // its text repeats the URL
		err = u.Err
	}
	switch {
	case errors.As(err, &dns):
		return "the host name cannot be resolved: " + dns.Error()
	case errors.As(err, &authority):
		return "the server's certificate is signed by an authority that is not trusted here: name the authority's certificate (CA file)"
	case errors.As(err, &hostname):
		return "the server's certificate is for another host: " + hostname.Error()
	case errors.As(err, &status):
		return fmt.Sprintf("the server answered HTTP status %d", status.StatusCode())
	case errors.As(err, &op) && op.Op == "dial":
		return "the server cannot be reached: " + op.Error()
	case errors.Is(err, exec.ErrNotFound):
		return "the git program is needed for repositories on this machine: install git"
	case errors.As(err, &exit):
		return "the server ended the command: " + exit.Error()
	case errors.Is(err, packp.ErrEmptyInput), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server ended the connection too early"
	default:
		return err.Error()
	}
}

// hide removes the secrets that a server may have echoed.
func (r *remote) hide(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "(hidden)")
	}
	return text
}
