package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// githubCmd serves the bare repositories below $WORK as GitHub does, only to the installation of an
// App. The App's ID is 4711, its key is written to app.pem, and each new token revokes the previous
// one. It sets $GITHUB to the address.
func githubCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 0, "github")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "app.pem"), block, 0o600))
	backend := gitBackend(ts)
	var tokens atomic.Int32
	mux := http.NewServeMux()
	app := func(answer func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := checkJWT(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "),
				&key.PublicKey); err != nil {
				http.Error(w, fmt.Sprintf(`{"message": "A JSON web token could not be decoded: %v"}`, err),
					http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			answer(w, r)
		}
	}
	mux.HandleFunc("GET /api/v3/repos/{owner}/{name}/installation",
		app(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id": 77}`) }))
	mux.HandleFunc("POST /api/v3/app/installations/77/access_tokens", app(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Repositories []string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Repositories) != 1 {
			http.Error(w, `{"message": "want one repository"}`, http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token": "ghs_canary%d", "expires_at": %q}`, tokens.Add(1),
			time.Now().Add(time.Hour).Format(time.RFC3339))
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if n := tokens.Load(); n == 0 || user != "x-access-token" || password != fmt.Sprintf("ghs_canary%d", n) {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv("GITHUB", server.URL)
}

// checkJWT checks the token of an App (RFC 7515, RS256), without the library that creates it.
func checkJWT(token string, key *rsa.PublicKey) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%d parts", len(parts))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil {
		return err
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Iss      string
		Iat, Exp float64
	}
	if err := json.Unmarshal(content, &claims); err != nil {
		return err
	}
	now := float64(time.Now().Unix())
	if claims.Iss != "4711" || claims.Iat > now || claims.Exp < now || claims.Exp > now+600 {
		return fmt.Errorf("invalid claims: %s", content)
	}
	return nil
}
