package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// A cutter passes requests on to git http-backend and lets a test spoil what
// comes back.
type cutter struct {
	backend http.Handler
	// spoil is given the whole answer and returns how much of it to send
	// before the connection breaks; nil sends all.
	spoil spoiler
	mu    sync.Mutex
}

type spoiler = func(r *http.Request, answer []byte) (send int, cut bool)

func (c *cutter) set(s spoiler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spoil = s
}

func (c *cutter) get() spoiler {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spoil
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	c.backend.ServeHTTP(rec, r)
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	answer := rec.Body.Bytes()
	spoil := c.get()
	if spoil == nil {
		w.WriteHeader(rec.Code)
		w.Write(answer)
		return
	}
	n, cut := spoil(r, answer)
	if n > 0 || !cut {
		w.WriteHeader(rec.Code)
		w.Write(answer[:n])
	}
	if cut {
		panic(http.ErrAbortHandler)
	}
}

func newCutter(t *testing.T) (*cutter, *httptest.Server) {
	c := &cutter{backend: gitHTTPBackend(t)}
	server := httptest.NewUnstartedServer(c)
	server.Config.ErrorLog = nil
	server.Start()
	t.Cleanup(server.Close)
	return c, server
}

// However an answer is cut short, with or without the connection breaking, a
// fetch fails and the mirror is as it was.
func TestAnAnswerCutShortChangesNothing(t *testing.T) {
	dir := newServer(t)
	c, server := newCutter(t)
	r := fetched(t, server.URL+dir, Auth{})
	before := head(t, r, "main")
	runGit(t, dir, "branch", "second", "main")
	writer := fetched(t, dir, Auth{})
	must(writer.Update(t.Context(), "main", before, map[string][]byte{"x": bytes.Repeat([]byte("long "), 500)}, meta("second")))
	must(writer.Update(t.Context(), "second", before, map[string][]byte{"y": []byte("y")}, meta("third")))
	for _, what := range []string{"info/refs", "git-upload-pack"} {
		for _, breaks := range []bool{true, false} {
			var length atomic.Int64
			length.Store(1)
			tried := 0
			for n := 0; n < int(length.Load()); n += 1 + int(length.Load())/60 {
				c.set(func(req *http.Request, answer []byte) (int, bool) {
					if !strings.HasSuffix(req.URL.Path, what) {
						return len(answer), false
					}
					length.Store(int64(len(answer)))
					return min(n, len(answer)-1), breaks
				})
				err := r.Fetch(t.Context())
				if err == nil || errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("%s cut at %d of %d: %v", what, n, length.Load(), err)
				}
				tried++
			}
			if tried < 40 {
				t.Errorf("%s: only %d places tried", what, tried)
			}
			branches := must(r.Branches())
			if now := head(t, r, "main"); now != before || len(branches) != 1 {
				t.Fatalf("%s: the mirror changed: %s, %v", what, now, branches)
			}
		}
	}
	if left := must(filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "tmp*"))); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	c.set(nil)
	if err := r.Fetch(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	fsck(t, r.GitDir())
}

// The answer to a push may be lost: before the server got it, or after.
func TestAPushWhoseAnswerIsLost(t *testing.T) {
	put := map[string][]byte{"x": []byte("x")}
	t.Run("although it arrived", func(t *testing.T) {
		dir := newServer(t)
		c, server := newCutter(t)
		r := fetched(t, server.URL+dir, Auth{})
		c.set(onPush(func(*http.Request, []byte) (int, bool) { return 0, true }))
		h, err := r.Update(t.Context(), "main", head(t, r, "main"), put, meta("m"))
		if err != nil {
			t.Fatalf("it is on the branch, but: %v", err)
		}
		if got := runGit(t, dir, "rev-parse", "main"); got != h.String() || head(t, r, "main") != h {
			t.Errorf("server %s, mirror %s, want %s", got, head(t, r, "main"), h)
		}
	})
	t.Run("although it arrived, and another came on top", func(t *testing.T) {
		dir := newServer(t)
		c, server := newCutter(t)
		r := fetched(t, server.URL+dir, Auth{})
		other := newMirror(t, dir, Auth{})
		c.set(onPush(func(*http.Request, []byte) (int, bool) {
			must(0, other.Fetch(context.Background()))
			must(other.Update(context.Background(), "main", head(t, other, "main"), map[string][]byte{"y": []byte("y")}, meta("other")))
			return 0, true
		}))
		h, err := r.Update(t.Context(), "main", head(t, r, "main"), put, meta("m"))
		if err != nil {
			t.Fatalf("it is in history, but: %v", err)
		}
		if got := runGit(t, dir, "rev-parse", "main~1"); got != h.String() {
			t.Errorf("main~1 is %s, want %s", got, h)
		}
	})
	t.Run("because it never arrived", func(t *testing.T) {
		dir := newServer(t)
		c, server := newCutter(t)
		r := fetched(t, server.URL+dir, Auth{})
		base := head(t, r, "main")
		c.backend = dropPushes(c.backend)
		_, err := r.Update(t.Context(), "main", base, put, meta("m"))
		var remote *RemoteError
		if !errors.As(err, &remote) || errors.Is(err, ErrStale) {
			t.Errorf("got %v", err)
		}
		if got := runGit(t, dir, "rev-parse", "main"); got != base.String() || head(t, r, "main") != base {
			t.Errorf("something moved: server %s", got)
		}
	})
	t.Run("and nobody can say", func(t *testing.T) {
		dir := newServer(t)
		c, server := newCutter(t)
		r := fetched(t, server.URL+dir, Auth{})
		var pushed atomic.Bool
		c.set(func(req *http.Request, answer []byte) (int, bool) {
			if strings.HasSuffix(req.URL.Path, "/git-receive-pack") {
				pushed.Store(true)
			}
			if pushed.Load() {
				return 0, true
			}
			return len(answer), false
		})
		_, err := r.Update(t.Context(), "main", head(t, r, "main"), put, meta("m"))
		if err == nil || !strings.Contains(err.Error(), "unknown whether the commit arrived") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("because the caller gave up", func(t *testing.T) {
		dir := newServer(t)
		c, server := newCutter(t)
		r := fetched(t, server.URL+dir, Auth{})
		ctx, cancel := context.WithCancel(t.Context())
		c.set(onPush(func(_ *http.Request, answer []byte) (int, bool) {
			cancel()
			return len(answer), true
		}))
		h, err := r.Update(ctx, "main", head(t, r, "main"), put, meta("m"))
		if got := runGit(t, dir, "rev-parse", "main"); err == nil && got != h.String() || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("server %s, got %s, %v", got, h, err)
		}
	})
}

func onPush(spoil spoiler) spoiler {
	return func(r *http.Request, answer []byte) (int, bool) {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			return spoil(r, answer)
		}
		return len(answer), false
	}
}

// dropPushes breaks the connection before a push is handed on.
func dropPushes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// An SSH connection that breaks after any number of bytes is an error, and the
// mirror is as it was.
func TestAnSSHConnectionThatBreaks(t *testing.T) {
	dir := newServer(t)
	host := sshServer(t)
	broke := 0
	for limit := int64(0); ; limit += 250 {
		addr := breakingProxy(t, host.addr, limit)
		proxied := sshHost{addr: addr, knownHosts: filepath.Join(t.TempDir(), "known_hosts")}
		proxied.trust(host.signers[0])
		r := newMirror(t, "ssh://git@"+addr+dir, Auth{SSHKeyFile: host.auth.SSHKeyFile, KnownHostsFiles: []string{proxied.knownHosts}})
		err := r.Fetch(t.Context())
		if err == nil {
			break // the limit was beyond the end
		}
		if branches := must(r.Branches()); errors.Is(err, fs.ErrNotExist) || len(branches) > 0 {
			t.Errorf("broken after %d bytes: %v, %v", limit, err, branches)
		}
		broke++
	}
	if broke < 8 {
		t.Errorf("it broke only %d times", broke)
	}
}

// breakingProxy passes one connection on and breaks it after limit bytes from
// the server.
func breakingProxy(t *testing.T, to string, limit int64) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		defer in.Close()
		out, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer out.Close()
		go io.Copy(out, in)
		io.CopyN(in, out, limit)
	}()
	return listener.Addr().String()
}

func TestSSHWithAnAgent(t *testing.T) {
	dir := newServer(t)
	host := sshServer(t)
	keyring := agent.NewKeyring()
	key := must(readPrivateKey(host.auth.SSHKeyFile))
	must(0, keyring.Add(agent.AddedKey{PrivateKey: key}))
	socket := filepath.Join(t.TempDir(), "agent")
	listener := must(net.Listen("unix", socket))
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(keyring, c)
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
	fetched(t, host.url(dir), Auth{KnownHostsFiles: host.auth.KnownHostsFiles})
}

func TestHTTPGoesThroughTheProxy(t *testing.T) {
	dir := newServer(t)
	server := httptest.NewServer(gitHTTPBackend(t))
	defer server.Close()
	var used atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used.Add(1)
		gitHTTPBackend(t).ServeHTTP(w, r)
	}))
	defer proxy.Close()
	fetched(t, server.URL+dir, Auth{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }})
	if used.Load() == 0 {
		t.Error("the proxy was not used")
	}
}

func readPrivateKey(file string) (any, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ssh.ParseRawPrivateKey(data)
}
