package gitrepo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// noSecret fails if an error shows a credential in any form.
func noSecret(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			for _, s := range secrets {
				if strings.Contains(text, s) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("x-access-token:"+s))) {
					t.Errorf("shows the secret: %s", text)
				}
			}
		}
	}
}

func token(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func TestHTTPSFailuresSayWhatToDo(t *testing.T) {
	dir := newServer(t)
	server := httpsServer(t)
	good := server.auth
	closed := httptest.NewServer(nil)
	closed.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "<html>please sign in "+r.Header.Get("Authorization")+"</html>")
	}))
	defer page.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "oops "+r.Header.Get("Authorization"), http.StatusBadGateway)
	}))
	defer broken.Close()
	with := func(change func(*Auth)) Auth { a := good; change(&a); return a }
	isAuth := func(err error) bool { var e *AuthError; return errors.As(err, &e) }
	isRemote := func(err error) bool { var e *RemoteError; return errors.As(err, &e) && !e.Missing }
	isMissing := func(err error) bool { var e *RemoteError; return errors.As(err, &e) && e.Missing }
	for _, tt := range []struct {
		name string
		url  string
		auth Auth
		is   func(error) bool
		says string
	}{
		{"a wrong token", server.url(dir), with(func(a *Auth) { a.Token = token("wr0ng-s3cret") }), isAuth, "the token is wrong, expired or was revoked"},
		{"no token", server.url(dir), with(func(a *Auth) { a.Token = nil }), isAuth, "none are configured"},
		{"a token that cannot be had", server.url(dir), with(func(a *Auth) {
			a.Token = func(context.Context) (string, error) { return "", errors.New("app is suspended") }
		}), isRemote, "get token: app is suspended"},
		{"no such repository", server.url(dir + "-nowhere"), good, isMissing, "there is no such repository"},
		{"an authority that is not trusted", server.url(dir), with(func(a *Auth) { a.CAFile = "" }), isRemote, "authority that is not trusted"},
		{"nobody listening", closed.URL + dir, Auth{Token: good.Token}, isRemote, "cannot be reached"},
		{"a host that does not exist", "https://nowhere.invalid/x", good, isRemote, "nowhere.invalid"},
		{"a sign-in page", page.URL + dir, Auth{Token: good.Token}, isRemote, ""},
		{"a broken gateway", broken.URL + dir, Auth{Token: good.Token}, isRemote, "HTTP status 502"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newMirror(t, tt.url, tt.auth)
			err := r.Fetch(t.Context())
			if !tt.is(err) || !strings.Contains(err.Error(), tt.says) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("fetch: %T %v", err, err)
			}
			noSecret(t, err, testToken, "wr0ng-s3cret")
			_, err = r.Update(t.Context(), "main", Hash{}, map[string][]byte{"a": nil, "b": []byte("b")}, meta("m"))
			if !tt.is(err) || !strings.Contains(err.Error(), tt.says) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrStale) {
				t.Errorf("commit: %T %v", err, err)
			}
			noSecret(t, err, testToken, "wr0ng-s3cret")
		})
	}
	t.Run("a token that may only read", func(t *testing.T) {
		r := fetched(t, server.url(dir), with(func(a *Auth) { a.Token = token("readonly-token") }))
		_, err := r.Update(t.Context(), "main", head(t, r, "main"), map[string][]byte{"b": []byte("b")}, meta("m"))
		if !isAuth(err) || !strings.Contains(err.Error(), "403") {
			t.Errorf("%v", err)
		}
		noSecret(t, err, "readonly-token")
	})
}

func TestATokenIsAskedForAtEachConnection(t *testing.T) {
	dir := newServer(t)
	server := httpsServer(t)
	auth, current := server.auth, "expired-token"
	auth.Token = func(context.Context) (string, error) { return current, nil }
	r := newMirror(t, server.url(dir), auth)
	var refused *AuthError
	if err := r.Fetch(t.Context()); !errors.As(err, &refused) {
		t.Fatalf("with the old token: %v", err)
	}
	current = testToken
	if err := r.Fetch(t.Context()); err != nil {
		t.Errorf("with the new one: %v", err)
	}
}

func TestCredentialsInTheURLAreUsedAndForgotten(t *testing.T) {
	dir := newServer(t)
	server := httpsServer(t)
	url := strings.Replace(server.url(dir), "https://", "https://x-access-token:"+testToken+"@", 1)
	r := fetched(t, url, Auth{CAFile: server.auth.CAFile})
	if strings.Contains(r.URL(), testToken) {
		t.Errorf("URL shows %s", r.URL())
	}
	must(0, filepath.WalkDir(r.GitDir(), func(p string, d fs.DirEntry, err error) error {
		if data, rerr := os.ReadFile(p); rerr == nil && strings.Contains(string(data), testToken) {
			t.Errorf("%s holds the token", p)
		}
		return err
	}))
	for _, bad := range []string{"https://u:s3cr%zz@h/x", "https://u:" + testToken + "@/x", "ftp://u:" + testToken + "@h/x", "http://u:" + testToken + "@example.com/x", "https://u:" + testToken + "@h"} {
		_, err := Mirror(t.TempDir(), bad, Auth{})
		if err == nil {
			t.Errorf("%s is accepted", bad)
		}
		noSecret(t, err, testToken, "s3cr")
	}
}

func TestAuthHidesItsSecrets(t *testing.T) {
	a := Auth{Username: "u", Password: "s3cret-1", SSHPassphrase: "s3cret-2", Token: token("s3cret-3")}
	j := must(json.Marshal(struct{ A Auth }{a}))
	for _, text := range []string{a.String(), fmt.Sprint(a), fmt.Sprintf("%+v %#v %q %x %s", a, a, a, a, &a), fmt.Sprintf("%v", struct{ X *Auth }{&a}.X), string(j), slog.AnyValue(a).Resolve().String()} {
		if strings.Contains(text, "s3cret") || strings.Contains(text, fmt.Sprintf("%x", "s3cret")) {
			t.Errorf("shows %s", text)
		}
	}
}

// A server may send us elsewhere; the credentials do not come along.
func TestCredentialsDoNotFollowARedirect(t *testing.T) {
	dir := newServer(t)
	var seen atomic.Value
	open := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Authorization"))
		gitHTTPBackend(t).ServeHTTP(w, r)
	}))
	defer open.Close()
	moved := httptest.NewServer(requireToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, open.URL+r.URL.RequestURI(), http.StatusMovedPermanently)
	})))
	defer moved.Close()
	r := newMirror(t, moved.URL+dir, Auth{Token: token(testToken)})
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatalf("the redirect is not followed: %v", err)
	}
	if got := seen.Load(); got != "" {
		t.Errorf("the other server got %q", got)
	}
}

func TestSSHFailuresSayWhatToDo(t *testing.T) {
	dir := newServer(t)
	host := sshServer(t)
	otherKey, _ := newKeyFile(t, "")
	locked, _ := newKeyFile(t, "s3cret-phrase")
	empty := filepath.Join(t.TempDir(), "known_hosts")
	write(t, filepath.Dir(empty), "known_hosts", "")
	stranger := filepath.Join(t.TempDir(), "known_hosts")
	hostile := sshHost{addr: host.addr, knownHosts: stranger}
	hostile.trust(newSigner(t, "ed25519"))
	fetch := func(url string, auth Auth) error { return newMirror(t, url, auth).Fetch(t.Context()) }
	with := func(change func(*Auth)) Auth { a := host.auth; change(&a); return a }
	var key *HostKeyError

	err := fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{empty} }))
	if !errors.As(err, &key) || len(key.Known) != 0 || key.File != empty || key.Host != host.addr {
		t.Fatalf("an unknown host: %v", err)
	}
	offered := fingerprint(host.signers[0].PublicKey())
	if rsa := fingerprint(host.signers[1].PublicKey()); key.Offered != offered && key.Offered != rsa {
		t.Errorf("offered %s, have %s and %s", key.Offered, offered, rsa)
	}
	runShell(t, key.Fix) // the advice works as printed
	if err := fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{empty} })); err != nil {
		t.Errorf("after following the advice: %v", err)
	}

	err = fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{stranger} }))
	if !errors.As(err, &key) || len(key.Known) != 1 || key.File != stranger+":2" || key.Offered != offered || !strings.Contains(err.Error(), key.Known[0]) {
		t.Fatalf("another key than the known one: %v", err)
	}
	runShell(t, key.Fix)
	if err := fetch(host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{stranger} })); err != nil {
		t.Errorf("after following the advice: %v", err)
	}

	host.trust(host.signers[1])
	if err := fetch(host.url(dir), host.auth); err != nil {
		t.Errorf("only the RSA key of a host with several is known: %v", err)
	}
	for _, tt := range []struct {
		name string
		url  string
		auth Auth
		says string
	}{
		{"a key that the server does not know", host.url(dir), with(func(a *Auth) { a.SSHKeyFile = otherKey }), "does not accept the SSH key " + otherKey},
		{"a locked key", host.url(dir), with(func(a *Auth) { a.SSHKeyFile = locked }), "give its passphrase"},
		{"a locked key and a wrong passphrase", host.url(dir), with(func(a *Auth) { a.SSHKeyFile, a.SSHPassphrase = locked, "wr0ng" }), "decryption password incorrect"},
		{"no key and no agent", host.url(dir), with(func(a *Auth) { a.SSHKeyFile = "" }), "start an agent"},
		{"a key file that is not there", host.url(dir), with(func(a *Auth) { a.SSHKeyFile = "/nowhere/id" }), "/nowhere/id"},
		{"a known_hosts file that is not there", host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = []string{"/nowhere/kh"} }), "/nowhere/kh"},
		{"no known_hosts file at all", host.url(dir), with(func(a *Auth) { a.KnownHostsFiles = nil }), "ask the server's owner for it"},
		{"no such repository", host.url(dir + "-nowhere"), host.auth, "there is no such repository"},
		{"nobody listening", "ssh://git@127.0.0.1:1/x", host.auth, "cannot be reached"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := fetch(tt.url, tt.auth)
			if err == nil || !strings.Contains(err.Error(), tt.says) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v", err)
			}
			noSecret(t, err, "s3cret-phrase", "wr0ng")
		})
	}
	if err := fetch(host.url(dir), with(func(a *Auth) { a.SSHKeyFile, a.SSHPassphrase = locked, "s3cret-phrase" })); err == nil || !strings.Contains(err.Error(), "does not accept") {
		t.Errorf("an unlocked key that the server does not know: %v", err)
	}
}

func TestFileFailuresSayWhatToDo(t *testing.T) {
	dir := newServer(t)
	var remote *RemoteError
	if err := newMirror(t, "file://"+dir+"-nowhere", Auth{}).Fetch(t.Context()); !errors.As(err, &remote) || !remote.Missing || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such repository: %v", err)
	}
	r := newMirror(t, "file://"+dir, Auth{})
	t.Setenv("PATH", t.TempDir())
	if err := r.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "install git") {
		t.Errorf("without git: %v", err)
	}
}

// silentServer accepts connections and never says a word.
func silentServer(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	})
	return listener.Addr().String()
}

func TestAServerThatNeverAnswersHangsNobody(t *testing.T) {
	addr := silentServer(t)
	host := sshServer(t)
	for _, url := range []string{"http://" + addr + "/x", "https://" + addr + "/x", "ssh://git@" + addr + "/x"} {
		t.Run(url[:5], func(t *testing.T) {
			r := newMirror(t, url, host.auth)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			err := r.Fetch(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer in time") {
				t.Errorf("fetch: %v", err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}
