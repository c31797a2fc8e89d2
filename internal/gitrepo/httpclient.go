package gitrepo

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// Timeouts for a server. They keep a silent server from blocking the daemon if the caller's context
// has no deadline.
const (
	connectTimeout = 30 * time.Second
	idleTimeout    = 5 * time.Minute // for one read or write; servers send keep-alives every few seconds
)

// newHTTPClient returns the client for one remote. go-git handles redirects: only the first request
// of a session follows them, and it never sends credentials to another origin.
func newHTTPClient(auth Auth) (*http.Client, error) {
	roots, err := auth.roots()
	if err != nil {
		return nil, err
	}
	proxy := auth.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &http.Client{Transport: errorBodyLimiter{&http.Transport{
		Proxy:               proxy,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: connectTimeout,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     90 * time.Second,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &timeoutConn{conn}, nil
		},
	}}}, nil
}

// Transport returns a transport for other requests to the same host. It uses the certificate
// authorities and the proxy, but not the credentials.
func (a Auth) Transport() (http.RoundTripper, error) {
	client, err := newHTTPClient(a)
	if err != nil {
		return nil, err
	}
	return client.Transport, nil
}

// errorBodyLimiter limits the size of error responses, which go-git reads completely.
type errorBodyLimiter struct{ http.RoundTripper }

func (t errorBodyLimiter) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(req)
	if err == nil && res.StatusCode >= 300 {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, 4<<10), res.Body}
	}
	return res, err
}

// A timeoutConn is a connection with a timeout for each read and each write.
type timeoutConn struct{ net.Conn }

func (c *timeoutConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *timeoutConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(idleTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// httpEndpoint returns the address and the credentials for one connection. It stores the
// credentials for redact.
func (r *remote) httpEndpoint(ctx context.Context) (*transport.Endpoint, transport.AuthMethod, error) {
	host, portText, err := net.SplitHostPort(r.address.host)
	port := 0
	if err != nil {
		host = r.address.host
	} else if port, err = strconv.Atoi(portText); err != nil {
		return nil, nil, fmt.Errorf("invalid port %q in the URL of the repository", portText)
	}
	if strings.Contains(host, ":") && host[0] != '[' {
		host = "[" + host + "]"
	}
	ep := &transport.Endpoint{
		Protocol: r.address.scheme, Host: host, Port: port, Path: strings.TrimSuffix(r.address.path, "/"),
	}
	user, password, ok, err := r.auth.basic(ctx)
	if err != nil || !ok {
		return ep, nil, err
	}
	r.setSecrets(user, password)
	return ep, &githttp.BasicAuth{Username: user, Password: password}, nil
}
