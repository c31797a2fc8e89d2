package forge

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// source returns the branch of a pull request.
func (p *fakePull) source() string {
	if p.branch == "" {
		return "change"
	}
	return p.branch
}

// creates returns the handler that opens a pull request. head, base and body name the fields of the
// request.
func (r *fakeForge) creates(head, base, body string, show func(*fakePull) map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		b := r.body(req)
		if r.readOnly {
			respond(w, 403, map[string]any{"message": "403 Forbidden"})
			return
		}
		p := &fakePull{number: 40 + len(r.pulls), author: botLogin, head: sha("e"), updated: noon,
			branch: fmt.Sprint(b[head]), base: fmt.Sprint(b[base]), title: fmt.Sprint(b["title"]),
			body: fmt.Sprint(b[body])}
		if p.base == "nowhere" {
			respond(w, 422, map[string]any{"message": "base is invalid"})
			return
		}
		r.pulls = append(r.pulls, p)
		respond(w, 201, show(p))
	}
}

func TestCreatePullRequestOpensOneOfABranch(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		s.pulls = []*fakePull{
			{number: 1, branch: "approve-1", author: "ann", head: sha("a"), base: "main", updated: noon, fork: true},
			{number: 2, branch: "approve-1", author: "ann", head: sha("a"), base: "release", updated: noon},
			{number: 3, branch: "approve-1", author: "ann", head: sha("a"), base: "main", merged: sha("c")},
			{number: 4, branch: "other", author: "ann", head: sha("a"), base: "main", updated: noon},
		}
		p := NewPullRequest{Branch: "approve-1", Base: "main", Title: "Approve", Body: "they left\n\n- 8 changes"}
		first, created, err := s.CreatePullRequest(t.Context(), p)
		if err != nil || !created || first.URL == "" || first.Branch != p.Branch || first.Title != p.Title {
			t.Fatalf("%+v, %t, %v", first, created, err)
		}
		stored := s.pulls[len(s.pulls)-1]
		if stored.number != first.Number || stored.base != p.Base || stored.branch != p.Branch ||
			stored.body != p.Body {
			t.Errorf("the forge has %+v", stored)
		}
		s.sent("POST")
		again, created, err := s.CreatePullRequest(t.Context(), p)
		if err != nil || created || again.Number != first.Number || s.sent("POST") != 0 {
			t.Errorf("again: %+v, %t, %v; want #%d without a request", again, created, err, first.Number)
		}
	})
}

func TestCreatePullRequestSaysWhatTheTokenLacks(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		p := NewPullRequest{Branch: "approve-1", Base: "nowhere", Title: "Approve", Body: "x"}
		want := func(parts ...string) {
			t.Helper()
			_, created, err := s.CreatePullRequest(t.Context(), p)
			for _, part := range parts {
				if err == nil || created || !strings.Contains(err.Error(), part) ||
					strings.Contains(err.Error(), canary) {
					t.Errorf("%t, %v; want an error with %q", created, err, part)
				}
			}
		}
		want("open a pull request from approve-1 to nowhere", "base is invalid")
		s.readOnly = true
		want("open a pull request from approve-1 to nowhere", "the token may not open pull requests: give it")
	})
}
