package gitrepo

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// noSecret fails the test if an error contains a credential in any form.
func noSecret(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			for _, s := range secrets {
				basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + s))
				if strings.Contains(text, s) || strings.Contains(text, basic) {
					t.Errorf("the error contains the secret: %s", text)
				}
			}
		}
	}
}

func token(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func TestHTTPSErrorsSayWhatToDo(t *testing.T) {
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
		name    string
		url     string
		auth    Auth
		is      func(error) bool
		wantErr string
	}{
		{"a wrong token", server.url(dir), with(func(a *Auth) { a.Token = token("wr0ng-s3cret") }), isAuth,
			"the token is wrong, expired or revoked"},
		{"no token", server.url(dir), with(func(a *Auth) { a.Token = nil }), isAuth, "none are configured"},
		{"a token that cannot be obtained", server.url(dir), with(func(a *Auth) {
			a.Token = func(context.Context) (string, error) { return "", errors.New("app is suspended") }
		}), isRemote, "get token: app is suspended"},
		{"no such repository", server.url(dir + "-nowhere"), good, isMissing, "the repository does not exist"},
		{"an authority that is not trusted", server.url(dir), with(func(a *Auth) { a.CAFile = "" }), isRemote,
			"not signed by a trusted authority"},
		{"a closed port", closed.URL + dir, Auth{Token: good.Token}, isRemote, "cannot be reached"},
		{"a host that does not exist", "https://nowhere.invalid/x", good, isRemote, "nowhere.invalid"},
		{"a sign-in page", page.URL + dir, Auth{Token: good.Token}, isRemote, ""},
		{"a broken gateway", broken.URL + dir, Auth{Token: good.Token}, isRemote, "HTTP status 502"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newMirror(t, tt.url, tt.auth)
			err := r.Fetch(t.Context())
			if !tt.is(err) || !strings.Contains(err.Error(), tt.wantErr) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("fetch: %T %v", err, err)
			}
			noSecret(t, err, testToken, "wr0ng-s3cret")
			_, err = r.Update(t.Context(), "main", Hash{}, map[string][]byte{"a": nil, "b": []byte("b")}, meta("m"))
			if !tt.is(err) || !strings.Contains(err.Error(), tt.wantErr) || errors.Is(err, fs.ErrNotExist) ||
				errors.Is(err, ErrStale) {
				t.Errorf("commit: %T %v", err, err)
			}
			noSecret(t, err, testToken, "wr0ng-s3cret")
		})
	}
	t.Run("a read-only token", func(t *testing.T) {
		r := fetched(t, server.url(dir), with(func(a *Auth) { a.Token = token("readonly-token") }))
		_, err := r.Update(t.Context(), "main", head(t, r, "main"), map[string][]byte{"b": []byte("b")}, meta("m"))
		if !isAuth(err) || !strings.Contains(err.Error(), "403") {
			t.Errorf("%v", err)
		}
		noSecret(t, err, "readonly-token")
	})
}

func TestFileErrorsSayWhatToDo(t *testing.T) {
	dir := newServer(t)
	var remote *RemoteError
	err := newMirror(t, "file://"+dir+"-nowhere", Auth{}).Fetch(t.Context())
	if !errors.As(err, &remote) || !remote.Missing || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such repository: %v", err)
	}
	r := newMirror(t, "file://"+dir, Auth{})
	t.Setenv("PATH", t.TempDir())
	if err := r.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "install git") {
		t.Errorf("without git: %v", err)
	}
}

// newSilentServer starts a server that accepts connections and never sends anything.
func newSilentServer(t *testing.T) string {
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

func TestAServerThatNeverAnswersBlocksNoFetch(t *testing.T) {
	addr := newSilentServer(t)
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
