package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestServeWithTLS(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	cert, key, tokens := filepath.Join(d.home, "cert"), filepath.Join(d.home, "key"), filepath.Join(d.home, "tokens")
	trusted := writeTLSFiles(t, cert, key)
	token := strings.TrimSpace(expect(t, d.home, 0, "token", "new", "reader", "--api-tokens", tokens))
	d.start("--tls-cert", cert, "--tls-key", key, "--api-tokens", tokens)
	d.wantOutcome(reconcile.RunApplied)
	if !strings.HasPrefix(d.address, "https://127.0.0.1:") {
		t.Errorf("the address is %s", d.address)
	}
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"}}}
	status, body := d.request(client, "GET", "/api/v1/status", func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+token)
	})
	if status != 200 || !strings.Contains(body, `"outcome": "applied"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := d.request(client, "GET", "/api/v1/status", nil); status != 401 {
		t.Errorf("without a token: %d", status)
	}
	d.address = strings.Replace(d.address, "https://", "http://", 1)
	if status, body := d.get("/healthz"); status == 200 {
		t.Errorf("without TLS: %d %s", status, body)
	}
	d.stop()
}

// writeTLSFiles writes a self-signed certificate for localhost with its key, and returns a pool
// that trusts it.
func writeTLSFiles(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, data := range map[string][]byte{certFile: cert,
		keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}
