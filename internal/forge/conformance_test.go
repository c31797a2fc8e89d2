package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// kinds are the implementations that pass the same tests.
var kinds = []Kind{KindGitHub, KindGitLab, KindGitea}

// fixture is a client with the fake forge behind it.
type fixture struct {
	*forgetest.State
	Forge
	reopen func() Forge // a new client, as after a restart
	clock  *time.Time
}

func eachForge(t *testing.T, do func(t *testing.T, kind Kind, s *fixture)) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			r := &forgetest.State{T: t, Token: canary}
			repository := r.Start(string(kind))
			now := noon
			reopen := func() Forge {
				opened, err := Open(Config{Kind: kind, Repository: repository, Token: canary,
					UserAgent: "roster/test", Now: func() time.Time { return now }})
				if err != nil {
					t.Fatal(err)
				}
				return opened
			}
			do(t, kind, &fixture{State: r, Forge: reopen(), reopen: reopen, clock: &now})
		})
	}
}

func version(head string, at time.Time) forgetest.Version {
	return forgetest.Version{Head: head, At: at}
}

func reviewBy(by, head, verdict string, at time.Time) forgetest.Review {
	return forgetest.Review{By: by, Head: head, Verdict: verdict, At: at}
}

func commit(sha, author, committer string) forgetest.Commit {
	return forgetest.Commit{Sha: sha, Author: author, Committer: committer}
}

func sha(c string) string { return strings.Repeat(c, 40) }

func TestPullRequestsListsEveryOpenOne(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		for i := 1; i <= 250; i++ {
			s.Pulls = append(s.Pulls, &forgetest.Pull{Number: i, Title: fmt.Sprintf("Change %d", i), Author: "ann",
				Head: sha("a"), Base: "main", Draft: i == 7, Fork: i == 8,
				Updated: noon.Add(time.Duration(i) * time.Minute)})
		}
		s.Pulls = append(s.Pulls, &forgetest.Pull{Number: 300, Author: "ann", Head: sha("a"), Base: "other",
			Updated: noon},
			&forgetest.Pull{Number: 301, Author: "ann", Head: sha("a"), Base: "main", Merged: sha("c"), Updated: noon})
		list, err := s.PullRequests(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 250 || list[0].Number != 250 || list[249].Number != 1 {
			t.Fatalf("%d pull requests, from %d to %d", len(list), list[0].Number, list[len(list)-1].Number)
		}
		for _, pr := range list {
			if pr.Draft != (pr.Number == 7) || pr.Fork != (pr.Number == 8) {
				t.Errorf("#%d: draft %t, fork %t", pr.Number, pr.Draft, pr.Fork)
			}
		}
		pr := list[0]
		if pr.Head != sha("a") || pr.Title != "Change 250" || pr.Author != "ann" || pr.URL == "" ||
			!strings.HasSuffix(pr.HeadRef, "/250/head") || !pr.Updated.Equal(noon.Add(250*time.Minute)) {
			t.Errorf("%+v", pr)
		}
	})
}

func TestCommentIsEditedInPlace(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		p := &forgetest.Pull{Number: 7, Author: "ann", Head: sha("a"), Base: "main"}
		s.Pulls = []*forgetest.Pull{p}
		for i := range 230 { // roster's comment will be on a later page
			s.Add(p, "bob", fmt.Sprint("talk ", i))
		}
		s.Add(p, "eve", Marker+"\nof another author")
		upsert := func(f Forge, body string) {
			t.Helper()
			if err := f.Comment(t.Context(), 7, body); err != nil {
				t.Fatal(err)
			}
		}
		own := func() []string {
			var out []string
			for _, c := range p.Comments {
				if c.Author == forgetest.BotLogin {
					out = append(out, c.Body)
				}
			}
			return out
		}
		want := func(writes int, bodies ...string) {
			t.Helper()
			for i, b := range bodies {
				bodies[i] = Marker + "\n" + b
			}
			if !slices.Equal(own(), bodies) {
				t.Errorf("roster's comments are %q; want %q", own(), bodies)
			}
			if n := s.Sent("POST"); n > writes {
				t.Errorf("%d comments were created; want at most %d", n, writes)
			}
		}
		upsert(s, "one")
		want(1, "one")
		upsert(s, "two")
		want(0, "two")
		upsert(s, "two")
		if n := s.Sent("GET") + s.Sent("PATCH") + s.Sent("PUT"); n != 0 {
			t.Errorf("%d requests for an unchanged comment; want none", n)
		}
		restarted := s.reopen()
		upsert(restarted, "three")
		want(0, "three")
		p.Comments = slices.DeleteFunc(p.Comments,
			func(c *forgetest.Comment) bool { return c.Author == forgetest.BotLogin })
		upsert(restarted, "four")
		want(1, "four")
		i := slices.IndexFunc(p.Comments, func(c *forgetest.Comment) bool { return c.Author == "eve" })
		if p.Comments[i].Body != Marker+"\nof another author" {
			t.Errorf("the comment of another author became %q", p.Comments[i].Body)
		}
	})
}

func TestStatusIsSet(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		names := map[State]string{Pending: "pending", Success: "success", Failure: "failure", Error: "error"}
		if kind == KindGitLab {
			names[Failure], names[Error] = "failed", "failed"
		}
		for _, state := range []State{Pending, Pending, Success, Failure, Error} {
			if err := s.SetStatus(t.Context(), sha("a"),
				Status{State: state, Description: "2 people lose\nall access"}); err != nil {
				t.Fatal(err)
			}
			if have, want := s.Statuses[len(s.Statuses)-1],
				sha("a")+" "+names[state]+` roster/preview 2 people lose\nall access`; have != want {
				t.Errorf("status %q; want %q", have, want)
			}
		}
		if err := s.SetStatus(t.Context(), sha("a"),
			Status{State: Success, Description: strings.Repeat("ä", 1000)}); err != nil {
			t.Errorf("a long description: %v", err)
		}
	})
}

func TestAStatusThatTheCommitHasIsNotSetAgain(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		long := strings.Repeat("a long description ", 30)
		for _, step := range []struct {
			name string
			f    Forge
			set  Status
			sent int
		}{
			{"a first status", s, Status{State: Pending, Description: long}, 1},
			{"the same", s, Status{State: Pending, Description: long}, 0},
			{"the same after a restart", s.reopen(), Status{State: Pending, Description: long}, 0},
			{"another state", s, Status{State: Success, Description: long}, 1},
			{"another description after a restart", s.reopen(), Status{State: Success, Description: "short"}, 1},
			{"another name", s, Status{Context: Outcome, State: Success, Description: "short"}, 1},
			{"another name after a restart", s.reopen(), Status{Context: Outcome, State: Success,
				Description: "short"}, 0},
		} {
			s.Sent("POST")
			if err := step.f.SetStatus(t.Context(), sha("a"), step.set); err != nil {
				t.Fatal(err)
			}
			if n := s.Sent("POST"); n != step.sent {
				t.Errorf("%s: %d requests; want %d", step.name, n, step.sent)
			}
		}
	})
}

func TestMergedFindsThePullRequestOfACommit(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		s.Pulls = []*forgetest.Pull{
			{Number: 1, Author: "ann", Head: sha("a"), Base: "main", Merged: sha("1"), Updated: noon},
			{Number: 2, Author: "ann", Head: sha("b"), Base: "release", Merged: sha("2"), Updated: noon},
			{Number: 3, Author: "ann", Head: sha("c"), Base: "main"},
		}
		for _, test := range []struct {
			name, commit string
			want         int
		}{
			{"the merge", sha("1"), 1}, {"a merge to another branch", sha("2"), 0},
			{"the head of an open one", sha("c"), 0}, {"a push", sha("d"), 0},
		} {
			pr, ok, err := s.Merged(t.Context(), "main", test.commit)
			if err != nil || ok != (test.want > 0) || pr.Number != test.want {
				t.Errorf("%s: #%d, %t, %v; want #%d", test.name, pr.Number, ok, err, test.want)
			}
		}
	})
}

func TestApprovalReturnsTheApprovedHeads(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	versions := []forgetest.Version{version(sha("1"), at(0)), version(sha("2"), at(10)), version(sha("3"), at(20))}
	for _, test := range []struct {
		name       string
		reviews    []forgetest.Review
		rulesUnmet bool
		not        Kind   // the forge that does not have this case
		want       string // the accounts with their heads, or part of the reason
	}{
		{name: "no reviews", want: "no reviewer other than its author"},
		{name: "approved by the author only", reviews: []forgetest.Review{reviewBy("ann", sha("1"), "approve", at(1))},
			want: "no reviewer other than its author"},
		{name: "approved, then pushed to", reviews: []forgetest.Review{reviewBy("bob", sha("1"), "approve", at(5))},
			want: "bob " + sha("1")},
		{name: "approved again after a push", reviews: []forgetest.Review{reviewBy("bob", sha("1"), "approve", at(5)),
			reviewBy("bob", sha("2"), "approve", at(15))}, want: "bob " + sha("2")},
		{name: "two people, at different heads", reviews: []forgetest.Review{reviewBy("bob", sha("1"), "approve",
			at(5)),
			reviewBy("cleo", sha("2"), "approve", at(12))}, want: "bob " + sha("1") + ", cleo " + sha("2")},
		{name: "the same person in another case", reviews: []forgetest.Review{reviewBy("bob", sha("1"), "approve",
			at(5)),
			reviewBy("Bob", sha("2"), "approve", at(12))}, not: KindGitLab, want: "Bob " + sha("2")},
		{name: "the author in another case", reviews: []forgetest.Review{reviewBy("Ann", sha("1"), "approve", at(5))},
			want: "no reviewer other than its author"},
		{name: "a comment changes nothing", reviews: []forgetest.Review{reviewBy("bob", sha("1"), "approve", at(5)),
			reviewBy("bob", sha("3"), "comment", at(25))}, want: "bob " + sha("1")},
		{name: "dismissed", reviews: []forgetest.Review{reviewBy("bob", sha("1"), "dismissed", at(5))},
			want: "no reviewer other than its author"},
		{name: "changes requested after the approval", reviews: []forgetest.Review{reviewBy("bob", sha("1"),
			"approve", at(5)),
			reviewBy("bob", sha("2"), "changes", at(15))}, not: KindGitLab, want: "bob requests changes"},
		{name: "approved after changes were requested", reviews: []forgetest.Review{reviewBy("bob", sha("1"),
			"changes", at(5)),
			reviewBy("bob", sha("2"), "approve", at(15))}, want: "bob " + sha("2")},
		{name: "approved by a user with read access only",
			reviews: []forgetest.Review{reviewBy("mallory", sha("3"), "approve", at(25))}, not: KindGitLab,
			want: "no reviewer other than its author"},
		{name: "too few approvals for the forge's rules", reviews: []forgetest.Review{reviewBy("bob", sha("1"),
			"approve", at(5))},
			rulesUnmet: true, not: KindGitHub, want: "it does not have all approvals"},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
				// Only GitLab has approval rules here. Its approvals do not include requests for
				// changes, and it lets only users with the permission approve.
				if kind == test.not || test.rulesUnmet && kind != KindGitLab {
					return
				}
				s.Readers = []string{"mallory"}
				s.Pulls = []*forgetest.Pull{{Number: 7, Author: "ann", Head: sha("3"), Base: "main", Merged: sha("9"),
					Versions: versions, Reviews: test.reviews, RulesUnmet: test.rulesUnmet}}
				a, err := s.Approval(t.Context(), PullRequest{Number: 7, Author: "ann"})
				if err != nil {
					t.Fatal(err)
				}
				var heads []string
				for _, by := range a.Approvers {
					heads = append(heads, by.Account+" "+by.Head)
				}
				have := strings.Join(heads, ", ")
				if have != test.want && (have != "" || !strings.Contains(a.Why, test.want)) {
					t.Errorf("%+v; want %s", a, test.want)
				}
			})
		})
	}
}

func TestRateLimitStopsRequests(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		list := func() error { _, err := s.PullRequests(context.Background(), "main"); return err }
		s.Limit = func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "90")
			forgetest.Respond(w, map[Kind]int{KindGitHub: 403, KindGitLab: 429, KindGitea: 429}[kind],
				map[string]any{"message": "slow down"})
		}
		var limited *RateLimitError
		if err := list(); !errors.As(err, &limited) || !limited.Until.Equal(noon.Add(90*time.Second)) {
			t.Fatalf("%v; want a rate limit until %v", err, noon.Add(90*time.Second))
		}
		s.Sent("GET")
		*s.clock = noon.Add(89 * time.Second)
		if err := list(); !errors.As(err, &limited) || s.Sent("GET") != 0 {
			t.Errorf("%v; want a rate limit without a request", err)
		}
		s.Limit = nil
		*s.clock = noon.Add(91 * time.Second)
		if err := list(); err != nil {
			t.Errorf("after the limit ended: %v", err)
		}
	})
}

func TestTokenIsNotLeaked(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		s.Pulls = []*forgetest.Pull{{Number: 7, Author: "ann", Head: sha("a"), Base: "main"}}
		s.Token = "another"
		errs := []error{s.Comment(t.Context(), 7, "x"), s.SetStatus(t.Context(), sha("a"), Status{State: Success})}
		_, err := s.PullRequests(t.Context(), "main")
		errs = append(errs, err)
		_, _, err = s.Merged(t.Context(), "main", sha("a"))
		errs = append(errs, err)
		_, err = s.Approval(t.Context(), PullRequest{Number: 7})
		errs = append(errs, err)
		_, err = s.Contributions(t.Context(), PullRequest{Number: 7, Branch: "change", HeadRepo: map[Kind]string{
			KindGitLab: "5"}[kind]})
		for _, err := range append(errs, err) {
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("rejected credentials: %v", err)
			}
		}
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			t.Errorf("the other host received %v", req.Header)
		}))
		defer other.Close()
		s.Limit = func(w http.ResponseWriter) {
			w.Header().Set("Location", other.URL+"/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
		if _, err := s.PullRequests(t.Context(), "main"); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("a redirect to another host: %v", err)
		}
	})
}

func TestTooLongResponseIsAnError(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		s.Limit = func(w http.ResponseWriter) {
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 40 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
		if _, err := s.PullRequests(t.Context(), "main"); err == nil || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("%v; want an error about the length", err)
		}
	})
}

func TestOpenRejectsInvalidConfigs(t *testing.T) {
	for _, c := range []Config{{Kind: "svn", Repository: "https://x.example/a/b"},
		{Kind: KindGitHub, Repository: "a/b"}, {Kind: KindGitHub, Repository: "https://x.example/a"},
		{Kind: KindGitea, Repository: "https://x.example/a/b/c"},
		{Kind: KindGitHub, Repository: "https://x.example/a/b", App: &App{PrivateKey: []byte(canary)}}} {
		if _, err := Open(c); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
