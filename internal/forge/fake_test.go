package forge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeForge is the state of a forge, independent of its API. The three servers show the same state,
// each in its own format.
type fakeForge struct {
	t     testing.TB
	token string // the accepted token

	mu       sync.Mutex
	pulls    []*fakePull
	statuses []string // commit, state, context, description
	checks   []map[string]any
	requests []string                  // method and path of each
	limit    func(http.ResponseWriter) // if set, it responds to every request
	readers  []string                  // users with read access only
	noPushes bool                      // the server or the token does not give pushes
	readOnly bool                      // the token may not open pull requests
	nextID   int64
}

type fakePull struct {
	number              int
	branch              string // "" means "change"
	body                string
	title, author, head string
	base                string
	draft, fork         bool
	updated             time.Time
	merged              string   // the merge commit
	commits             []string // merged with it
	comments            []*storedComment
	versions            []fakeVersion
	reviews             []fakeReview
	rulesUnmet          bool // rules require more approvals
	created, mergedAt   time.Time
	own                 []fakeCommit // the commits of the branch
	pushes              []fakePush
	timeline            []fakeTimelinePush
}

// fakeTimelinePush is a push in the timeline of a pull request, which only Gitea has. A forced push
// has the head before and the head after.
type fakeTimelinePush struct {
	by      string
	commits []string
	force   bool
	at      time.Time
}

// fakeCommit is a commit of a pull request. An author or committer without an account is "".
type fakeCommit struct{ sha, author, committer string }

// fakePush is a push to a branch. Before is forty zeros for a new branch.
type fakePush struct {
	by, before, after string
	at                time.Time
	branch            string // "" means the branch of the pull request
}

type storedComment struct {
	id           int64
	author, body string
}

type fakeVersion struct {
	head string
	at   time.Time
}

// fakeReview is a review: "approve", "changes", "comment" or "dismissed".
type fakeReview struct {
	by, head, verdict string
	at                time.Time
}

const botLogin = "roster-bot"

func (r *fakeForge) find(number string) *fakePull {
	for _, p := range r.pulls {
		if strconv.Itoa(p.number) == number {
			return p
		}
	}
	return nil
}

func (r *fakeForge) withCommit(commit string) []*fakePull {
	var out []*fakePull
	for _, p := range r.pulls {
		if p.merged == commit || p.head == commit || slices.Contains(p.commits, commit) {
			out = append(out, p)
		}
	}
	return out
}

func (r *fakeForge) sent(method string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, q := range r.requests {
		if strings.HasPrefix(q, method+" ") {
			n++
		}
	}
	r.requests = nil
	return n
}

// serve starts a server for an API. It records requests, applies the limit and checks the token.
func (r *fakeForge) serve(api http.Handler, authorized func(*http.Request) bool) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests = append(r.requests, req.Method+" "+req.URL.RequestURI())
		if r.limit != nil {
			r.limit(w)
			return
		}
		if !authorized(req) {
			respond(w, 401, map[string]any{"message": "Bad credentials"})
			return
		}
		api.ServeHTTP(w, req)
	}))
	r.t.Cleanup(server.Close)
	return server
}

func respond(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (r *fakeForge) body(req *http.Request) map[string]any {
	var v map[string]any
	if err := json.NewDecoder(req.Body).Decode(&v); err != nil {
		r.t.Errorf("%s %s: %v", req.Method, req.URL, err)
	}
	return v
}

// paginate returns the page of a list that the query names, and sets the headers that name the next
// page.
func paginate[T any](w http.ResponseWriter, req *http.Request, list []T, size string, most int) []T {
	per, _ := strconv.Atoi(req.URL.Query().Get(size))
	if per == 0 {
		per = 30
	}
	per = min(per, most)
	page := max(1, atoi(req.URL.Query().Get("page")))
	from, to := min(len(list), (page-1)*per), min(len(list), page*per)
	if to < len(list) {
		next := *req.URL
		q := next.Query()
		q.Set("page", strconv.Itoa(page+1))
		next.RawQuery = q.Encode()
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s>; rel="next"`, req.Host, next.RequestURI()))
		w.Header().Set("X-Next-Page", strconv.Itoa(page+1))
	}
	return list[from:to]
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

func mapSlice[T any](list []T, f func(T) map[string]any) []map[string]any {
	out := []map[string]any{}
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

func (p *fakePull) commentByID(id int64) *storedComment {
	for _, c := range p.comments {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (r *fakeForge) add(p *fakePull, author, body string) *storedComment {
	r.nextID++
	c := &storedComment{r.nextID, author, body}
	p.comments = append(p.comments, c)
	return c
}

func (r *fakeForge) commentByID(id string) *storedComment {
	for _, p := range r.pulls {
		if c := p.commentByID(int64(atoi(id))); c != nil {
			return c
		}
	}
	return nil
}

// open lists the open pull requests, the most recently updated first.
func (r *fakeForge) open() []*fakePull {
	var out []*fakePull
	for _, p := range r.pulls {
		if p.merged == "" {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *fakePull) int { return b.updated.Compare(a.updated) })
	return out
}

// mergedOn returns when a pull request was merged.
func (p *fakePull) mergedOn() time.Time {
	if p.mergedAt.IsZero() {
		return p.updated
	}
	return p.mergedAt
}

// pushesTo returns the pushes to all branches, the newest first.
func (r *fakeForge) pushesTo() []fakePush {
	var out []fakePush
	for _, p := range r.pulls {
		for _, push := range p.pushes {
			if push.branch == "" {
				push.branch = "change"
			}
			out = append(out, push)
		}
	}
	slices.SortStableFunc(out, func(a, b fakePush) int { return b.at.Compare(a.at) })
	return out
}

func timestamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// strict fails the test for a route that the API does not have.
func strict(r *fakeForge, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern == "" {
			r.t.Errorf("the API has no %s %s", req.Method, req.URL)
		}
		mux.ServeHTTP(w, req)
	})
}
