package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// certificateCmd makes FILE.crt, a certificate for ten years, and FILE.key.
func certificateCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 2, "certificate NAME FILE")
	ts.Check(writeCertificate(ts.MkAbs(args[1]), args[0]))
}

func writeCertificate(file, name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
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

// TestServePublishesMetadata asks a real daemon for metadata as an identity provider's reader would.
func TestServePublishesMetadata(t *testing.T) {
	c, stop := newCloud("aws", awssim.Options{})
	t.Cleanup(stop)
	w := newWatch(t, c)
	w.start()
	defer w.end()
	w.logged("new commit")
	fetch := func(path, etag string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.address+path, nil)
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
		if again, _ := fetch("saml/aws/"+domain+"/metadata.xml", resp.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: asked again with its ETag, %s", domain, again.Status)
		}
	}
	for _, path := range []string{"saml/aws/login.example.net/metadata.xml", "saml/azure/login.example.com/metadata.xml", "saml/aws/metadata.xml"} {
		if resp, _ := fetch(path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// TestPublisher renders over days and commits.
func TestPublisher(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "d")
	expect(t, home, 0, "init", dir)
	repo, err := gitrepo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	var valid reconcile.CommitRef
	a := &app{env: func(string) (string, bool) { return "", false }}
	p := &publisher{workspace: &workspace{app: a, source: &source{repo: repo}, log: slog.New(slog.DiscardHandler)},
		state: func() daemon.State { return daemon.State{ValidCommit: valid} }, now: func() time.Time { return now }}
	ask := func() (string, error) {
		m, err := p.metadata(context.Background(), "aws", "login.example.com")
		if err != nil {
			return "", err
		}
		return string(m.XML), nil
	}
	if _, err := ask(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is a commit: %v", err)
	}
	head := func() {
		h, err := repo.Resolve("HEAD")
		if err != nil {
			t.Fatal(err)
		}
		valid.ID = h.String()
	}
	must := func() string {
		t.Helper()
		text, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	head()
	first := must()
	now = now.Add(11 * time.Hour)
	if must() != first {
		t.Error("it changes within a day")
	}
	now = now.Add(2 * time.Hour)
	second := must()
	if second == first {
		t.Error("it is not rendered anew the next day")
	}
	if err := replace(filepath.Join(dir, "apps/aws.cue"), `redirect: "https://{domain}/saml/sso/redirect"`, `redirect: "https://{domain}/elsewhere"`); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "commit", "-q", "-a", "-m", "elsewhere")
	if must() != second {
		t.Error("a commit that is not the daemon's changes it")
	}
	head()
	if third := must(); !strings.Contains(third, "https://login.example.com/elsewhere") {
		t.Errorf("a new commit does not change it:\n%s", third)
	}
	if err := replace(filepath.Join(dir, "apps/aws.cue"), `phase: "active"}`, `phase: "active", key: {env: "ROSTER_KEY"}}, signMetadataWith: "2026"`); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "commit", "-q", "-a", "-m", "sign")
	head()
	if text, err := ask(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is to be signed is served without a key: %v\n%s", err, text)
	}
}
