package forge

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
)

// TestGitHubApp checks that the key signs requests of the App, that tokens are renewed before they
// expire, that comments are the bot's, and that annotations are sent in batches that GitHub
// accepts. Git may read the repository by SSH: the App is for the API only.
func TestGitHubApp(t *testing.T) {
	for name, at := range map[string]func(server string) Config{
		"HTTPS": func(server string) Config { return Config{Repository: server + "/acme/people"} },
		"SSH": func(server string) Config {
			return Config{Repository: "git@ghe.example:acme/people.git", API: server + "/api/v3"}
		},
	} {
		t.Run(name, func(t *testing.T) { testGitHubApp(t, at) })
	}
}

func testGitHubApp(t *testing.T, at func(server string) Config) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	r := &forgetest.State{T: t}
	issued := 0
	server := r.Serve(appAPI(t, r, key, &now, &issued), func(*http.Request) bool { return true })
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	config := at(server.URL)
	config.Kind, config.App = KindGitHub, &App{ID: 4711, PrivateKey: pemKey}
	config.Now = func() time.Time { return now }
	f, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	p := &forgetest.Pull{Number: 7, Author: "ann", Head: sha("a"), Base: "main"}
	r.Pulls = []*forgetest.Pull{p}
	own := r.Add(p, "roster[bot]", Marker+"\nbefore")
	if err := f.Comment(t.Context(), 7, "after"); err != nil || own.Body != Marker+"\nafter" {
		t.Errorf("%v; the bot's comment is %q", err, own.Body)
	}
	var found []Annotation
	for i := range 120 {
		found = append(found, Annotation{Path: "users.cue", Line: i, Title: "R1042", Message: "no such group"})
	}
	if err := f.SetStatus(t.Context(), sha("a"), Status{State: Failure, Description: "120 problems",
		Annotations: found}); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, check := range r.Checks {
		list, _ := check["output"].(map[string]any)["annotations"].([]any)
		sizes = append(sizes, len(list))
	}
	if fmt.Sprint(sizes) != "[50 50 20]" || r.Checks[0]["conclusion"] != "failure" ||
		r.Checks[0]["head_sha"] != sha("a") {
		t.Errorf("check runs with %v annotations, the first %v", sizes, r.Checks[0]["conclusion"])
	}
	if issued != 1 {
		t.Errorf("%d tokens for several calls; want one", issued)
	}
	now = now.Add(56 * time.Minute)
	if _, err := f.PullRequests(t.Context(), "main"); err != nil || issued != 2 {
		t.Errorf("%v; %d tokens after 56 minutes, want a second", err, issued)
	}
}

// appAPI serves GitHub's API for an App: it checks the tokens that the App signs with its key,
// counts the tokens that it issues, and accepts only the newest one.
func appAPI(t *testing.T, r *forgetest.State, key *rsa.PrivateKey, now *time.Time, issued *int) http.Handler {
	api := http.NewServeMux()
	asApp := func(w http.ResponseWriter, req *http.Request) bool {
		claims := &jwt.RegisteredClaims{}
		_, err := jwt.ParseWithClaims(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "), claims,
			func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
			jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("4711"), jwt.WithIssuedAt(),
			jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return *now }))
		if err != nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 10*time.Minute {
			t.Errorf("%s: %v, from %v to %v", req.URL, err, claims.IssuedAt, claims.ExpiresAt)
			forgetest.Respond(w, 401, map[string]any{"message": "A JSON web token could not be decoded"})
			return false
		}
		return true
	}
	api.HandleFunc("GET /api/v3/repos/acme/people/installation", func(w http.ResponseWriter, req *http.Request) {
		if asApp(w, req) {
			forgetest.Respond(w, 200, map[string]any{"id": 99, "app_id": 4711})
		}
	})
	api.HandleFunc("POST /api/v3/app/installations/99/access_tokens", func(w http.ResponseWriter, req *http.Request) {
		if asApp(w, req) {
			*issued++
			forgetest.Respond(w, 201, map[string]any{"token": fmt.Sprintf("%s-%d", canary, *issued),
				"expires_at": now.Add(time.Hour).UTC().Format(time.RFC3339), "body": r.Decode(req)})
		}
	})
	api.HandleFunc("GET /api/v3/app", func(w http.ResponseWriter, req *http.Request) {
		if asApp(w, req) {
			forgetest.Respond(w, 200, map[string]any{"id": 4711, "slug": "roster"})
		}
	})
	rest := forgetest.GitHub(r)
	api.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		if have, want := req.Header.Get("Authorization"), fmt.Sprintf("Bearer %s-%d", canary, *issued); have != want {
			t.Errorf("%s: %q; want %q", req.URL, have, want)
		}
		rest.ServeHTTP(w, req)
	})
	return api
}
