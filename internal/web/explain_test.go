package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// TestFewExplanationsAreMadeAtATime sends 20 requests at once, and counts.
func TestFewExplanationsAreMadeAtATime(t *testing.T) {
	var current, highest atomic.Int32
	entered, release := make(chan struct{}, 20), make(chan struct{})
	s := &Server{State: func() daemon.State { return daemon.State{} },
		Explain: func(context.Context, string, string, string) ([]*explain.Explanation, error) {
			if n := current.Add(1); n > highest.Load() {
				highest.Store(n)
			}
			entered <- struct{}{}
			<-release
			current.Add(-1)
			return nil, nil
		}}
	handler := s.Handler()
	send := func(ctx context.Context) int {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, newRequest("GET", "/api/v1/explain/user/x").WithContext(ctx))
		return w.Code
	}
	codes := make(chan int, 20)
	for range 20 {
		go func() { codes <- send(t.Context()) }()
	}
	for range maxExplanations {
		<-entered
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if code := send(gone); code != 503 {
		t.Errorf("a request that no longer waits: %d; want 503", code)
	}
	close(release)
	for range 20 {
		if code := <-codes; code != 200 {
			t.Errorf("status %d", code)
		}
	}
	if highest.Load() != maxExplanations {
		t.Errorf("%d explanations at once; want %d", highest.Load(), maxExplanations)
	}
}

func noExplanation(_ context.Context, kind, key, _ string) ([]*explain.Explanation, error) {
	return nil, fmt.Errorf("no %s %q: %w", kind, key, fs.ErrNotExist)
}

func TestExplanations(t *testing.T) {
	explain := func(_ context.Context, kind, key, provisioner string) ([]*explain.Explanation, error) {
		switch key {
		case "nobody":
			return nil, fmt.Errorf("no %s %q: %w", kind, key, fs.ErrNotExist)
		case "two":
			return nil, fmt.Errorf("%q: %w", key, explain.ErrAmbiguous)
		case "broken":
			return nil, errors.New("read the audit branch: unreachable")
		}
		fact := explain.Fact{Topic: "member", Subject: "sre", Text: "declared member", File: "groups/sre.cue",
			Line:       3,
			LastCommit: &reconcile.CommitRef{ID: "0123456789", Author: "Eve <eve@example.com>", Subject: "<i>"}}
		return []*explain.Explanation{{Kind: kind, Key: key, Provisioner: provisioner,
			Answer: "<b>" + key + "</b> is in AWS.", Facts: []explain.Fact{fact}}}, nil
	}
	for _, test := range []struct {
		name, path string
		code       int
		has        string
	}{
		{"a user as JSON", "/api/v1/explain/user/u-1?provisioner=aws", 200, `"provisioner": "aws"`},
		{"a group as JSON", "/api/v1/explain/group/sre", 200, `"kind": "group"`},
		{"a name with a space", "/api/v1/explain/group/Break%20Glass", 200, `"key": "Break Glass"`},
		{"an unknown user", "/api/v1/explain/user/nobody", 404, `"error": "no user \"nobody\"`},
		{"an ambiguous name", "/api/v1/explain/user/two", 409, `"error"`},
		{"an unreachable audit branch", "/api/v1/explain/user/broken", 500, "unreachable"},
		{"an unknown kind", "/api/v1/explain/app/aws", 404, ""},
		{"the page escapes text", "/users/u-1", 200, "&lt;b&gt;u-1&lt;/b&gt; is in AWS"},
		{"the page shows the line", "/users/u-1", 200, "<code>groups/sre.cue:3</code>"},
		{"the page shows who changed the line", "/users/u-1", 200, "Eve, "},
		{"the page leads to the group", "/users/u-1", 200, `<a href="/groups/sre">sre</a>`},
		{"the page of an unknown group", "/groups/nobody", 404, "no group"},
		{"the page of an ambiguous name", "/users/two", 409, "two"},
		{"a search leads to the user", "/find?q=u-1", 303, "/users/u-1"},
		{"a search for nobody", "/find?q=nobody", 404, "Nobody and no group has the name"},
		{"a search for a name of two", "/find?q=two", 409, "&#34;two&#34;"},
		{"a search for nothing", "/find?q=+", 404, "Nothing was asked for"},
		{"a search while the audit branch is unreachable", "/find?q=broken", 500, "unreachable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			s := &Server{State: func() daemon.State { return daemon.State{} }, Explain: explain}
			s.Handler().ServeHTTP(w, newRequest("GET", test.path))
			if w.Code != test.code || !strings.Contains(w.Body.String(), test.has) {
				t.Errorf("%d %s; want %d with %s", w.Code, w.Body, test.code, test.has)
			}
		})
	}
}
