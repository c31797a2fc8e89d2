package gitrepo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// The answer to a push can be lost before or after the server has processed the push.
func TestAPushWhoseAnswerIsLost(t *testing.T) {
	put := map[string][]byte{"x": []byte("x")}
	t.Run("the push arrived", func(t *testing.T) {
		dir := newServer(t)
		c, server := newFaultProxy(t)
		r := fetched(t, server.URL+dir, Auth{})
		c.set(onPush(func(*http.Request, []byte) (int, bool) { return 0, true }))
		h, err := r.Update(t.Context(), "main", head(t, r, "main"), put, meta("m"))
		if err != nil {
			t.Fatalf("the commit is on the branch, but: %v", err)
		}
		if got := runGit(t, dir, "rev-parse", "main"); got != h.String() || head(t, r, "main") != h {
			t.Errorf("server %s, mirror %s, want %s", got, head(t, r, "main"), h)
		}
	})
	t.Run("the push arrived, and another commit followed", func(t *testing.T) {
		dir := newServer(t)
		c, server := newFaultProxy(t)
		r := fetched(t, server.URL+dir, Auth{})
		other := newMirror(t, dir, Auth{})
		c.set(onPush(func(*http.Request, []byte) (int, bool) {
			must(0, other.Fetch(context.Background()))
			edit := map[string][]byte{"y": []byte("y")}
			must(other.Update(context.Background(), "main", head(t, other, "main"), edit, meta("other")))
			return 0, true
		}))
		h, err := r.Update(t.Context(), "main", head(t, r, "main"), put, meta("m"))
		if err != nil {
			t.Fatalf("the commit is in the history, but: %v", err)
		}
		if got := runGit(t, dir, "rev-parse", "main~1"); got != h.String() {
			t.Errorf("main~1 is %s, want %s", got, h)
		}
	})
	t.Run("the push did not arrive", func(t *testing.T) {
		dir := newServer(t)
		c, server := newFaultProxy(t)
		r := fetched(t, server.URL+dir, Auth{})
		base := head(t, r, "main")
		c.backend = dropPushes(c.backend)
		_, err := r.Update(t.Context(), "main", base, put, meta("m"))
		var remote *RemoteError
		if !errors.As(err, &remote) || errors.Is(err, ErrStale) {
			t.Errorf("got %v", err)
		}
		if got := runGit(t, dir, "rev-parse", "main"); got != base.String() || head(t, r, "main") != base {
			t.Errorf("a branch moved: server %s", got)
		}
	})
	t.Run("the push did not arrive, and another writer's did", func(t *testing.T) {
		dir := newServer(t)
		c, server := newFaultProxy(t)
		r := fetched(t, server.URL+dir, Auth{})
		other := newMirror(t, dir, Auth{})
		drop := dropPushes(c.backend)
		c.backend = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if strings.HasSuffix(req.URL.Path, "/git-receive-pack") {
				must(0, other.Fetch(context.Background()))
				must(other.Update(context.Background(), "main", head(t, other, "main"), put, meta("other")))
			}
			drop.ServeHTTP(w, req)
		})
		h, err := r.Update(t.Context(), "main", head(t, r, "main"), put, meta("m"))
		if !errors.Is(err, ErrStale) || !h.IsZero() {
			t.Errorf("the commit of another writer is on the branch: %s, %v; want ErrStale", h, err)
		}
	})
	t.Run("the result is unknown", func(t *testing.T) {
		dir := newServer(t)
		c, server := newFaultProxy(t)
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
	t.Run("the context was canceled", func(t *testing.T) {
		dir := newServer(t)
		c, server := newFaultProxy(t)
		r := fetched(t, server.URL+dir, Auth{})
		ctx, cancel := context.WithCancel(t.Context())
		c.set(onPush(func(_ *http.Request, answer []byte) (int, bool) {
			cancel()
			return len(answer), true
		}))
		h, err := r.Update(ctx, "main", head(t, r, "main"), put, meta("m"))
		got := runGit(t, dir, "rev-parse", "main")
		if err == nil && got != h.String() || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("server %s, got %s, %v", got, h, err)
		}
	})
}
