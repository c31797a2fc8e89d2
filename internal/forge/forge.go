// Package forge speaks to the services that host the repository: GitHub, GitLab, Gitea and Forgejo. It knows pull requests, their one
// comment, commit statuses, who approved what, and webhooks. It does not know what is in a repository, what a preview is or when to make
// one: its callers declare the small interfaces that they need, and each forge here has all of their methods.
//
// Credentials come from the caller, never from Git; no error holds one. A forge that asks for patience is heeded: until then every call
// is a *LimitedError, without a request.
package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// PullRequest is a proposal to merge: a pull request, or GitLab's merge request.
type PullRequest struct {
	Number             int
	Title, Author, URL string
	// Head is the commit that is proposed, HeadRef the reference by which it can be fetched from the repository itself, also if it comes
	// from a fork. MergeRef holds the forge's own trial merge, "" where it makes none; it may be missing or out of date.
	Head, HeadRef, MergeRef string
	Draft                   bool
	Fork                    bool // it comes from another repository, whose owners may not write to this one
	Updated                 time.Time
}

// State is how a preview went, as a commit status.
type State string

// The states of a commit status.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure" // the proposal is at fault
	Error   State = "error"   // something else is
)

// Context is the name of the commit status.
const Context = "roster/preview"

// Status is what a commit is marked with.
type Status struct {
	State       State
	Description string // one line; cut to what the forge takes
	URL         string // of more about it; may be empty
	// Annotations are shown at lines of files where the forge has such a thing: GitHub, for an App.
	Annotations []Annotation
}

// Annotation is a finding at a line of a file.
type Annotation struct {
	Path           string // from the root of the repository
	Line           int    // from 1
	Title, Message string
}

// Approval is what people approved of a pull request.
type Approval struct {
	// Head is the commit at which it was approved; "" if it was not, and Why says so.
	Head, Why string
}

// Kind names a forge's API.
type Kind string

// The kinds of forges. Forgejo speaks Gitea's API.
const (
	KindGitHub Kind = "github"
	KindGitLab Kind = "gitlab"
	KindGitea  Kind = "gitea"
)

// Config says which repository, where, and with which credentials.
type Config struct {
	Kind Kind
	// Repository is the https URL of the repository, from which the API's address follows unless API is set: https://github.com/o/r,
	// https://gitlab.example.com/group/sub/r.
	Repository string
	// API is the address of the API, for example https://ghe.example.com/api/v3.
	API string
	// Token is a personal, project or bot token. App is used instead of it on GitHub if it is set.
	Token string
	App   *App
	// HTTP carries the requests; nil means http.DefaultTransport.
	HTTP      http.RoundTripper
	UserAgent string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Forge is one repository at a forge. Its methods may be called concurrently. Errors: *LimitedError when the forge asks for patience.
type Forge interface {
	// PullRequests lists the open ones that would be merged into the branch, the most recently updated first.
	PullRequests(ctx context.Context, branch string) ([]PullRequest, error)
	// Comment writes our one comment on a pull request, or edits it in place. Nothing is sent if it says the same already.
	Comment(ctx context.Context, number int, body string) error
	// SetStatus marks a commit.
	SetStatus(ctx context.Context, commit string, s Status) error
	// Merged returns the pull request by which a commit came to the branch; ok is false if it came by none.
	Merged(ctx context.Context, branch, commit string) (pr PullRequest, ok bool, err error)
	// Approval tells what was approved of a pull request, by somebody other than its author who may write to the repository.
	Approval(ctx context.Context, pr PullRequest) (Approval, error)
}

// Open returns the forge of a repository. Nothing is sent yet.
func Open(c Config) (Forge, error) {
	f, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("open forge: %w", err)
	}
	return f, nil
}

func open(c Config) (Forge, error) {
	if c.Kind != KindGitHub && c.Kind != KindGitLab && c.Kind != KindGitea {
		return nil, fmt.Errorf("there is no forge %q: want github, gitlab or gitea (Forgejo is gitea)", c.Kind)
	}
	u, err := url.Parse(c.Repository)
	path := ""
	if err == nil {
		path = strings.Trim(strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git"), "/")
	}
	if err != nil || u.Host == "" || !strings.Contains(path, "/") {
		return nil, fmt.Errorf("the forge's repository must be a URL like https://host/owner/name")
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

// split cuts owner/name, for forges that have no deeper folders.
func split(path string) (owner, name string, err error) {
	owner, name, _ = strings.Cut(path, "/")
	if strings.Contains(name, "/") {
		return "", "", fmt.Errorf("repository %q: want owner/name", path)
	}
	return owner, name, nil
}

// short cuts a description to n characters.
func short(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
