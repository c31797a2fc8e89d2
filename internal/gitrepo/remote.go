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
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"golang.org/x/crypto/ssh"

	"github.com/seed-d64a251c/roster/internal/neterror"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
)

// An AuthError reports that the remote rejected the credentials, or that they do not allow the
// operation.
type AuthError struct {
	URL     string
	Message string // what happened and what the user can do
}

func (e *AuthError) Error() string { return e.URL + ": " + e.Message }

// A RemoteError reports that a remote repository cannot be reached or gave an invalid answer. The
// failure may be temporary, so the caller can retry later.
type RemoteError struct {
	URL     string
	Missing bool   // the server reports that the repository does not exist
	Message string // what happened and what the user can do
	Err     error
}

func (e *RemoteError) Error() string { return e.URL + ": " + e.Message }

// Unwrap returns only ErrEmptied and the errors of a context. It never returns fs.ErrNotExist,
// because a missing socket or program is not a missing branch.
func (e *RemoteError) Unwrap() error {
	if e.Err == ErrEmptied || errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded) {
		return e.Err
	}
	return nil
}

// A remote is the remote repository of a mirror.
type remote struct {
	address address
	auth    Auth
	client  *http.Client // for http and https

	mu      sync.Mutex
	secrets []string        // of the last connection; redact removes them from messages
	known   *scrub.Scrubber // of the same, in other encodings
}

// setSecrets stores the forms in which a message of the server could repeat the credentials.
func (r *remote) setSecrets(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	r.secrets = []string{basic, url.QueryEscape(password), password}
	r.known = &scrub.Scrubber{}
	r.known.Add(password)
}

// newRemote parses a URL. Credentials in the URL apply if auth has none.
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
	useMultiACK()
	r := &remote{address: addr, auth: auth}
	if addr.scheme == "https" || addr.scheme == "http" {
		r.client, err = newHTTPClient(auth)
	}
	return r, err
}

// useMultiACK makes go-git's transports offer multi_ack and multi_ack_detailed, as git does. Azure
// DevOps refuses a fetch without one of them. go-git leaves them out because it cannot negotiate in
// several rounds. A fetch of this package has one round, so the server answers with one list of
// acknowledgements. ThinPack stays out: it would save little.
var useMultiACK = sync.OnceFunc(func() {
	transport.UnsupportedCapabilities = []capability.Capability{capability.ThinPack}
})

// upload opens a session of git-upload-pack, which serves a fetch.
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

// receive opens a session of git-receive-pack, which serves a push.
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

// dial starts a service over SSH or on this machine.
func (r *remote) dial(ctx context.Context, service string) (*pipeSession, error) {
	if r.address.scheme == "ssh" {
		return dialSSH(ctx, r.address, r.auth, service)
	}
	return dialLocal(ctx, r.address.path, service)
}

// wrapError converts an error of a transport to an error of this package: what happened, at which
// URL, and what the user can do, without secrets.
func (r *remote) wrapError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &RemoteError{URL: r.address.String(), Err: ctx.Err(),
			Message: "no answer in time, or interrupted: " + context.Cause(ctx).Error()}
	}
	var host *HostKeyError
	var known *AuthError
	switch {
	case errors.As(err, &host):
		return host
	case errors.As(err, &known):
		return known
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed),
		isSSHAuthFailure(err):
		return &AuthError{URL: r.address.String(), Message: r.authMessage(err)}
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return &RemoteError{URL: r.address.String(), Missing: true, Err: err,
			Message: "the repository does not exist, or these credentials (" + r.auth.String() + ") cannot read it: " +
				"check the URL and the permissions"}
	}
	return &RemoteError{URL: r.address.String(), Message: r.redact(describeError(err)), Err: err}
}

// authMessage returns the message of an AuthError.
func (r *remote) authMessage(err error) string {
	switch {
	case r.address.scheme == "ssh" && r.auth.SSHKeyFile == "":
		return "the server accepts none of the SSH agent's keys: add one of them on the server, or set a key file"
	case r.address.scheme == "ssh":
		return "the server does not accept the " + r.auth.String() +
			": add its public key on the server, or set another key"
	case r.auth.Token == nil && r.auth.Password == "":
		return "the server requires credentials, and none are configured: set a token"
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return withDetail("the server accepts the credentials but forbids this operation (403): "+
			"give the token read access, and write access if roster has to push", r.serverMessage(err))
	default:
		return withDetail("the server rejects the credentials (401): "+
			"the token is wrong, expired or revoked", r.serverMessage(err))
	}
}

// serverMessage returns the text that the server sent with a status, such as GitHub's single
// sign-on message. It returns "" for HTML and JSON pages.
func (r *remote) serverMessage(err error) string {
	_, text, _ := strings.Cut(err.Error(), ": ")
	text = r.redact(oneLine(text))
	if len(text) > 300 || strings.ContainsAny(text, "<{") {
		return ""
	}
	return text
}

func isSSHAuthFailure(err error) bool {
	return strings.Contains(err.Error(), "ssh: unable to authenticate") ||
		strings.Contains(err.Error(), "Permission denied (publickey")
}

// describeError returns a message for the common failures of a connection, and the text of the
// error for all others.
func describeError(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var status *githttp.Err
	var exit *ssh.ExitError
	var unexpected *plumbing.UnexpectedError
	if errors.As(err, &unexpected) { // it does not unwrap to its cause
		err = unexpected.Err
	}
	var u *url.Error
	if errors.As(err, &u) { // its text repeats the URL
		err = u.Err
	}
	switch {
	case errors.As(err, &dns):
		return neterror.Explain(err).Error()
	case errors.As(err, &authority):
		return "the server's certificate is not signed by a trusted authority: " +
			"set the authority's certificate (CA file)"
	case errors.As(err, &hostname):
		return neterror.Explain(err).Error()
	case errors.As(err, &status):
		return fmt.Sprintf("the server answered HTTP status %d", status.StatusCode())
	case errors.As(err, &op) && op.Op == "dial":
		return "the server cannot be reached: " + neterror.Explain(err).Error()
	case errors.Is(err, exec.ErrNotFound):
		return "repositories on this machine need the git program: install git"
	case errors.As(err, &exit):
		return "the server ended the command: " + exit.Error()
	case errors.Is(err, packp.ErrEmptyInput), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection before the end of its answer"
	case errors.Is(err, pktline.ErrInvalidPktLen):
		return "the answer is not Git's: check that the URL is that of a repository, and not of a web page"
	default:
		return neterror.Explain(err).Error()
	}
}

// redact removes the credentials from a message of the server.
func (r *remote) redact(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "(hidden)")
	}
	return r.known.String(text)
}
