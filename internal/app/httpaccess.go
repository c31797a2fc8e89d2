package app

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/httpserver"
	"github.com/seed-d64a251c/roster/internal/loopback"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/internal/webauth"
)

// AccessConfig configures who may use the daemon's HTTP server.
type AccessConfig struct {
	TLSCert, TLSKey string // PEM files; "" for HTTP without TLS
	// BehindProxy means that a proxy terminates TLS and forwards requests.
	BehindProxy bool
	HostNames   []string // names that requests may be sent to
	PublicURL   string   // of the daemon, as browsers see it; "" if unknown
	APITokens   string   // file; "" for none
	OIDC        OIDCConfig
	// ReadRate and ActRate are the requests of a caller in a minute; 0 means any number.
	ReadRate, ActRate int
}

// OIDCConfig configures the sign-in of users with OpenID Connect.
type OIDCConfig struct {
	Issuer          string // "" for none
	ClientID        string
	ClientSecretEnv string // environment name
	Scopes          []string
	Audience        string // of access tokens; "" for none
	RolesClaim      string
	ReadRoles       []string
	ActRoles        []string
}

// httpAccess is the checked configuration.
type httpAccess struct {
	web.Access
	tls *tls.Config // nil: HTTP without TLS
	// loopbackOnly means that the address of the listener must be a loopback address.
	loopbackOnly bool
}

// authenticates reports whether there is a way to authenticate.
func (c *AccessConfig) authenticates() bool { return c.APITokens != "" || c.OIDC.Issuer != "" }

// open checks the configuration for an address to listen on, and reads its files.
func (c *AccessConfig) open(s *Settings, listen string) (*httpAccess, error) {
	if listen == "" {
		return &httpAccess{}, nil
	}
	if err := c.check(listen); err != nil {
		return nil, UsageError{err}
	}
	out := &httpAccess{loopbackOnly: !c.authenticates()}
	out.BehindProxy, out.Log = c.BehindProxy, s.Log
	out.Limits = &web.RateLimits{Reads: c.ReadRate, Acts: c.ActRate, Now: s.Now}
	out.HostNames = append(slices.Clone(c.HostNames), httpserver.NameOf(listen)...)
	if c.PublicURL != "" {
		u, err := parsePublicURL(c.PublicURL)
		if err != nil {
			return nil, UsageError{err}
		}
		out.HostNames = append(out.HostNames, u.Host)
	}
	var err error
	if c.TLSCert != "" {
		pair := &keyPair{cert: c.TLSCert, key: c.TLSKey}
		if _, err = pair.get(nil); err != nil {
			return nil, fmt.Errorf("read the TLS certificate: %w", err)
		}
		out.tls = &tls.Config{GetCertificate: pair.get, MinVersion: tls.VersionTLS12}
	}
	if c.authenticates() {
		out.Authenticator, err = c.authenticator(s)
	}
	return out, err
}

// check names everything that is missing or contradictory.
func (c *AccessConfig) check(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	switch {
	case err != nil:
		return fmt.Errorf("invalid --listen %q: want an address such as 127.0.0.1:8741", listen)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key belong together: set both")
	case c.TLSCert != "" && c.BehindProxy:
		return errors.New("--tls-cert and --behind-proxy exclude each other")
	case c.ReadRate < 0 || c.ActRate < 0:
		return errors.New("--rate-limit-reads and --rate-limit-acts must not be negative: 0 means no limit")
	case c.OIDC.Issuer != "" && c.OIDC.ClientID == "":
		return errors.New("--oidc-issuer requires --oidc-client-id")
	case c.OIDC.Issuer == "" && c.OIDC.Audience != "":
		return errors.New("--oidc-audience requires --oidc-issuer")
	case c.OIDC.Issuer == "" && c.OIDC.ClientID != "":
		return errors.New("--oidc-client-id requires --oidc-issuer")
	case c.OIDC.Issuer != "" && c.PublicURL == "":
		return errors.New("--oidc-issuer requires --public-url, because the provider sends browsers back there")
	}
	var missing []string
	if !loopback.IsHost(host) && c.TLSCert == "" && !c.BehindProxy {
		missing = append(missing, "--tls-cert with --tls-key, or --behind-proxy if a proxy terminates TLS")
	}
	reason := "--listen " + listen + " lets other machines connect"
	if loopback.IsHost(host) {
		reason = "--behind-proxy, --host-name and --public-url let other machines connect through a proxy"
	}
	exposed := !loopback.IsHost(host) || c.BehindProxy || len(c.HostNames) > 0 || c.PublicURL != ""
	if exposed && !c.authenticates() {
		missing = append(missing, "--api-tokens (make a token with roster token new) or --oidc-issuer")
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s, and the pages show who has access to what; add %s", reason, strings.Join(missing, "; and "))
}

func parsePublicURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback.IsHost(u.Hostname())) ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("invalid --public-url %q: want an https URL without a path, such as "+
			"https://roster.example.com", text)
	}
	u.Path = ""
	return u, nil
}

func (c *AccessConfig) authenticator(s *Settings) (*webauth.Authenticator, error) {
	out := &webauth.Authenticator{}
	var err error
	if c.APITokens != "" {
		if out.Tokens, err = webauth.OpenTokenFile(c.APITokens, s.Log, s.Now); err != nil {
			return nil, err
		}
		out.Tokens.Register = s.Secrets.Add
	}
	if c.OIDC.Issuer == "" {
		return out, nil
	}
	u, err := parsePublicURL(c.PublicURL)
	if err != nil {
		return nil, UsageError{err}
	}
	secret := s.secretOf(c.OIDC.ClientSecretEnv)
	out.OIDC, err = webauth.NewOIDC(webauth.OIDCConfig{Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID,
		ClientSecret: secret, PublicURL: u, Scopes: c.OIDC.Scopes, RolesClaim: c.OIDC.RolesClaim,
		Audience:  c.OIDC.Audience,
		ReadRoles: c.OIDC.ReadRoles, ActRoles: c.OIDC.ActRoles, Log: s.Log, Now: s.Now})
	if err != nil {
		return nil, UsageError{fmt.Errorf("--oidc-issuer: %w", err)}
	}
	return out, nil
}

// listen opens the listener.
func (a *httpAccess) listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w; choose another address with --listen", err)
	}
	if err := a.checkAddress(listener.Addr()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// checkAddress returns an error if other machines could reach a server without authentication.
func (a *httpAccess) checkAddress(address net.Addr) error {
	if tcp, ok := address.(*net.TCPAddr); a.loopbackOnly && (!ok || !tcp.IP.IsLoopback()) {
		return fmt.Errorf("listen: %s is not a loopback address: use --listen 127.0.0.1:8741", address)
	}
	return nil
}

// scheme is that of the server's URL.
func (a *httpAccess) scheme() string {
	if a.tls != nil {
		return "https"
	}
	return "http"
}

// keyPair is a certificate with its key. A changed file is read again at the next handshake, so a
// renewed certificate needs no restart.
type keyPair struct {
	cert, key string

	mu      sync.Mutex
	changed [2]time.Time
	loaded  *tls.Certificate
}

// get returns the certificate. If the files are invalid while they are being replaced, it returns
// the previous one.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var changed [2]time.Time
	for i, name := range []string{k.cert, k.key} {
		if info, err := os.Stat(name); err == nil {
			changed[i] = info.ModTime()
		}
	}
	if k.loaded != nil && changed == k.changed {
		return k.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil && k.loaded == nil {
		return nil, err
	}
	if err == nil {
		k.loaded, k.changed = &pair, changed
	}
	return k.loaded, nil
}

// NewAPIToken makes an API token and adds its digest to a file. until is the last day of the token;
// "" means that it does not end.
func NewAPIToken(file, name, role, until string) (token string, err error) {
	return webauth.NewToken(file, name, cmp.Or(role, "read"), until)
}
