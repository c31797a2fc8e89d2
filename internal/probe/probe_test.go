package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// call makes the same call as the command roster test.
func call(t *testing.T, endpoint, token string, next http.RoundTripper) (*Clock, error) {
	t.Helper()
	clock := &Clock{Next: next}
	client := &scim.Client{
		Endpoint: endpoint,
		HTTP:     &http.Client{Transport: clock},
		Token:    scim.StaticToken(token),
		Retry:    scim.Retry{Attempts: 1},
		Timeout:  5 * time.Second,
	}
	_, err := client.ServiceProviderConfig(t.Context())
	return clock, err
}

func answering(t *testing.T, status int, body string, ahead time.Duration) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/tenant/scim/v2"
}

func TestDiagnosis(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	sim := &awssim.Server{
		Tokens: []awssim.Token{
			{Secret: "good"},
			{Secret: "old", Created: now.AddDate(-2, 0, 0), Expires: now.AddDate(-1, 0, 0)},
		},
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	endpoint := server.URL + sim.Path()
	const aws = "https://scim.us-east-1.amazonaws.com/"
	for _, test := range []struct {
		name            string
		endpoint, token string
		known           Known
		cause           Cause
		advice          string
	}{
		{"success", endpoint, "good", Known{}, OK, ""},
		{"an unknown token, and nothing else is known", endpoint, "bad",
			Known{}, TokenOrTenant, "have not worked here before"},
		{"an expired token", endpoint, "old",
			Known{Expires: now.AddDate(-1, 0, 0)}, TokenExpired, "expired on 2025-11-25"},
		{"a token that worked before", endpoint, "bad",
			Known{Expires: now.AddDate(0, 1, 0), Worked: now.AddDate(0, 0, -1)},
			TokenRevoked, "worked at this tenant on 2026-11-24"},
		{"another tenant than before", strings.Replace(endpoint, "/scim", "x/scim", 1), "good",
			Known{Before: "us-east-1/a", Identity: "us-east-1/b"}, WrongTenant, "was at us-east-1/a"},
		{"a tenant that AWS cannot have", answering(t, 401, "", 0), "bad",
			Known{AWS: true, Endpoint: aws + "my-company/scim/v2"}, WrongTenant,
			`"my-company" does not look like a tenant`},
		{"a tenant that AWS can have", answering(t, 401, "", 0), "bad",
			Known{AWS: true, Endpoint: aws + "Hw59fdecb43-083d-4307-b59f-ef4a9eb90ca6/scim/v2"},
			TokenOrTenant, "does not say which"},
		{"an access token of OAuth", endpoint, "bad", Known{OAuth: true}, TokenOrTenant, "audience and scopes"},
		{"a wrong path", endpoint + "/v3", "good", Known{}, WrongPath, "must end in /<tenant>/scim/v2"},
		{"no permission", answering(t, 403, `{"detail":"no"}`, 0), "x",
			Known{}, NoPermission, "a list of allowed IP addresses"},
		{"a refused address, with a token that worked before", answering(t, 403, `{"detail":"no"}`, 0), "x",
			Known{Worked: now.AddDate(0, 0, -1)}, NoPermission, "on 2026-11-24, so check network controls first"},
		{"throttled", answering(t, 429, "", 0), "x", Known{}, Throttled, "busy"},
		{"a server error", answering(t, 503, "", 0), "x", Known{}, ServerError, "Try again later"},
		{"a web page", answering(t, 200, "<html>hello", 0), "x", Known{}, NotSCIM, "is not SCIM"},
		{"a sign-in page", answering(t, 302, "", 0), "x", Known{}, WrongHost, "answers with a redirect"},
		{"a host that does not exist", "https://scim.nowhere.invalid/t/scim/v2", "x",
			Known{}, WrongHost, "The host scim.nowhere.invalid does not exist"},
		{"a port without a listener", "http://127.0.0.1:1/t/scim/v2", "x",
			Known{}, Unreachable, "does not accept connections"},
		{"a clock that is behind", answering(t, 403, "{}", 10*time.Minute+30*time.Second), "x",
			Known{}, NoPermission, "clock is 10m"},
		{"a clock that is ahead", answering(t, 403, "{}", -time.Hour-30*time.Second), "x",
			Known{}, NoPermission, "clock is 1h0m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			next := http.RoundTripper(http.DefaultTransport)
			if strings.Contains(test.endpoint, ".invalid") { // independent of the resolver of the machine
				next = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{
						Op:  "dial",
						Err: &net.DNSError{Err: "no such host", Name: "scim.nowhere.invalid", IsNotFound: true},
					}
				}}
			}
			clock, err := call(t, test.endpoint, test.token, next)
			if test.known.Endpoint == "" {
				test.known.Endpoint = test.endpoint
			}
			test.known.Date, test.known.At = clock.Last()
			f := Diagnose(err, test.known, now)
			if f.Cause != test.cause || !strings.Contains(f.Advice, test.advice) ||
				test.cause == OK && f.Advice != "" {
				t.Errorf("%v is %q: %s; want %q: %s", err, f.Cause, f.Advice, test.cause, test.advice)
			}
			if strings.Contains(test.name, "clock") == (f.Skew == 0) ||
				strings.Contains(test.name, "behind") && f.Skew > 0 {
				t.Errorf("the skew is %s", f.Skew)
			}
		})
	}
}

// certificate returns a self-signed certificate for a name, valid from and to a time.
func certificate(t *testing.T, name string, from, to time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             from,
		NotAfter:              to,
		DNSNames:              []string{name},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	if name == "elsewhere" {
		template.IPAddresses = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestDiagnosisOfTLS(t *testing.T) {
	now := time.Now()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, test := range []struct {
		name, host string
		from, to   time.Duration
		trusted    bool
		advice     string
	}{
		{"not trusted", "here", -time.Hour, time.Hour, false, "not signed by a trusted CA"},
		{"expired", "here", -48 * time.Hour, -24 * time.Hour, true, "must be renewed"},
		{"for another name", "elsewhere", -time.Hour, time.Hour, true, "is for another name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pair, pool := certificate(t, test.host, now.Add(test.from), now.Add(test.to))
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
			server.StartTLS()
			defer server.Close()
			config := &tls.Config{}
			if test.trusted {
				config.RootCAs = pool
			}
			_, err := call(t, server.URL+"/t/scim/v2", "x", &http.Transport{TLSClientConfig: config})
			if f := Diagnose(err, Known{Endpoint: server.URL}, now); f.Cause != TLS ||
				!strings.Contains(f.Advice, test.advice) {
				t.Errorf("%v is %q: %s; want %s", err, f.Cause, f.Advice, test.advice)
			}
		})
	}
	_, err := call(t, strings.Replace(plain.URL, "http", "https", 1)+"/t/scim/v2", "x", &http.Transport{})
	if f := Diagnose(err, Known{Endpoint: plain.URL}, now); f.Cause != TLS ||
		!strings.Contains(f.Advice, "does not use TLS") {
		t.Errorf("%v is %q: %s", err, f.Cause, f.Advice)
	}
}
