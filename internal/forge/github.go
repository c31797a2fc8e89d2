package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v92/github"
)

// gitHub is a repository on GitHub or GitHub Enterprise.
type gitHub struct {
	client      *github.Client
	app         *installation // nil for a token
	owner, name string
	me          login
	ours        placed
}

func newGitHub(c Config, site url.URL, path string) (*gitHub, error) {
	owner, name, err := split(path)
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
	carrier, _ := newClient(c)
	options := []github.ClientOptionsFunc{github.WithURLs(&api, nil), github.WithUserAgent(c.UserAgent), github.WithDisableRateLimitCheck()}
	g := &gitHub{owner: owner, name: name}
	if c.App == nil {
		carrier.Transport = bearer{carrier.Transport, func(context.Context) (string, error) { return c.Token, nil }}
	} else {
		if g.app, err = newInstallation(*c.App, carrier, options, owner, name, c.Now); err != nil {
			return nil, err
		}
		signed := *carrier
		signed.Transport = bearer{carrier.Transport, g.app.token}
		carrier = &signed
	}
	g.client, err = github.NewClient(append(options, github.WithHTTPClient(carrier))...)
	return g, err
}

// bearer adds a token to each request.
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
	opt := &github.PullRequestListOptions{State: "open", Base: branch, Sort: "updated", Direction: "desc", ListOptions: github.ListOptions{PerPage: 100, Page: 1}}
	for opt.Page != 0 {
		list, res, err := g.client.PullRequests.List(ctx, g.owner, g.name, opt)
		if err != nil {
			return nil, fmt.Errorf("list pull requests: %w", err)
		}
		for _, pr := range list {
			out = append(out, g.pullRequest(pr))
		}
		opt.Page = res.NextPage
	}
	return out, nil
}

func (g *gitHub) pullRequest(pr *github.PullRequest) PullRequest {
	n := pr.GetNumber()
	head, base := pr.GetHead(), pr.GetBase()
	return PullRequest{Number: n, Title: pr.GetTitle(), Author: pr.GetUser().GetLogin(), URL: pr.GetHTMLURL(), Head: head.GetSHA(), Draft: pr.GetDraft(),
		HeadRef: fmt.Sprintf("refs/pull/%d/head", n), MergeRef: fmt.Sprintf("refs/pull/%d/merge", n), Updated: pr.GetUpdatedAt().Time,
		// A fork that was deleted is null: it is a fork all the same.
		Fork: head.GetRepo().GetID() == 0 || head.GetRepo().GetID() != base.GetRepo().GetID()}
}

func (g *gitHub) Comment(ctx context.Context, number int, body string) error {
	return g.ours.place(ctx, g, number, body)
}

func (g *gitHub) self(ctx context.Context) (string, error) {
	return g.me.get(func() (string, error) {
		if g.app != nil {
			return g.app.login(ctx)
		}
		u, _, err := g.client.Users.Get(ctx, "")
		return u.GetLogin(), err
	})
}

func (g *gitHub) page(ctx context.Context, number, page int) ([]note, int, error) {
	list, res, err := g.client.Issues.ListComments(ctx, g.owner, g.name, number,
		&github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 100, Page: page}})
	if err != nil {
		return nil, 0, err
	}
	var notes []note
	for _, c := range list {
		notes = append(notes, note{c.GetID(), c.GetUser().GetLogin(), c.GetBody()})
	}
	return notes, res.NextPage, nil
}

func (g *gitHub) create(ctx context.Context, number int, body string) (int64, error) {
	c, _, err := g.client.Issues.CreateComment(ctx, g.owner, g.name, number, github.IssueCommentRequest{Body: body})
	return c.GetID(), err
}

func (g *gitHub) edit(ctx context.Context, _ int, id int64, body string) (bool, error) {
	_, res, err := g.client.Issues.UpdateComment(ctx, g.owner, g.name, id, github.IssueCommentRequest{Body: body})
	if err != nil && res != nil && res.StatusCode == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

func (g *gitHub) SetStatus(ctx context.Context, commit string, s Status) error {
	state := github.RepoStatus{State: new(string(s.State)), Context: new(Context), Description: new(short(s.Description, 140))}
	if s.URL != "" {
		state.TargetURL = &s.URL
	}
	if _, _, err := g.client.Repositories.CreateStatus(ctx, g.owner, g.name, commit, state); err != nil {
		return fmt.Errorf("set the status of %.7s: %w", commit, err)
	}
	if g.app == nil { // only an App may make check runs
		return nil
	}
	if err := g.check(ctx, commit, s); err != nil {
		return fmt.Errorf("annotate %.7s: %w", commit, err)
	}
	return nil
}

// GitHub takes so many annotations in one request; more than the most are a case for the comment.
const (
	annotationsPerCall = 50
	mostAnnotations    = 200
)

// check makes the check run that carries annotations. One without them takes back an earlier one of the same commit.
func (g *gitHub) check(ctx context.Context, commit string, s Status) error {
	if s.State == Pending {
		return nil
	}
	conclusion := map[State]string{Success: "success", Failure: "failure", Error: "neutral"}[s.State]
	all := s.Annotations[:min(len(s.Annotations), mostAnnotations)]
	output := func(part []Annotation) *github.CheckRunOutput {
		out := &github.CheckRunOutput{Title: new(short(s.Description, 140)), Summary: new(s.Description)}
		for _, a := range part {
			line := max(1, a.Line)
			out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{Path: &a.Path, StartLine: &line, EndLine: &line, AnnotationLevel: new("failure"),
				Title: &a.Title, Message: &a.Message})
		}
		return out
	}
	first := all[:min(len(all), annotationsPerCall)]
	run, _, err := g.client.Checks.CreateCheckRun(ctx, g.owner, g.name, github.CreateCheckRunOptions{Name: "roster declarations", HeadSHA: commit,
		Status: new("completed"), Conclusion: &conclusion, Output: output(first)})
	for rest := all[len(first):]; err == nil && len(rest) > 0; {
		part := rest[:min(len(rest), annotationsPerCall)]
		rest = rest[len(part):]
		_, _, err = g.client.Checks.UpdateCheckRun(ctx, g.owner, g.name, run.GetID(), github.UpdateCheckRunOptions{Name: "roster declarations", Output: output(part)})
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
		for _, pr := range list {
			if pr.MergedAt == nil || pr.GetBase().GetRef() != branch {
				continue
			}
			if found == nil || pr.GetMergeCommitSHA() == commit {
				found = pr
			}
		}
		opt.Page = res.NextPage
	}
	if found == nil {
		return PullRequest{}, false, nil
	}
	return g.pullRequest(found), true, nil
}

func (g *gitHub) Approval(ctx context.Context, pr PullRequest) (Approval, error) {
	var reviews []review
	may := map[string]bool{}
	opt := &github.ListOptions{PerPage: 100, Page: 1}
	for opt.Page != 0 {
		list, res, err := g.client.PullRequests.ListReviews(ctx, g.owner, g.name, pr.Number, opt)
		if err != nil {
			return Approval{}, fmt.Errorf("read the reviews of #%d: %w", pr.Number, err)
		}
		for _, r := range list {
			v := review{by: r.GetUser().GetLogin(), head: r.GetCommitID(), at: r.GetSubmittedAt().Time}
			switch r.GetState() {
			case "APPROVED":
				v.approves = true
			case "CHANGES_REQUESTED":
			case "DISMISSED":
				v.head = "" // takes back what the person said before
			default:
				continue
			}
			ok, known := may[v.by]
			if !known {
				if ok, err = g.mayWrite(ctx, v.by); err != nil {
					return Approval{}, fmt.Errorf("ask what %s may do: %w", v.by, err)
				}
				may[v.by] = ok
			}
			if ok {
				reviews = append(reviews, v)
			}
		}
		opt.Page = res.NextPage
	}
	return standing(reviews, pr.Author), nil
}

// mayWrite reports whether somebody's approval counts: GitHub lets anybody who can read a repository approve.
func (g *gitHub) mayWrite(ctx context.Context, user string) (bool, error) {
	if user == "" {
		return false, nil
	}
	level, res, err := g.client.Repositories.GetPermissionLevel(ctx, g.owner, g.name, user)
	if err != nil && res != nil && res.StatusCode == http.StatusNotFound {
		return false, nil
	}
	return level.GetPermission() == "admin" || level.GetPermission() == "write", err
}
