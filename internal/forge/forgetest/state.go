// Package forgetest has the APIs of GitHub, GitLab and Gitea over HTTP with one state behind them,
// for tests. It shares no code with the client.
package forgetest

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

// State is the state of a forge, independent of its API. The servers of the three APIs show the
// same state, each in its own format. Hold Mu while you read or change it beside a running server.
type State struct {
	T     testing.TB
	Token string // the accepted token

	Mu           sync.Mutex
	Pulls        []*Pull
	Statuses     []string // commit, state, context, description
	Checks       []map[string]any
	Requests     []string                  // method and path of each
	Limit        func(http.ResponseWriter) // if set, it responds to every request
	Readers      []string                  // users with read access only
	NoPushes     bool                      // the server or the token does not give pushes
	ReadOnly     bool                      // the token may not open pull requests
	QueuedMerges []QueuedMerge             // the branches of GitHub's merge queue
	// NoApprovalTimes is set for a GitLab that does not say when a user approved.
	NoApprovalTimes bool
	// Path is the path of the forge below its host: "/git", for example.
	Path string
	// RefusedStatuses is a commit whose statuses the server refuses with 422; "" for none.
	RefusedStatuses string
	// RefusedWrites is the status of the answer to each request that writes; 0 for none.
	RefusedWrites int
	// Posts, if set, gets each comment as "comment BODY" and each status as "status STATE CONTEXT
	// DESCRIPTION".
	Posts  chan string
	nextID int64
}

// QueuedMerge is a branch of a merge queue.
type QueuedMerge struct{ Ref, Commit string }

// Pull is a pull request.
type Pull struct {
	Number              int
	Branch              string // "" means "change"
	Body                string
	Title, Author, Head string
	Base                string
	Draft, Fork, Closed bool
	MergeBase           string // the newest commit of the base that the head has; only Gitea shows it
	Updated             time.Time
	Merged              string   // the merge commit
	Commits             []string // merged with it
	Comments            []*Comment
	Versions            []Version
	Reviews             []Review
	RulesUnmet          bool // rules require more approvals
	Created, MergedAt   time.Time
	Own                 []Commit // the commits of the branch
	Pushes              []Push
	Timeline            []TimelinePush
}

// TimelinePush is a push in the timeline of a pull request, which only Gitea has. A forced push
// has the head before and the head after.
type TimelinePush struct {
	By      string
	Commits []string
	Force   bool
	At      time.Time
}

// Commit is a commit of a pull request. An author or committer without an account is "".
type Commit struct{ Sha, Author, Committer string }

// Push is a push to a branch. Before is forty zeros for a new branch.
type Push struct {
	By, Before, After string
	At                time.Time
	Branch            string // "" means the branch of the pull request
}

// Comment is a comment on a pull request.
type Comment struct {
	ID           int64
	Author, Body string
}

// Version is a head that a pull request had.
type Version struct {
	Head string
	At   time.Time
}

// Review is a review: "approve", "changes", "comment" or "dismissed".
type Review struct {
	By, Head, Verdict string
	At                time.Time
}

// BotLogin is the login of the token.
const BotLogin = "roster-bot"

func (r *State) Find(number string) *Pull {
	for _, p := range r.Pulls {
		if strconv.Itoa(p.Number) == number {
			return p
		}
	}
	return nil
}

func (r *State) withCommit(commit string) []*Pull {
	var out []*Pull
	for _, p := range r.Pulls {
		if p.Merged == commit || p.Head == commit || slices.Contains(p.Commits, commit) {
			out = append(out, p)
		}
	}
	return out
}

func (r *State) Sent(method string) int {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	n := 0
	for _, q := range r.Requests {
		if strings.HasPrefix(q, method+" ") {
			n++
		}
	}
	r.Requests = nil
	return n
}

// apis are the APIs by the kind of the forge, with the path of the repository.
var apis = map[string]struct {
	path   string
	api    func(*State) http.Handler
	header string // of the token
	prefix string // of the value of the header
}{
	"github": {"/acme/people", GitHub, "Authorization", "Bearer "},
	"gitlab": {"/acme/hr/people", GitLab, "Private-Token", ""},
	"gitea":  {"/acme/people", Gitea, "Authorization", "token "},
}

// Start starts the server of a kind of forge and returns the URL of its repository.
func (r *State) Start(kind string) (repository string) {
	a, ok := apis[kind]
	if !ok {
		r.T.Fatalf("no API for the forge %q", kind)
	}
	server := r.Serve(a.api(r), func(req *http.Request) bool { return req.Header.Get(a.header) == a.prefix+r.Token })
	return server.URL + r.Path + a.path + ".git"
}

// Serve starts a server for an API. It records requests, applies the limit and checks the token.
func (r *State) Serve(api http.Handler, authorized func(*http.Request) bool) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.Mu.Lock()
		defer r.Mu.Unlock()
		r.Requests = append(r.Requests, req.Method+" "+req.URL.RequestURI())
		if r.Limit != nil {
			r.Limit(w)
			return
		}
		if !authorized(req) {
			Respond(w, 401, map[string]any{"message": "Bad credentials"})
			return
		}
		if r.RefusedWrites != 0 && req.Method != http.MethodGet {
			Respond(w, r.RefusedWrites, map[string]any{"message": "the token may not write"})
			return
		}
		refused := r.RefusedStatuses != "" && strings.Contains(req.URL.Path, r.RefusedStatuses)
		if refused && req.Method == http.MethodPost {
			Respond(w, http.StatusUnprocessableEntity, map[string]any{"message": "No commit found for SHA"})
			return
		}
		http.StripPrefix(r.Path, api).ServeHTTP(w, req)
	}))
	r.T.Cleanup(server.Close)
	return server
}

func Respond(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (r *State) Decode(req *http.Request) map[string]any {
	var v map[string]any
	if err := json.NewDecoder(req.Body).Decode(&v); err != nil {
		r.T.Errorf("%s %s: %v", req.Method, req.URL, err)
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

func (p *Pull) CommentByID(id int64) *Comment {
	for _, c := range p.Comments {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func (r *State) Add(p *Pull, author, body string) *Comment {
	r.nextID++
	c := &Comment{r.nextID, author, body}
	p.Comments = append(p.Comments, c)
	return c
}

// comment adds the comment of a request.
func (r *State) comment(req *http.Request) *Comment {
	c := r.Add(r.Find(req.PathValue("n")), BotLogin, "")
	r.edit(c, r.Decode(req)["body"].(string))
	return c
}

func (r *State) edit(c *Comment, body string) {
	c.Body = body
	r.post("comment " + body)
}

// setStatus adds a status: commit, state, context, description.
func (r *State) setStatus(line string) {
	r.Statuses = append(r.Statuses, line)
	_, line, _ = strings.Cut(line, " ")
	r.post("status " + line)
}

// newestStatuses returns the newest status of each context of a commit, as field names of the API.
func (r *State) newestStatuses(commit, state, context string) []map[string]any {
	out := []map[string]any{}
	for _, line := range slices.Backward(r.Statuses) {
		fields := strings.SplitN(line, " ", 4)
		same := func(s map[string]any) bool { return s[context] == fields[2] }
		if fields[0] == commit && !slices.ContainsFunc(out, same) {
			out = append(out, map[string]any{"id": 3, state: fields[1], context: fields[2], "description": fields[3]})
		}
	}
	return out
}

func (r *State) post(text string) {
	if r.Posts != nil {
		r.Posts <- text
	}
}

func (r *State) CommentByID(id string) *Comment {
	for _, p := range r.Pulls {
		if c := p.CommentByID(int64(atoi(id))); c != nil {
			return c
		}
	}
	return nil
}

// open lists the open pull requests, the most recently updated first.
func (r *State) open() []*Pull {
	var out []*Pull
	for _, p := range r.Pulls {
		if p.Merged == "" && !p.Closed {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *Pull) int { return b.Updated.Compare(a.Updated) })
	return out
}

// mergedOn returns when a pull request was merged.
func (p *Pull) mergedOn() time.Time {
	if p.MergedAt.IsZero() {
		return p.Updated
	}
	return p.MergedAt
}

// pushesTo returns the pushes to all branches, the newest first.
func (r *State) pushesTo() []Push {
	var out []Push
	for _, p := range r.Pulls {
		for _, push := range p.Pushes {
			if push.Branch == "" {
				push.Branch = "change"
			}
			out = append(out, push)
		}
	}
	slices.SortStableFunc(out, func(a, b Push) int { return b.At.Compare(a.At) })
	return out
}

func timestamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// strict fails the test for a route that the API does not have.
func Strict(r *State, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern == "" {
			r.T.Errorf("the API has no %s %s", req.Method, req.URL)
		}
		mux.ServeHTTP(w, req)
	})
}

// source returns the branch of a pull request.
func (p *Pull) source() string {
	if p.Branch == "" {
		return "change"
	}
	return p.Branch
}

// creates returns the handler that opens a pull request. head, base and body name the fields of the
// request.
func (r *State) creates(head, base, body string, show func(*Pull) map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		b := r.Decode(req)
		if r.ReadOnly {
			Respond(w, 403, map[string]any{"message": "403 Forbidden"})
			return
		}
		p := &Pull{Number: 40 + len(r.Pulls), Author: BotLogin, Head: strings.Repeat("e", 40),
			Updated: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
			Branch:  fmt.Sprint(b[head]), Base: fmt.Sprint(b[base]), Title: fmt.Sprint(b["title"]),
			Body: fmt.Sprint(b[body])}
		if p.Base == "nowhere" {
			Respond(w, 422, map[string]any{"message": "base is invalid"})
			return
		}
		r.Pulls = append(r.Pulls, p)
		Respond(w, 201, show(p))
	}
}
