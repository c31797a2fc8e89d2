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
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// forges are the three that pass one suite.
var forges = []struct {
	kind       Kind
	path       string // of the repository
	api        func(*remote) http.Handler
	authorized func(req *http.Request, token string) bool
}{
	{KindGitHub, "/acme/people", gitHubAPI, func(req *http.Request, token string) bool { return req.Header.Get("Authorization") == "Bearer "+token }},
	{KindGitLab, "/acme/hr/people", gitLabAPI, func(req *http.Request, token string) bool { return req.Header.Get("Private-Token") == token }},
	{KindGitea, "/acme/people", giteaAPI, func(req *http.Request, token string) bool { return req.Header.Get("Authorization") == "token "+token }},
}

// stand is one forge with its server.
type stand struct {
	*remote
	Forge
	reopen func() Forge // as after a restart
	clock  *time.Time
}

func eachForge(t *testing.T, do func(t *testing.T, kind Kind, s *stand)) {
	for _, f := range forges {
		t.Run(string(f.kind), func(t *testing.T) {
			r := &remote{t: t, token: canary}
			server := r.serve(f.api(r), func(req *http.Request) bool { return f.authorized(req, r.token) })
			now := noon
			reopen := func() Forge {
				opened, err := Open(Config{Kind: f.kind, Repository: server.URL + f.path + ".git", Token: canary, UserAgent: "roster/test", Now: func() time.Time { return now }})
				if err != nil {
					t.Fatal(err)
				}
				return opened
			}
			do(t, f.kind, &stand{remote: r, Forge: reopen(), reopen: reopen, clock: &now})
		})
	}
}

func sha(c string) string { return strings.Repeat(c, 40) }

func TestListsEveryOpenPullRequest(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *stand) {
		for i := 1; i <= 250; i++ {
			s.pulls = append(s.pulls, &pull{number: i, title: fmt.Sprintf("Change %d", i), author: "ann", head: sha("a"), base: "main", draft: i == 7, fork: i == 8,
				updated: noon.Add(time.Duration(i) * time.Minute)})
		}
		s.pulls = append(s.pulls, &pull{number: 300, author: "ann", head: sha("a"), base: "other", updated: noon},
			&pull{number: 301, author: "ann", head: sha("a"), base: "main", merged: sha("c"), updated: noon})
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
		if pr.Head != sha("a") || pr.Title != "Change 250" || pr.Author != "ann" || pr.URL == "" || !strings.HasSuffix(pr.HeadRef, "/250/head") || !pr.Updated.Equal(noon.Add(250*time.Minute)) {
			t.Errorf("%+v", pr)
		}
	})
}

func TestCommentIsEditedInPlace(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *stand) {
		p := &pull{number: 7, author: "ann", head: sha("a"), base: "main"}
		s.pulls = []*pull{p}
		for i := range 230 { // ours will be on a later page
			s.add(p, "bob", fmt.Sprint("talk ", i))
		}
		s.add(p, "eve", Marker+"\nnot ours")
		place := func(f Forge, body string) {
			t.Helper()
			if err := f.Comment(t.Context(), 7, body); err != nil {
				t.Fatal(err)
			}
		}
		ours := func() []string {
			var out []string
			for _, c := range p.comments {
				if c.author == us {
					out = append(out, c.body)
				}
			}
			return out
		}
		want := func(writes int, bodies ...string) {
			t.Helper()
			for i, b := range bodies {
				bodies[i] = Marker + "\n" + b
			}
			if !slices.Equal(ours(), bodies) {
				t.Errorf("our comments are %q; want %q", ours(), bodies)
			}
			if n := s.sent("POST"); n > writes {
				t.Errorf("%d comments were made; want at most %d", n, writes)
			}
		}
		place(s, "one")
		want(1, "one")
		place(s, "two")
		want(0, "two")
		place(s, "two")
		if n := s.sent("GET") + s.sent("PATCH") + s.sent("PUT"); n != 0 {
			t.Errorf("%d requests to say the same again; want none", n)
		}
		restarted := s.reopen()
		place(restarted, "three")
		want(0, "three")
		p.comments = slices.DeleteFunc(p.comments, func(c *comment) bool { return c.author == us })
		place(restarted, "four")
		want(1, "four")
		if i := slices.IndexFunc(p.comments, func(c *comment) bool { return c.author == "eve" }); p.comments[i].body != Marker+"\nnot ours" {
			t.Errorf("somebody else's comment became %q", p.comments[i].body)
		}
	})
}

func TestStatusIsSet(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *stand) {
		names := map[State]string{Pending: "pending", Success: "success", Failure: "failure", Error: "error"}
		if kind == KindGitLab {
			names[Failure], names[Error] = "failed", "failed"
		}
		for _, state := range []State{Pending, Pending, Success, Failure, Error} {
			if err := s.SetStatus(t.Context(), sha("a"), Status{State: state, Description: "2 people lose\nall access"}); err != nil {
				t.Fatal(err)
			}
			if have, want := s.statuses[len(s.statuses)-1], sha("a")+" "+names[state]+" roster/preview 2 people lose all access"; have != want {
				t.Errorf("status %q; want %q", have, want)
			}
		}
		if err := s.SetStatus(t.Context(), sha("a"), Status{State: Success, Description: strings.Repeat("ä", 1000)}); err != nil {
			t.Errorf("a long description: %v", err)
		}
	})
}

func TestFindsThePullRequestOfACommit(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *stand) {
		s.pulls = []*pull{
			{number: 1, author: "ann", head: sha("a"), base: "main", merged: sha("1"), updated: noon},
			{number: 2, author: "ann", head: sha("b"), base: "release", merged: sha("2"), updated: noon},
			{number: 3, author: "ann", head: sha("c"), base: "main"},
		}
		for _, test := range []struct {
			name, commit string
			want         int
		}{
			{"the merge", sha("1"), 1}, {"a merge to another branch", sha("2"), 0}, {"the head of an open one", sha("c"), 0}, {"a push", sha("d"), 0},
		} {
			pr, ok, err := s.Merged(t.Context(), "main", test.commit)
			if err != nil || ok != (test.want > 0) || pr.Number != test.want {
				t.Errorf("%s: #%d, %t, %v; want #%d", test.name, pr.Number, ok, err, test.want)
			}
		}
	})
}

func TestApprovalIsOfAHead(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	versions := []version{{sha("1"), at(0)}, {sha("2"), at(10)}, {sha("3"), at(20)}}
	for _, test := range []struct {
		name    string
		reviews []word
		unmet   bool
		not     Kind   // the forge without such a thing
		want    string // head; else part of why not
	}{
		{name: "nobody looked", want: "nobody but its author"},
		{name: "its author alone", reviews: []word{{"ann", sha("1"), "approve", at(1)}}, want: "nobody but its author"},
		{name: "approved, then pushed to", reviews: []word{{"bob", sha("1"), "approve", at(5)}}, want: sha("1")},
		{name: "approved again after a push", reviews: []word{{"bob", sha("1"), "approve", at(5)}, {"bob", sha("2"), "approve", at(15)}}, want: sha("2")},
		{name: "two people, at different heads", reviews: []word{{"bob", sha("1"), "approve", at(5)}, {"cleo", sha("2"), "approve", at(12)}}, want: sha("2")},
		{name: "a comment changes nothing", reviews: []word{{"bob", sha("1"), "approve", at(5)}, {"bob", sha("3"), "comment", at(25)}}, want: sha("1")},
		{name: "withdrawn", reviews: []word{{"bob", sha("1"), "dismissed", at(5)}}, want: "nobody but its author"},
		{name: "changes asked for after the approval", reviews: []word{{"bob", sha("1"), "approve", at(5)}, {"bob", sha("2"), "changes", at(15)}}, not: KindGitLab, want: "bob asks for changes"},
		{name: "approved after changes were asked for", reviews: []word{{"bob", sha("1"), "changes", at(5)}, {"bob", sha("2"), "approve", at(15)}}, want: sha("2")},
		{name: "somebody who may only read", reviews: []word{{"mallory", sha("3"), "approve", at(25)}}, not: KindGitLab, want: "nobody but its author"},
		{name: "too few, by the forge's rules", reviews: []word{{"bob", sha("1"), "approve", at(5)}}, unmet: true, not: KindGitHub, want: "it lacks approvals"},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachForge(t, func(t *testing.T, kind Kind, s *stand) {
				if kind == test.not || test.unmet && kind != KindGitLab {
					return // only GitLab keeps rules here; it has no reviews that ask for changes among its approvals, and lets only those approve who may
				}
				s.readers = []string{"mallory"}
				s.pulls = []*pull{{number: 7, author: "ann", head: sha("3"), base: "main", merged: sha("9"), versions: versions, reviews: test.reviews, unmet: test.unmet}}
				a, err := s.Approval(t.Context(), PullRequest{Number: 7, Author: "ann"})
				if err != nil {
					t.Fatal(err)
				}
				if a.Head != test.want && (a.Head != "" || !strings.Contains(a.Why, test.want)) {
					t.Errorf("%+v; want %s", a, test.want)
				}
			})
		})
	}
}

func TestPatienceIsHeeded(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *stand) {
		ask := func() error { _, err := s.PullRequests(context.Background(), "main"); return err }
		s.limit = func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "90")
			answer(w, map[Kind]int{KindGitHub: 403, KindGitLab: 429, KindGitea: 429}[kind], map[string]any{"message": "slow down"})
		}
		var limited *LimitedError
		if err := ask(); !errors.As(err, &limited) || !limited.Until.Equal(noon.Add(90*time.Second)) {
			t.Fatalf("%v; want patience until %v", err, noon.Add(90*time.Second))
		}
		s.sent("GET")
		*s.clock = noon.Add(89 * time.Second)
		if err := ask(); !errors.As(err, &limited) || s.sent("GET") != 0 {
			t.Errorf("%v; want patience without a request", err)
		}
		s.limit = nil
		*s.clock = noon.Add(91 * time.Second)
		if err := ask(); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestTokenStaysWhereItBelongs(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *stand) {
		s.pulls = []*pull{{number: 7, author: "ann", head: sha("a"), base: "main"}}
		s.token = "another"
		errs := []error{s.Comment(t.Context(), 7, "x"), s.SetStatus(t.Context(), sha("a"), Status{State: Success})}
		_, err := s.PullRequests(t.Context(), "main")
		errs = append(errs, err)
		_, _, err = s.Merged(t.Context(), "main", sha("a"))
		errs = append(errs, err)
		_, err = s.Approval(t.Context(), PullRequest{Number: 7})
		for _, err := range append(errs, err) {
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("refused credentials: %v", err)
			}
		}
		elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			t.Errorf("elsewhere received %v", req.Header)
		}))
		defer elsewhere.Close()
		s.limit = func(w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere.URL+"/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
		if _, err := s.PullRequests(t.Context(), "main"); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("a redirect elsewhere: %v", err)
		}
	})
}

func TestEndlessAnswerIsCutOff(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *stand) {
		s.limit = func(w http.ResponseWriter) {
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 40 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
		if _, err := s.PullRequests(t.Context(), "main"); err == nil || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("%v; want a complaint about the length", err)
		}
	})
}

func TestRepositoryIsChecked(t *testing.T) {
	for _, c := range []Config{{Kind: "svn", Repository: "https://x.example/a/b"}, {Kind: KindGitHub, Repository: "a/b"}, {Kind: KindGitHub, Repository: "https://x.example/a"},
		{Kind: KindGitea, Repository: "https://x.example/a/b/c"}, {Kind: KindGitHub, Repository: "https://x.example/a/b", App: &App{PrivateKey: []byte(canary)}}} {
		if _, err := Open(c); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
