package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
)

const metadataXML = `<?xml version="1.0"?><EntityDescriptor/>`

// testMetadata has one valid file for each of two domains, and an app whose metadata cannot be
// rendered.
func testMetadata(_ context.Context, app, domain string) (*Metadata, error) {
	switch app + " " + domain {
	case "aws login.example.com":
		return &Metadata{XML: []byte(metadataXML), Expires: time.Now().Add(24 * time.Hour)}, nil
	case "aws login.example.com:8443":
		return &Metadata{XML: []byte(metadataXML + "<!-- -->"), Expires: time.Now().Add(-time.Hour)}, nil
	case "broken login.example.com":
		return nil, errors.New("canary-77aa: the secret file is gone")
	}
	return nil, fmt.Errorf("%w: no app %q", fs.ErrNotExist, app)
}

func TestMetadata(t *testing.T) {
	handler := (&Server{State: func() daemon.State { return daemon.State{} }, Metadata: testMetadata}).Handler()
	request := func(method, path string, header ...string) *http.Response {
		r := newRequest(method, path)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result()
	}
	const path = "/saml/aws/login.example.com/metadata.xml"
	first := request("GET", path)
	etag := first.Header.Get("ETag")
	if len(etag) != 66 || first.Header.Get("Content-Type") != "application/samlmetadata+xml" ||
		first.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("headers %v", first.Header)
	}
	if text := body(t, first); !strings.HasSuffix(text, metadataXML) {
		t.Errorf("the body is %s", text)
	}
	if other := request("GET", "/saml/aws/login.example.com:8443/metadata.xml"); other.Header.Get("ETag") == etag ||
		other.Header.Get("Cache-Control") != "public, max-age=0" {
		t.Errorf("the other domain has the headers %v", other.Header)
	}
	for _, test := range []struct {
		name, method, path string
		header             []string
		want               int
	}{
		{"a HEAD", "HEAD", path, nil, 200},
		{"an unchanged file", "GET", path, []string{"If-None-Match", etag}, 304},
		{"an unchanged file with a weak ETag", "GET", path, []string{"If-None-Match", "W/" + etag}, 304},
		{"a changed file", "GET", path, []string{"If-None-Match", `"abc"`}, 200},
		{"another method", "POST", path, nil, 405},
		{"an app without metadata", "GET", "/saml/azure/login.example.com/metadata.xml", nil, 404},
		{"another domain", "GET", "/saml/aws/login.example.org/metadata.xml", nil, 404},
		{"another path", "GET", "/saml/aws/login.example.com/metadata", nil, 404},
		{"metadata that cannot be rendered", "GET", "/saml/broken/login.example.com/metadata.xml", nil, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := request(test.method, test.path, test.header...)
			if have.StatusCode != test.want {
				t.Errorf("%s; want %d", have.Status, test.want)
			}
			if text, err := io.ReadAll(have.Body); err != nil || strings.Contains(string(text), "canary") {
				t.Errorf("the reason is shown: %s, %v", text, err)
			}
		})
	}
	plain := (&Server{State: func() daemon.State { return daemon.State{} }}).Handler()
	w := httptest.NewRecorder()
	if plain.ServeHTTP(w, newRequest("GET", path)); w.Code != http.StatusNotFound {
		t.Errorf("a server without metadata responds with %d", w.Code)
	}
}
