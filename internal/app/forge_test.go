package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// A GitHub App needs no HTTPS address of the repository: Git reads it by SSH with a key, and the
// App has the API for pull requests.
func TestAGitHubAppWithARepositoryBySSH(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		asked = append(asked, req.Method+" "+req.URL.Path)
		mu.Unlock()
		answer := map[string]string{
			"/api/v3/repos/acme/people/installation":     `{"id": 99}`,
			"/api/v3/app/installations/99/access_tokens": `{"token": "t", "expires_at": "2099-01-01T00:00:00Z"}`,
			"/api/v3/repos/acme/people/pulls":            `[]`,
		}[req.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	for _, address := range []string{"git@ghe.example:acme/people.git", "ssh://git@ghe.example:22/acme/people"} {
		asked = nil
		settings := &Settings{Env: func(string) (string, bool) { return "", false }}
		config := &RepositoryConfig{URL: address, Git: GitCredentials{AppID: 7, AppKey: file},
			Network: GitNetwork{GitHubAPI: server.URL + "/api/v3"}}
		access, err := (gitAccess{settings: settings, config: config}).auth(config.URL, &config.Git)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if _, err := access.Token(t.Context()); err != nil {
			t.Errorf("%s: the token for Git: %v", address, err)
		}
		f, err := (&ForgeConfig{Kind: "github", API: server.URL + "/api/v3"}).open(settings, config)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if _, err := f.PullRequests(t.Context(), "main"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if !slices.Contains(asked, "GET /api/v3/repos/acme/people/pulls") {
			t.Errorf("%s: asked for %q", address, asked)
		}
	}
}
