package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v92/github"

	"github.com/seed-d64a251c/roster/internal/output"
)

// gitHub is a repository on GitHub or GitHub Enterprise.
type gitHub struct {
	client      *github.Client
	app         *installation // nil for a token
	owner, name string
	login       loginCache
	comments    commentCache
	statuses    statusCache
}

func newGitHub(c Config, site url.URL, path string) (*gitHub, error) {
	owner, name, err := splitOwnerName(path)
	if err != nil {
		return nil, err
	}
	api := c.API
	switch {
	case api != "":
	case site.Host == "github.com":
		api = "https://api.github.com/"
	default:
		api = site.String() + "/api/v3/"
	}
	if !strings.HasSuffix(api, "/") {
		api += "/"
	}
	httpClient, _ := newClient(c)
	options := []github.ClientOptionsFunc{github.WithURLs(&api, nil), github.WithUserAgent(c.UserAgent),
		github.WithDisableRateLimitCheck()}
	g := &gitHub{owner: owner, name: name}
	if c.App == nil {
		httpClient.Transport = bearer{httpClient.Transport, func(context.Context) (string, error) {
			return c.Token, nil
		}}
	} else {
		if g.app, err = newInstallation(*c.App, httpClient, options, owner, name, c.Now); err != nil {
			return nil, err
		}
		signed := *httpClient
		signed.Transport = bearer{httpClient.Transport, g.app.token}
		httpClient = &signed
	}
	g.client, err = github.NewClient(append(options, github.WithHTTPClient(httpClient))...)
	return g, err
}

// bearer is a transport that adds a token to each request.
type bearer struct {
	next  http.RoundTripper
	token func(context.Context) (string, error)
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := b.token(req.Context())
	if err != nil {
		return nil, err
	}
	if token != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return b.next.RoundTrip(req)
}

func (g *gitHub) PullRequests(ctx context.Context, branch string) ([]PullRequest, error) {
	var out []PullRequest
	opt := &github.PullRequestListOptions{State: "open", Base: branch, Sort: "updated", Direction: "desc",
		ListOptions: github.ListOptions{PerPage: 100, Page: 1}}
	for opt.Page != 0 {
		list, res, err := g.client.PullRequests.List(ctx, g.owner, g.name, opt)
		if err != nil {
			return nil, fmt.Errorf("list pull requests: %w", err)
		}
		for _, pr := range present(list) {
			out = append(out, g.pullRequest(pr))
		}
		if opt.Page, err = nextPage(opt.Page, res.NextPage); err != nil {
			return nil, fmt.Errorf("list pull requests: %w", err)
		}
	}
	return out, nil
}

func (g *gitHub) pullRequest(pr *github.PullRequest) PullRequest {
	n := pr.GetNumber()
	head, base := pr.GetHead(), pr.GetBase()
	return PullRequest{Number: n, Title: pr.GetTitle(), Author: pr.GetUser().GetLogin(), URL: pr.GetHTMLURL(),
		Head: head.GetSHA(), Draft: pr.GetDraft(),
		HeadRef: fmt.Sprintf("refs/pull/%d/head", n), MergeRef: fmt.Sprintf("refs/pull/%d/merge", n),
		Updated: pr.GetUpdatedAt().Time, Created: pr.GetCreatedAt().Time, MergedAt: pr.GetMergedAt().Time,
		Branch: head.GetRef(), HeadRepo: head.GetRepo().GetFullName(),
		// The repository of a deleted fork is null. It counts as a fork.
		Fork: head.GetRepo().GetID() == 0 || head.GetRepo().GetID() != base.GetRepo().GetID()}
}

func (g *gitHub) Comment(ctx context.Context, number int, body string) error {
	return g.comments.upsert(ctx, g, number, body, true)
}

func (g *gitHub) EditComment(ctx context.Context, number int, body string) error {
	return g.comments.upsert(ctx, g, number, body, false)
}

func (g *gitHub) currentUser(ctx context.Context) (string, error) {
	return g.login.get(func() (string, error) {
		if g.app != nil {
			return g.app.botLogin(ctx)
		}
		u, _, err := g.client.Users.Get(ctx, "")
		return u.GetLogin(), err
	})
}

func (g *gitHub) listComments(ctx context.Context, number, page int) ([]comment, int, error) {
	list, res, err := g.client.Issues.ListComments(ctx, g.owner, g.name, number,
		&github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 100, Page: page}})
	if err != nil {
		return nil, 0, err
	}
	var comments []comment
	for _, c := range present(list) {
		comments = append(comments, comment{c.GetID(), c.GetUser().GetLogin(), c.GetBody()})
	}
	return comments, res.NextPage, nil
}

func (g *gitHub) createComment(ctx context.Context, number int, body string) (int64, error) {
	c, res, err := g.client.Issues.CreateComment(ctx, g.owner, g.name, number, github.IssueCommentRequest{Body: body})
	return c.GetID(), refusal(err, res)
}

func (g *gitHub) editComment(ctx context.Context, _ int, id int64, body string) (bool, error) {
	_, res, err := g.client.Issues.UpdateComment(ctx, g.owner, g.name, id, github.IssueCommentRequest{Body: body})
	if err != nil && statusOf(res) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, refusal(err, res)
}

func (g *gitHub) SetStatus(ctx context.Context, commit string, s Status) error {
	shown := shownStatus{string(s.State), truncate(s.Description, 140)}
	read := func() (shownStatus, error) { return g.readStatus(ctx, commit, s.name()) }
	return g.statuses.set(commit, s.name(), shown, read, func() error { return g.sendStatus(ctx, commit, s, shown) })
}

// sendStatus makes the annotations, and then sets the status: a commit that has the status has the
// annotations too.
func (g *gitHub) sendStatus(ctx context.Context, commit string, s Status, shown shownStatus) error {
	state := github.RepoStatus{State: &shown.state, Context: new(s.name()), Description: &shown.description}
	if s.URL != "" {
		state.TargetURL = &s.URL
	}
	if g.app != nil && s.Context != Outcome { // only a GitHub App may create check runs
		if err := g.check(ctx, commit, s); err != nil {
			return fmt.Errorf("annotate %.7s: %w", commit, err)
		}
	}
	if _, res, err := g.client.Repositories.CreateStatus(ctx, g.owner, g.name, commit, state); err != nil {
		return fmt.Errorf("set the status of %.7s: %w", commit, refusal(err, res))
	}
	return nil
}

// GitHub accepts annotationsPerCall annotations in one request. Beyond maxAnnotations, the comment
// has the rest.
const (
	annotationsPerCall = 50
	maxAnnotations     = 200
)

// check creates the check run with the annotations. A check run without annotations replaces an
// earlier one of the same commit.
func (g *gitHub) check(ctx context.Context, commit string, s Status) error {
	if s.State == Pending {
		return nil
	}
	conclusion := map[State]string{Success: "success", Failure: "failure", Error: "neutral"}[s.State]
	all := s.Annotations[:min(len(s.Annotations), maxAnnotations)]
	checkOutput := func(part []Annotation) *github.CheckRunOutput {
		out := &github.CheckRunOutput{Title: new(truncate(s.Description, 140)),
			Summary: new(string(output.Markdown(s.Description)))}
		for _, a := range part {
			line := max(1, a.Line)
			out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{Path: &a.Path, StartLine: &line,
				EndLine: &line, AnnotationLevel: new("failure"),
				Title: new(output.Line(a.Title)), Message: new(output.Line(a.Message))})
		}
		return out
	}
	first := all[:min(len(all), annotationsPerCall)]
	run, _, err := g.client.Checks.CreateCheckRun(ctx, g.owner, g.name,
		github.CreateCheckRunOptions{Name: "roster declarations", HeadSHA: commit,
			Status: new("completed"), Conclusion: &conclusion, Output: checkOutput(first)})
	for rest := all[len(first):]; err == nil && len(rest) > 0; {
		part := rest[:min(len(rest), annotationsPerCall)]
		rest = rest[len(part):]
		_, _, err = g.client.Checks.UpdateCheckRun(ctx, g.owner, g.name, run.GetID(),
			github.UpdateCheckRunOptions{Name: "roster declarations", Output: checkOutput(part)})
	}
	return err
}

func (g *gitHub) Merged(ctx context.Context, branch, commit string) (PullRequest, bool, error) {
	var found *github.PullRequest
	opt := &github.ListOptions{PerPage: 100, Page: 1}
	for opt.Page != 0 {
		list, res, err := g.client.PullRequests.ListPullRequestsWithCommit(ctx, g.owner, g.name, commit, opt)
		if err != nil {
			return PullRequest{}, false, fmt.Errorf("list pull requests with %.7s: %w", commit, err)
		}
		for _, pr := range present(list) {
			if pr.MergedAt == nil || pr.GetBase().GetRef() != branch {
				continue
			}
			if found == nil || pr.GetMergeCommitSHA() == commit {
				found = pr
			}
		}
		if opt.Page, err = nextPage(opt.Page, res.NextPage); err != nil {
			return PullRequest{}, false, fmt.Errorf("list pull requests with %.7s: %w", commit, err)
		}
	}
	if found == nil {
		return PullRequest{}, false, nil
	}
	return g.pullRequest(found), true, nil
}
