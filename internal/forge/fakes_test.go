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

// remote is what a forge knows, whatever its API: the three servers below show the same facts in their own words.
type remote struct {
	t     testing.TB
	token string // that is accepted

	mu       sync.Mutex
	pulls    []*pull
	statuses []string // commit, state, context, description
	checks   []map[string]any
	requests []string                  // method and path of each
	limit    func(http.ResponseWriter) // if set, answers everything
	readers  []string                  // people who may only read
	nextID   int64
}

type pull struct {
	number              int
	title, author, head string
	base                string
	draft, fork         bool
	updated             time.Time
	merged              string   // the merge commit
	commits             []string // that came with it
	comments            []*comment
	versions            []version
	reviews             []word
	unmet               bool // rules demand more approvals
}

type comment struct {
	id           int64
	author, body string
}

type version struct {
	head string
	at   time.Time
}

// word is a review: "approve", "changes", "comment" or "dismissed".
type word struct {
	by, head, say string
	at            time.Time
}

const us = "roster-bot"

func (r *remote) find(number string) *pull {
	for _, p := range r.pulls {
		if strconv.Itoa(p.number) == number {
			return p
		}
	}
	return nil
}

func (r *remote) withCommit(commit string) []*pull {
	var out []*pull
	for _, p := range r.pulls {
		if p.merged == commit || p.head == commit || slices.Contains(p.commits, commit) {
			out = append(out, p)
		}
	}
	return out
}

func (r *remote) sent(method string) int {
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

// serve wraps an API: requests are recorded, limited and authenticated; whatever the API does not know fails the test.
func (r *remote) serve(api http.Handler, authorized func(*http.Request) bool) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests = append(r.requests, req.Method+" "+req.URL.RequestURI())
		if r.limit != nil {
			r.limit(w)
			return
		}
		if !authorized(req) {
			answer(w, 401, map[string]any{"message": "Bad credentials"})
			return
		}
		api.ServeHTTP(w, req)
	}))
	r.t.Cleanup(server.Close)
	return server
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (r *remote) body(req *http.Request) map[string]any {
	var v map[string]any
	if err := json.NewDecoder(req.Body).Decode(&v); err != nil {
		r.t.Errorf("%s %s: %v", req.Method, req.URL, err)
	}
	return v
}

// paged cuts a list as the query asks, and says in headers where the rest is.
func paged[T any](w http.ResponseWriter, req *http.Request, list []T, size string, most int) []T {
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

func mapped[T any](list []T, f func(T) map[string]any) []map[string]any {
	out := []map[string]any{}
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

func (p *pull) comment(id int64) *comment {
	for _, c := range p.comments {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (r *remote) add(p *pull, author, body string) *comment {
	r.nextID++
	c := &comment{r.nextID, author, body}
	p.comments = append(p.comments, c)
	return c
}

func (r *remote) commentByID(id string) *comment {
	for _, p := range r.pulls {
		if c := p.comment(int64(atoi(id))); c != nil {
			return c
		}
	}
	return nil
}

// open lists the open ones, the most recently updated first.
func (r *remote) open() []*pull {
	var out []*pull
	for _, p := range r.pulls {
		if p.merged == "" {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *pull) int { return b.updated.Compare(a.updated) })
	return out
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// gitHubAPI answers as docs.github.com/rest describes.
func gitHubAPI(r *remote) http.Handler {
	mux := http.NewServeMux()
	user := func(name string) map[string]any {
		return map[string]any{"login": name, "id": len(name), "type": "User"}
	}
	show := func(p *pull) map[string]any {
		headRepo := any(map[string]any{"id": 1, "full_name": "acme/people"})
		if p.fork {
			headRepo = map[string]any{"id": 2, "full_name": p.author + "/people"}
		}
		v := map[string]any{"number": p.number, "title": p.title, "user": user(p.author), "state": "open", "draft": p.draft, "updated_at": stamp(p.updated),
			"html_url": fmt.Sprintf("https://github.example/acme/people/pull/%d", p.number), "merged_at": nil, "merge_commit_sha": p.merged,
			"head": map[string]any{"sha": p.head, "ref": "change", "repo": headRepo},
			"base": map[string]any{"sha": strings.Repeat("b", 40), "ref": p.base, "repo": map[string]any{"id": 1, "full_name": "acme/people"}}}
		if p.merged != "" {
			v["state"], v["merged_at"] = "closed", stamp(p.updated)
		}
		return v
	}
	note := func(c *comment) map[string]any {
		return map[string]any{"id": c.id, "user": user(c.author), "body": c.body}
	}
	const repo = "/api/v3/repos/acme/people"
	mux.HandleFunc("GET /api/v3/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, user(us)) })
	mux.HandleFunc("GET "+repo+"/pulls", func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		if q.Get("state") != "open" || q.Get("sort") != "updated" || q.Get("direction") != "desc" {
			r.t.Errorf("asked for %s", req.URL)
		}
		list := slices.DeleteFunc(r.open(), func(p *pull) bool { return p.base != q.Get("base") })
		answer(w, 200, mapped(paged(w, req, list, "per_page", 100), show))
	})
	mux.HandleFunc("GET "+repo+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 200, mapped(paged(w, req, r.find(req.PathValue("n")).comments, "per_page", 100), note))
	})
	mux.HandleFunc("POST "+repo+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 201, note(r.add(r.find(req.PathValue("n")), us, r.body(req)["body"].(string))))
	})
	mux.HandleFunc("PATCH "+repo+"/issues/comments/{id}", func(w http.ResponseWriter, req *http.Request) {
		c := r.commentByID(req.PathValue("id"))
		if c == nil {
			answer(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		c.body = r.body(req)["body"].(string)
		answer(w, 200, note(c))
	})
	mux.HandleFunc("POST "+repo+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.body(req)
		if len([]rune(b["description"].(string))) > 140 {
			answer(w, 422, map[string]any{"message": "description is too long (maximum is 140 characters)"})
			return
		}
		r.statuses = append(r.statuses, fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["context"], " ", b["description"]))
		answer(w, 201, b)
	})
	check := func(w http.ResponseWriter, req *http.Request, code int) {
		b := r.body(req)
		if output, _ := b["output"].(map[string]any); len(fmt.Sprint(output["annotations"])) > 0 {
			if list, _ := output["annotations"].([]any); len(list) > 50 {
				answer(w, 422, map[string]any{"message": "annotations exceeds a maximum quantity of 50"})
				return
			}
		}
		r.checks = append(r.checks, b)
		answer(w, code, map[string]any{"id": 77, "name": b["name"]})
	}
	mux.HandleFunc("POST "+repo+"/check-runs", func(w http.ResponseWriter, req *http.Request) { check(w, req, 201) })
	mux.HandleFunc("PATCH "+repo+"/check-runs/77", func(w http.ResponseWriter, req *http.Request) { check(w, req, 200) })
	mux.HandleFunc("GET "+repo+"/commits/{sha}/pulls", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 200, mapped(r.withCommit(req.PathValue("sha")), show))
	})
	mux.HandleFunc("GET "+repo+"/pulls/{n}/reviews", func(w http.ResponseWriter, req *http.Request) {
		states := map[string]string{"approve": "APPROVED", "changes": "CHANGES_REQUESTED", "comment": "COMMENTED", "dismissed": "DISMISSED"}
		answer(w, 200, mapped(paged(w, req, r.find(req.PathValue("n")).reviews, "per_page", 100), func(v word) map[string]any {
			return map[string]any{"user": user(v.by), "state": states[v.say], "commit_id": v.head, "submitted_at": stamp(v.at), "author_association": "MEMBER"}
		}))
	})
	mux.HandleFunc("GET "+repo+"/collaborators/{user}/permission", func(w http.ResponseWriter, req *http.Request) {
		permission := "write"
		if slices.Contains(r.readers, req.PathValue("user")) {
			permission = "read"
		}
		answer(w, 200, map[string]any{"permission": permission, "user": user(req.PathValue("user"))})
	})
	return strict(r, mux)
}

// gitLabAPI answers as docs.gitlab.com/api describes.
func gitLabAPI(r *remote) http.Handler {
	mux := http.NewServeMux()
	user := func(name string) map[string]any {
		return map[string]any{"id": len(name), "username": name, "name": name, "state": "active"}
	}
	show := func(p *pull) map[string]any {
		source := 5
		if p.fork {
			source = 6
		}
		v := map[string]any{"id": 1000 + p.number, "iid": p.number, "title": p.title, "author": user(p.author), "state": "opened", "draft": p.draft,
			"updated_at": stamp(p.updated), "sha": p.head, "source_project_id": source, "target_project_id": 5, "target_branch": p.base,
			"web_url": fmt.Sprintf("https://gitlab.example/acme/hr/people/-/merge_requests/%d", p.number), "merge_commit_sha": nil, "squash_commit_sha": nil}
		if p.merged != "" {
			v["state"], v["merge_commit_sha"] = "merged", p.merged
		}
		return v
	}
	note := func(c *comment) map[string]any {
		return map[string]any{"id": c.id, "author": user(c.author), "body": c.body, "system": c.author == "system"}
	}
	const repo = "/api/v4/projects/acme%2Fhr%2Fpeople"
	mux.HandleFunc("GET /api/v4/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, user(us)) })
	mux.HandleFunc("GET "+repo+"/merge_requests", func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		if q.Get("state") != "opened" || q.Get("order_by") != "updated_at" || q.Get("sort") != "desc" {
			r.t.Errorf("asked for %s", req.URL)
		}
		list := slices.DeleteFunc(r.open(), func(p *pull) bool { return p.base != q.Get("target_branch") })
		answer(w, 200, mapped(paged(w, req, list, "per_page", 100), show))
	})
	mux.HandleFunc("GET "+repo+"/merge_requests/{n}/notes", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 200, mapped(paged(w, req, r.find(req.PathValue("n")).comments, "per_page", 100), note))
	})
	mux.HandleFunc("POST "+repo+"/merge_requests/{n}/notes", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 201, note(r.add(r.find(req.PathValue("n")), us, r.body(req)["body"].(string))))
	})
	mux.HandleFunc("PUT "+repo+"/merge_requests/{n}/notes/{id}", func(w http.ResponseWriter, req *http.Request) {
		c := r.find(req.PathValue("n")).comment(int64(atoi(req.PathValue("id"))))
		if c == nil {
			answer(w, 404, map[string]any{"message": "404 Not found"})
			return
		}
		c.body = r.body(req)["body"].(string)
		answer(w, 200, note(c))
	})
	mux.HandleFunc("POST "+repo+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.body(req)
		line := fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["name"], " ", b["description"])
		if b["state"] == "pending" && slices.Contains(r.statuses, line) {
			answer(w, 400, map[string]any{"message": "Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")"})
			return
		}
		r.statuses = append(r.statuses, line)
		answer(w, 201, map[string]any{"id": 9, "sha": req.PathValue("sha"), "status": b["state"], "name": b["name"]})
	})
	mux.HandleFunc("GET "+repo+"/repository/commits/{sha}/merge_requests", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 200, mapped(r.withCommit(req.PathValue("sha")), show))
	})
	mux.HandleFunc("GET "+repo+"/merge_requests/{n}/approvals", func(w http.ResponseWriter, req *http.Request) {
		p := r.find(req.PathValue("n"))
		by := []map[string]any{}
		for _, v := range p.reviews {
			if v.say == "approve" {
				by = append(by, map[string]any{"user": user(v.by), "approved_at": stamp(v.at)})
			}
		}
		answer(w, 200, map[string]any{"iid": p.number, "approved": !p.unmet, "approvals_required": 0, "approvals_left": 0, "approved_by": by})
	})
	mux.HandleFunc("GET "+repo+"/merge_requests/{n}/versions", func(w http.ResponseWriter, req *http.Request) {
		versions := slices.Clone(r.find(req.PathValue("n")).versions)
		slices.Reverse(versions)
		answer(w, 200, mapped(paged(w, req, versions, "per_page", 100), func(v version) map[string]any {
			return map[string]any{"id": 1, "head_commit_sha": v.head, "created_at": stamp(v.at), "state": "collected"}
		}))
	})
	return strict(r, mux)
}

// giteaAPI answers as Gitea's swagger describes; make e2e-forge compares with a real one.
func giteaAPI(r *remote) http.Handler {
	mux := http.NewServeMux()
	user := func(name string) map[string]any {
		return map[string]any{"id": len(name), "login": name, "username": name}
	}
	show := func(p *pull) map[string]any {
		headRepo := 1
		if p.fork {
			headRepo = 2
		}
		v := map[string]any{"id": 500 + p.number, "number": p.number, "title": p.title, "user": user(p.author), "state": "open", "draft": p.draft, "updated_at": stamp(p.updated),
			"html_url": fmt.Sprintf("https://gitea.example/acme/people/pulls/%d", p.number), "merged": p.merged != "", "merge_commit_sha": nil,
			"head": map[string]any{"label": "change", "ref": "change", "sha": p.head, "repo_id": headRepo},
			"base": map[string]any{"label": p.base, "ref": p.base, "sha": strings.Repeat("b", 40), "repo_id": 1}}
		if p.merged != "" {
			v["state"], v["merge_commit_sha"] = "closed", p.merged
		}
		return v
	}
	note := func(c *comment) map[string]any {
		return map[string]any{"id": c.id, "user": user(c.author), "body": c.body}
	}
	const repo = "/api/v1/repos/acme/people"
	mux.HandleFunc("GET /api/v1/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, user(us)) })
	mux.HandleFunc("GET "+repo+"/pulls", func(w http.ResponseWriter, req *http.Request) {
		if q := req.URL.Query(); q.Get("state") != "open" || q.Get("sort") != "recentupdate" {
			r.t.Errorf("asked for %s", req.URL)
		}
		answer(w, 200, mapped(paged(w, req, r.open(), "limit", 50), show))
	})
	mux.HandleFunc("GET "+repo+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 200, mapped(r.find(req.PathValue("n")).comments, note))
	})
	mux.HandleFunc("POST "+repo+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		answer(w, 201, note(r.add(r.find(req.PathValue("n")), us, r.body(req)["body"].(string))))
	})
	mux.HandleFunc("PATCH "+repo+"/issues/comments/{id}", func(w http.ResponseWriter, req *http.Request) {
		c := r.commentByID(req.PathValue("id"))
		if c == nil {
			answer(w, 404, map[string]any{"message": "The target couldn't be found."})
			return
		}
		c.body = r.body(req)["body"].(string)
		answer(w, 200, note(c))
	})
	mux.HandleFunc("POST "+repo+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.body(req)
		r.statuses = append(r.statuses, fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["context"], " ", b["description"]))
		answer(w, 201, map[string]any{"id": 3, "status": b["state"], "context": b["context"]})
	})
	mux.HandleFunc("GET "+repo+"/commits/{sha}/pull", func(w http.ResponseWriter, req *http.Request) {
		for _, p := range r.pulls { // only by the commit that the merge made
			if p.merged == req.PathValue("sha") {
				answer(w, 200, show(p))
				return
			}
		}
		answer(w, 404, map[string]any{"message": "The target couldn't be found."})
	})
	mux.HandleFunc("GET "+repo+"/pulls/{n}/reviews", func(w http.ResponseWriter, req *http.Request) {
		states := map[string]string{"approve": "APPROVED", "changes": "REQUEST_CHANGES", "comment": "COMMENT", "dismissed": "APPROVED"}
		answer(w, 200, mapped(paged(w, req, r.find(req.PathValue("n")).reviews, "limit", 50), func(v word) map[string]any {
			return map[string]any{"user": user(v.by), "state": states[v.say], "commit_id": v.head, "submitted_at": stamp(v.at), "dismissed": v.say == "dismissed",
				"official": !slices.Contains(r.readers, v.by), "stale": false}
		}))
	})
	return strict(r, mux)
}

// strict fails the test for a route that the API does not have.
func strict(r *remote, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern == "" {
			r.t.Errorf("there is no %s %s", req.Method, req.URL)
		}
		mux.ServeHTTP(w, req)
	})
}
