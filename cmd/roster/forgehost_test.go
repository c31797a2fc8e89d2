package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// forgeHost is a forge with one repository, as its users see it. The fakes of the three forges and
// a real Gitea implement it, so that one suite runs on all of them. Ann owns the repository; bob
// and roster-bot may write to it; carol has a fork.
type forgeHost interface {
	kind() string
	// flags are those of serve for the repository, without the address of the API.
	flags() []string
	// api is the URL of the forge, below which its API is.
	api() string
	// path is the path of the repository below api.
	path() string
	// env returns the secrets of the daemon.
	env() map[string]string
	// push pushes commits of the working copy as a user; carol pushes to the fork.
	push(as, commit, branch string, force bool)
	open(as, branch, base string, draft bool) (number int)
	ready(number int)
	retarget(number int, base string)
	setClosed(number int, closed bool)
	// approve approves the head as a user. It returns false if the forge refuses that.
	approve(as string, number int) bool
	dismiss(number int)
	// merge merges as ann: "merge", "squash", "rebase" or "queue". It returns the newest commit of
	// the branch.
	merge(number int, method string) string
	// enqueue puts a pull request into the merge queue and returns the commit of the queue.
	enqueue(number int) string
	comments(number int) []hostComment
	// statuses are those of a commit and a context, the oldest first.
	statuses(commit, context string) []hostStatus
}

// gitAs runs git as a user, who becomes the author and the committer.
func gitAs(t testing.TB, user, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	name, email := strings.ToUpper(user[:1])+user[1:], user+"@example.com"
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME="+name, "GIT_AUTHOR_EMAIL="+email, "GIT_COMMITTER_NAME="+name,
		"GIT_COMMITTER_EMAIL="+email)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// hostComment is a comment of roster-bot.
type hostComment struct {
	id   int64
	body string
}

// hostStatus is a commit status. Failed is "failure" on every forge.
type hostStatus struct{ state, description string }

// forgeProxy is between the daemon and the API of a forge. It counts, and it can be down.
type forgeProxy struct {
	url string

	mu       sync.Mutex
	down     bool
	listings int // of pull requests: each round of previews begins with one
	writes   []string
}

func newForgeProxy(t *testing.T, h forgeHost) *forgeProxy {
	target, err := url.Parse(h.api())
	if err != nil {
		t.Fatal(err)
	}
	p := &forgeProxy{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.down
		state := r.URL.Query().Get("state")
		switch {
		case down:
		case r.Method != http.MethodGet:
			p.writes = append(p.writes, r.Method+" "+r.URL.Path)
		case (state == "open" || state == "opened") && !strings.Contains(r.URL.RawQuery, "page=2"):
			p.listings++
		}
		p.mu.Unlock()
		if down {
			http.Error(w, "<html>Bad Gateway</html>", http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *forgeProxy) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *forgeProxy) counts() (listings, writes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listings, len(p.writes)
}
