package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// certificateCmd creates FILE.crt, a certificate that is valid for ten years, and FILE.key.
func certificateCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 2, "certificate NAME FILE")
	ts.Check(writeCertificate(ts.MkAbs(args[1]), args[0]))
}

func writeCertificate(file, name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		KeyUsage:  x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(file+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o644),
		os.WriteFile(file+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// TestServePublishesMetadata requests SAML metadata from a daemon.
func TestServePublishesMetadata(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	d := newDaemonProcess(t, sim)
	d.start()
	defer d.stop()
	d.waitForLog("new commit")
	fetch := func(path, etag string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if etag != "" {
			req.Header.Set("If-None-Match", etag)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	for _, domain := range []string{"login.example.com", "login.example.org", "LOGIN.example.org"} {
		resp, text := fetch("saml/aws/"+domain+"/metadata.xml", "")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/samlmetadata+xml" {
			t.Fatalf("%s: %s %s\n%s", domain, resp.Status, resp.Header.Get("Content-Type"), text)
		}
		if want := `entityID="https://` + strings.ToLower(domain) + `/saml"`; !strings.Contains(text, want) {
			t.Errorf("%s: no %s in\n%s", domain, want, text)
		}
		if cache := resp.Header.Get("Cache-Control"); !strings.HasPrefix(cache, "public, max-age=") {
			t.Errorf("%s: Cache-Control %q", domain, cache)
		}
		if second, _ := fetch("saml/aws/"+domain+"/metadata.xml",
			resp.Header.Get("ETag")); second.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %s for a request with the ETag", domain, second.Status)
		}
	}
	for _, path := range []string{"saml/aws/login.example.net/metadata.xml",
		"saml/azure/login.example.com/metadata.xml", "saml/aws/metadata.xml"} {
		if resp, _ := fetch(path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}
