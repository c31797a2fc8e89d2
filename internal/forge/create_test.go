package forge

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
)

func TestCreatePullRequestOpensOneOfABranch(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		s.Pulls = []*forgetest.Pull{
			{Number: 1, Branch: "approve-1", Author: "ann", Head: sha("a"), Base: "main", Updated: noon, Fork: true},
			{Number: 2, Branch: "approve-1", Author: "ann", Head: sha("a"), Base: "release", Updated: noon},
			{Number: 3, Branch: "approve-1", Author: "ann", Head: sha("a"), Base: "main", Merged: sha("c")},
			{Number: 4, Branch: "other", Author: "ann", Head: sha("a"), Base: "main", Updated: noon},
		}
		p := NewPullRequest{Branch: "approve-1", Base: "main", Title: "Approve", Body: "they left\n\n- 8 changes"}
		first, created, err := s.CreatePullRequest(t.Context(), p)
		if err != nil || !created || first.URL == "" || first.Branch != p.Branch || first.Title != p.Title {
			t.Fatalf("%+v, %t, %v", first, created, err)
		}
		stored := s.Pulls[len(s.Pulls)-1]
		if stored.Number != first.Number || stored.Base != p.Base || stored.Branch != p.Branch ||
			stored.Body != p.Body {
			t.Errorf("the forge has %+v", stored)
		}
		s.Sent("POST")
		again, created, err := s.CreatePullRequest(t.Context(), p)
		if err != nil || created || again.Number != first.Number || s.Sent("POST") != 0 {
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
		s.ReadOnly = true
		want("open a pull request from approve-1 to nowhere", "the token may not open pull requests: give it")
	})
}
