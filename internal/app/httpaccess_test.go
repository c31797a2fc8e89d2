package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/httpserver"
	"github.com/seed-d64a251c/roster/internal/web"
)

// writeCertificate writes a self-signed certificate with its key, and returns the certificate.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func accessSettings() *Settings {
	return &Settings{Log: slog.New(slog.DiscardHandler), Env: func(string) (string, bool) { return "", false }}
}

func TestAccessFlags(t *testing.T) {
	dir := t.TempDir()
	cert, key, tokens := filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "tokens")
	writeCertificate(t, cert, key, 1)
	if _, err := NewAPIToken(tokens, "a", "read", ""); err != nil {
		t.Fatal(err)
	}
	oidc := OIDCConfig{Issuer: "https://login.example.com", ClientID: "roster"}
	for _, test := range []struct {
		name, listen string
		config       AccessConfig
		want         []string // parts of the error; nil means none
	}{
		{"loopback", "127.0.0.1:8741", AccessConfig{}, nil},
		{"loopback by name", "localhost:8741", AccessConfig{}, nil},
		{"loopback of IPv6", "[::1]:8741", AccessConfig{}, nil},
		{"no server", "", AccessConfig{BehindProxy: true}, nil},
		{"loopback with tokens", "127.0.0.1:8741", AccessConfig{APITokens: tokens}, nil},
		{"every address", "0.0.0.0:8741", AccessConfig{},
			[]string{"--listen 0.0.0.0:8741", "--tls-cert", "--behind-proxy", "--api-tokens", "--oidc-issuer"}},
		{"every address, written without one", ":8741", AccessConfig{}, []string{"--tls-cert", "--api-tokens"}},
		{"every address of IPv6", "[::]:8741", AccessConfig{}, []string{"--tls-cert", "--api-tokens"}},
		{"an address of the network", "192.0.2.7:8741", AccessConfig{}, []string{"--tls-cert", "--api-tokens"}},
		{"a name of the network", "roster.example.com:8741", AccessConfig{}, []string{"--tls-cert", "--api-tokens"}},
		{"only TLS", "0.0.0.0:8741", AccessConfig{TLSCert: cert, TLSKey: key}, []string{"add --api-tokens"}},
		{"only a proxy", "0.0.0.0:8741", AccessConfig{BehindProxy: true}, []string{"add --api-tokens"}},
		{"only tokens", "0.0.0.0:8741", AccessConfig{APITokens: tokens}, []string{"add --tls-cert"}},
		{"TLS and tokens", "0.0.0.0:8741", AccessConfig{TLSCert: cert, TLSKey: key, APITokens: tokens}, nil},
		{"a proxy and tokens", "0.0.0.0:8741", AccessConfig{BehindProxy: true, APITokens: tokens}, nil},
		{"a proxy and OpenID Connect", ":8741",
			AccessConfig{BehindProxy: true, OIDC: oidc, PublicURL: "https://roster.example.com"}, nil},
		{"loopback behind a proxy", "127.0.0.1:8741", AccessConfig{BehindProxy: true},
			[]string{"through a proxy", "--api-tokens"}},
		{"loopback with another name", "127.0.0.1:8741", AccessConfig{HostNames: []string{"roster.example.com"}},
			[]string{"through a proxy", "--api-tokens"}},
		{"a certificate without a key", "127.0.0.1:8741", AccessConfig{TLSCert: cert}, []string{"--tls-key"}},
		{"a key without a certificate", "127.0.0.1:8741", AccessConfig{TLSKey: key}, []string{"--tls-cert"}},
		{"TLS here and at a proxy", "127.0.0.1:8741",
			AccessConfig{TLSCert: cert, TLSKey: key, BehindProxy: true, APITokens: tokens}, []string{"exclude"}},
		{"OpenID Connect without a client", "127.0.0.1:8741", AccessConfig{OIDC: OIDCConfig{Issuer: oidc.Issuer}},
			[]string{"--oidc-client-id"}},
		{"a client without an issuer", "127.0.0.1:8741", AccessConfig{OIDC: OIDCConfig{ClientID: "x"}},
			[]string{"--oidc-issuer"}},
		{"OpenID Connect without the public URL", "127.0.0.1:8741", AccessConfig{OIDC: oidc}, []string{"--public-url"}},
		{"a public URL without TLS", "127.0.0.1:8741", AccessConfig{OIDC: oidc, PublicURL: "http://roster.example.com"},
			[]string{"--public-url", "https"}},
		{"a public URL with a path", "127.0.0.1:8741",
			AccessConfig{OIDC: oidc, PublicURL: "https://example.com/roster"}, []string{"without a path"}},
		{"an issuer without TLS", "127.0.0.1:8741", AccessConfig{PublicURL: "https://roster.example.com",
			OIDC: OIDCConfig{Issuer: "http://login.example.com", ClientID: "roster"}},
			[]string{"--oidc-issuer", "https"}},
		{"an address without a port", "127.0.0.1", AccessConfig{}, []string{"--listen", "127.0.0.1:8741"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.config.open(accessSettings(), test.listen)
			if (err == nil) != (test.want == nil) {
				t.Fatalf("the error is %v", err)
			}
			if err != nil && !errors.As(err, &UsageError{}) {
				t.Errorf("it is not a usage error: %v", err)
			}
			for _, text := range test.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error is %q; want %q in it", err, text)
				}
			}
		})
	}
	for _, c := range []AccessConfig{{APITokens: filepath.Join(dir, "missing")},
		{TLSCert: filepath.Join(dir, "missing"), TLSKey: key}, {TLSCert: tokens, TLSKey: key}} {
		if _, err := c.open(accessSettings(), "127.0.0.1:0"); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestHostNamesOfTheServer(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if _, err := NewAPIToken(tokens, "a", "read", ""); err != nil {
		t.Fatal(err)
	}
	c := AccessConfig{BehindProxy: true, APITokens: tokens, HostNames: []string{"people.example.com"},
		PublicURL: "https://roster.example.com:8443"}
	a, err := c.open(accessSettings(), "192.0.2.7:8741")
	want := []string{"people.example.com", "192.0.2.7", "roster.example.com:8443"}
	if err != nil || !slices.Equal(a.HostNames, want) {
		t.Errorf("%v, %v", a.HostNames, err)
	}
	if a, err = c.open(accessSettings(), "0.0.0.0:8741"); err != nil || slices.Contains(a.HostNames, "0.0.0.0") {
		t.Errorf("%v, %v", a.HostNames, err)
	}
}

// The name localhost could be another address on this machine.
func TestAServerWithoutAuthenticationIsOnLoopbackOnly(t *testing.T) {
	for address, ok := range map[string]bool{"127.0.0.1": true, "127.0.0.2": true, "::1": true, "0.0.0.0": false,
		"::": false, "192.0.2.7": false} {
		a := &httpAccess{loopbackOnly: true}
		if err := a.checkAddress(&net.TCPAddr{IP: net.ParseIP(address)}); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if err := (&httpAccess{}).checkAddress(&net.TCPAddr{IP: net.ParseIP(address)}); err != nil {
			t.Errorf("%s with authentication: %v", address, err)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	first := writeCertificate(t, cert, key, 1)
	c := AccessConfig{TLSCert: cert, TLSKey: key}
	a, err := c.open(accessSettings(), "127.0.0.1:0")
	if err != nil || a.scheme() != "https" {
		t.Fatal(err)
	}
	listener, err := a.listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpserver.New((&web.Server{Access: a.Access}).Handler(), httpserver.CheckedByHandler,
		httpserver.Limits{}, a.tls, nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() {
		if err := errors.Join(server.Close(), <-ended); err != nil {
			t.Error(err)
		}
	}()
	get := func(trusted *x509.Certificate, version uint16) (*http.Response, error) {
		pool := x509.NewCertPool()
		pool.AddCert(trusted)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool,
			ServerName: "localhost", MaxVersion: version}}}
		defer client.CloseIdleConnections()
		return client.Get("https://" + listener.Addr().String() + "/healthz")
	}
	res, err := get(first, 0)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%v, %v", res, err)
	}
	if _, err := get(first, tls.VersionTLS11); err == nil {
		t.Error("an old version of TLS is accepted")
	}
	if res, err := http.Get("http://" + listener.Addr().String() + "/healthz"); err == nil && res.StatusCode == 200 {
		t.Error("the server answers without TLS")
	}
	second := writeCertificate(t, cert, key, 2)
	later := time.Now().Add(time.Minute)
	if err := errors.Join(os.Chtimes(cert, later, later), os.Chtimes(key, later, later)); err != nil {
		t.Fatal(err)
	}
	if _, err := get(second, 0); err != nil {
		t.Errorf("the renewed certificate is not used: %v", err)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := get(second, 0); err != nil {
		t.Errorf("the server has no certificate while it is replaced: %v", err)
	}
}
