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

// How long to wait for a server. A context may be shorter; without one, these
// keep a silent server from hanging the daemon.
const (
	connectTimeout = 30 * time.Second
	silenceTimeout = 5 * time.Minute // between two reads or writes; servers send a sign of life every few seconds
)

// newHTTPClient makes the client of one remote. Redirects are go-git's matter:
// only the first request of a session follows them, and credentials never go to
// another origin.
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
	return &http.Client{Transport: errorBodies{&http.Transport{
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
			return &watchedConn{conn}, nil
		},
	}}}, nil
}

// Transport carries other requests the same way: with the certificate authorities
// and the proxy, without the credentials.
func (a Auth) Transport() (http.RoundTripper, error) {
	client, err := newHTTPClient(a)
	if err != nil {
		return nil, err
	}
	return client.Transport, nil
}

// errorBodies bounds the bodies of error pages, which go-git reads whole.
type errorBodies struct{ http.RoundTripper }

func (t errorBodies) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(req)
	if err == nil && res.StatusCode >= 300 {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, 4<<10), res.Body}
	}
	return res, err
}

// A watchedConn fails when the other side stays silent for too long.
type watchedConn struct{ net.Conn }

func (c *watchedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(silenceTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *watchedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(silenceTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// httpEndpoint returns where to connect and who to be.
func (r *remote) httpEndpoint(ctx context.Context) (*transport.Endpoint, transport.AuthMethod, error) {
	host, portText, err := net.SplitHostPort(r.address.host)
	port := 0
	if err != nil {
		host = r.address.host
	} else if port, err = strconv.Atoi(portText); err != nil {
		return nil, nil, fmt.Errorf("port %q is not a number", portText)
	}
	if strings.Contains(host, ":") && host[0] != '[' {
		host = "[" + host + "]"
	}
	ep := &transport.Endpoint{Protocol: r.address.scheme, Host: host, Port: port, Path: strings.TrimSuffix(r.address.path, "/")}
	user, password, ok, err := r.auth.basic(ctx)
	if err != nil || !ok {
		return ep, nil, err
	}
	r.remember(user, password)
	return ep, &githttp.BasicAuth{Username: user, Password: password}, nil
}
