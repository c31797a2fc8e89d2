// Package forge is the client of the services that host the repository: GitHub, GitLab, Gitea and
// Forgejo. It handles pull requests, one comment on each, commit statuses, approvals and webhooks.
//
// The package does not read repositories and does not make previews. Callers declare the small
// interfaces that they need, and every forge implements all of their methods.
//
// Credentials come from the caller, never from Git, and no error contains one. When a forge limits
// the rate, every call returns a *RateLimitError until the limit ends, without a request.
package forge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
)

// PullRequest is a pull request, or a merge request on GitLab.
type PullRequest struct {
	Number             int
	Title, Author, URL string
	// Head is the proposed commit. HeadRef is the reference that fetches it from the target
	// repository, also for forks. MergeRef is the reference of the forge's own test merge. It is ""
	// on forges that make none, and the reference may be missing or outdated.
	Head, HeadRef, MergeRef string
	// Base is the commit at which the commits of the pull request begin: the newest commit of the
	// branch that the head has, or had before the merge. Only Gitea tells it, which names a merged
	// pull request only for the last of its commits; else it is "".
	Base     string
	Draft    bool
	Fork     bool // the head is in another repository
	Updated  time.Time
	Created  time.Time
	MergedAt time.Time // zero if it is not merged
	// Branch is the branch of the head in HeadRepo, which is owner/name, or a project's id on
	// GitLab. HeadRepo is "" if that repository no longer exists.
	Branch, HeadRepo string
}

// QueuedMerge is the commit that a merge queue wants to make the next one of the branch. It
// contains the branch, the pull requests that are before it in the queue, and its own.
type QueuedMerge struct {
	Commit string
	Ref    string // the reference that fetches it
}

// State is the state of a commit status.
type State string

// The states of a commit status.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure" // the pull request causes the problem
	Error   State = "error"   // the problem has another cause
)

// Context is the name of a commit status. A commit has one status of each name.
type Context string

// The names of roster's commit statuses.
const (
	Preview Context = "roster/preview" // of the head of an open pull request
	Outcome Context = "roster/outcome" // of the commit that a merge brought to the branch
)

// Status is a commit status.
type Status struct {
	Context     Context // "" means Preview
	State       State
	Description string // one line, truncated to the forge's limit
	URL         string // a page with details; may be empty
	// Ref is the reference of the commit. GitLab needs it for the commits of forks, which no branch
	// of the project has; "" lets GitLab find a branch.
	Ref string
	// Annotations appear at lines of files. Only GitHub supports them, and only for a GitHub App.
	Annotations []Annotation
}

// name returns the name of a status.
func (s *Status) name() string { return string(cmp.Or(s.Context, Preview)) }

// Annotation is a finding at a line of a file.
type Annotation struct {
	Path           string // relative to the root of the repository
	Line           int    // the first line is 1
	Title, Message string
}

// Approval is the result of a pull request's reviews.
type Approval struct {
	// Approvers are the accounts with a valid approval, the newest approval last. If there are
	// none, Why is the reason.
	Approvers []Approver
	Why       string
}

// Approver is an account that approved a commit of a pull request.
type Approver struct{ Account, Head string }

// Contributions are what a forge knows about the authors of a pull request.
type Contributions struct {
	// Commits are the accounts of authors and committers, by commit. A commit that is missing has
	// no known account.
	Commits map[string]CommitAuthors
	// Pushes are the pushes to the branch of the head up to the merge. Incomplete is set if there
	// are more than were read.
	Pushes     []Push
	Incomplete bool
}

// CommitAuthors are the accounts of the author and the committer of a commit, found by their email
// addresses. Unmapped is set if one of the addresses belongs to no account.
type CommitAuthors struct {
	Accounts []string
	Unmapped bool
}

// Push is a push by an account. It has the commits that To contains and From does not. From is ""
// for a new branch, or if the forge does not tell. If Commits is set, the push has these commits.
type Push struct {
	Account, From, To string
	Commits           []string
	Time              time.Time
}

// Kind is the API of a forge.
type Kind string

// The supported kinds. Forgejo has the API of Gitea.
const (
	KindGitHub Kind = "github"
	KindGitLab Kind = "gitlab"
	KindGitea  Kind = "gitea"
)

// Config names a repository at a forge, with credentials.
type Config struct {
	Kind Kind
	// Repository is the https URL of the repository, for example https://github.com/o/r or
	// https://gitlab.example.com/group/sub/r. Unless API is set, it determines the address of the
	// API.
	Repository string
	// API is the address of the API, for example https://ghe.example.com/api/v3.
	API string
	// Token is a personal, project or bot token. On GitHub, App replaces it if it is set.
	Token string
	App   *App
	// HTTP sends the requests; nil means http.DefaultTransport.
	HTTP      http.RoundTripper
	UserAgent string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Forge is one repository at a forge. Its methods may be called concurrently. They return a
// *RateLimitError when the forge limits the rate.
type Forge interface {
	// PullRequests lists the open pull requests to the branch, the most recently updated first.
	PullRequests(ctx context.Context, branch string) ([]PullRequest, error)
	// Comment creates roster's one comment on a pull request or edits it in place. It sends nothing
	// if the comment already has this body.
	Comment(ctx context.Context, number int, body string) error
	// EditComment edits roster's comment like Comment, if there is one.
	EditComment(ctx context.Context, number int, body string) error
	// Queue lists the merges that wait in the merge queue of the branch. It is empty on forges
	// without a queue whose commits get statuses.
	Queue(ctx context.Context, branch string) ([]QueuedMerge, error)
	// SetStatus sets the status of a commit. It sends nothing if the commit already has this state
	// and description.
	SetStatus(ctx context.Context, commit string, s Status) error
	// Merged returns the pull request that brought a commit to the branch. ok is false if there is
	// none.
	Merged(ctx context.Context, branch, commit string) (pr PullRequest, ok bool, err error)
	// Approval returns the heads that reviewers approved. A reviewer did not open the pull request
	// and has write access to the repository.
	Approval(ctx context.Context, pr PullRequest) (Approval, error)
	// Contributions returns who authored and pushed the commits of a pull request, as far as the
	// forge tells.
	Contributions(ctx context.Context, pr PullRequest) (Contributions, error)
	// CreatePullRequest opens a pull request. If one from the same branch to the same base is open
	// already, it returns that one, and created is false.
	CreatePullRequest(ctx context.Context, p NewPullRequest) (pr PullRequest, created bool, err error)
}

// Open returns the forge of a repository. It sends no request.
func Open(c Config) (Forge, error) {
	f, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("open forge: %w", err)
	}
	return guarded{f}, nil
}

func open(c Config) (Forge, error) {
	if c.Kind != KindGitHub && c.Kind != KindGitLab && c.Kind != KindGitea {
		return nil, fmt.Errorf("unknown forge %q: use github, gitlab or gitea (gitea for Forgejo)", c.Kind)
	}
	u, err := url.Parse(WebURL(c.Repository))
	path := ""
	if err == nil {
		path = strings.Trim(strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git"), "/")
		c.API, path = splitAPI(c, path)
	}
	if err != nil || u.Host == "" || !strings.Contains(path, "/") {
		return nil, errors.New("the forge's repository must be a URL like https://host/owner/name")
	}
	site := url.URL{Scheme: u.Scheme, Host: u.Host}
	switch c.Kind {
	case KindGitHub:
		return newGitHub(c, site, path)
	case KindGitLab:
		return newGitLab(c, site, path)
	}
	return newGitea(c, site, path)
}

// sshHosts are the hosts at which forges accept SSH on port 443, with the hosts of their pages
// (docs.github.com, "Using SSH over the HTTPS port"; about.gitlab.com, "GitLab.com now supports
// an alternate git+ssh port").
var sshHosts = map[string]string{"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}

// WebURL returns the URL at which a forge has a repository, from the address that Git reads: an
// https URL, without its user and password, for ssh://git@host:22/owner/name and for
// git@host:owner/name too. It returns "" for an address that is not at a forge, such as a folder.
func WebURL(address string) string {
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		switch {
		case err != nil:
			return ""
		case u.Scheme == "http" || u.Scheme == "https":
			u.User = nil
			return u.String()
		case u.Scheme == "ssh":
			return sshWebURL(u.Hostname(), u.Path)
		}
		return ""
	}
	host, path, ok := strings.Cut(address, ":")
	if !ok || strings.Contains(host, "/") {
		return ""
	}
	return sshWebURL(host[strings.LastIndexByte(host, '@')+1:], path)
}

func sshWebURL(host, path string) string {
	host = strings.ToLower(host)
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") { // an IPv6 address
		host = "[" + host + "]"
	}
	return "https://" + cmp.Or(sshHosts[host], host) + "/" + strings.TrimPrefix(path, "/")
}

// splitAPI returns the address of the API without the version that the clients of GitLab and Gitea
// add, and the path of the repository below the address of the forge: both may be below a path of
// their host. The path of an SSH address begins with the owner.
func splitAPI(c Config, path string) (api, repository string) {
	api = strings.TrimSuffix(c.API, "/")
	if c.Kind != KindGitHub {
		for _, version := range []string{"/api/v1", "/api/v4"} {
			api = strings.TrimSuffix(api, version)
		}
		web := strings.HasPrefix(c.Repository, "http")
		if u, err := url.Parse(api); web && err == nil && u.Path != "" {
			path = strings.TrimPrefix(path, strings.Trim(u.Path, "/")+"/")
		}
	}
	return api, path
}

// splitOwnerName splits owner/name, for forges without nested groups.
func splitOwnerName(path string) (owner, name string, err error) {
	owner, name, _ = strings.Cut(path, "/")
	if strings.Contains(name, "/") {
		return "", "", fmt.Errorf("repository %q must be owner/name: if the forge is below a path of its host, "+
			"give its address with --forge-api", path)
	}
	return owner, name, nil
}

// truncate returns a description as one line of at most n characters. It cuts after a word, unless
// that loses more than half of the text.
func truncate(s string, n int) string {
	const ellipsis = "…"
	out := output.Truncate(s, n)
	kept, cut := strings.CutSuffix(out, ellipsis)
	if word := strings.LastIndexByte(kept, ' '); cut && word > len(kept)/2 && !strings.HasSuffix(s, ellipsis) {
		out = strings.TrimRight(kept[:word], " ;:,") + ellipsis
	}
	return out
}
