package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"code.gitea.io/sdk/gitea"
)

// giteaRepo is a repository on Gitea or Forgejo.
type giteaRepo struct {
	config      Config
	http        *http.Client
	site        string
	owner, name string
	login       loginCache
	comments    commentCache
	statuses    statusCache
}

func newGitea(c Config, site url.URL, path string) (*giteaRepo, error) {
	owner, name, err := splitOwnerName(path)
	if err != nil {
		return nil, err
	}
	g := &giteaRepo{config: c, site: c.API, owner: owner, name: name}
	if g.site == "" {
		g.site = site.String()
	}
	g.http, _ = newClient(c)
	return g, nil
}

// client returns a client for one call, because this library binds the context to the client. The
// empty version prevents a request for the server's version.
func (g *giteaRepo) client(ctx context.Context) (*gitea.Client, error) {
	return gitea.NewClient(g.site, gitea.SetGiteaVersion(""), gitea.SetToken(g.config.Token),
		gitea.SetHTTPClient(g.http), gitea.SetContext(ctx),
		gitea.SetUserAgent(g.config.UserAgent))
}

// pageSize is the default limit of a server (MAX_RESPONSE_ITEMS).
const pageSize = 50

func (g *giteaRepo) PullRequests(ctx context.Context, branch string) ([]PullRequest, error) {
	client, err := g.client(ctx)
	if err != nil {
		return nil, err
	}
	var out []PullRequest
	for page := 1; page != 0; {
		list, res, err := client.ListRepoPullRequests(g.owner, g.name,
			gitea.ListPullRequestsOptions{State: gitea.StateOpen, Sort: "recentupdate",
				ListOptions: gitea.ListOptions{Page: page, PageSize: pageSize}})
		if err != nil {
			return nil, fmt.Errorf("list pull requests: %w", err)
		}
		for _, pr := range present(list) {
			if pr.Base != nil && pr.Base.Ref == branch {
				out = append(out, g.pullRequest(pr))
			}
		}
		if page, err = nextPage(page, res.NextPage); err != nil {
			return nil, fmt.Errorf("list pull requests: %w", err)
		}
	}
	return out, nil
}

func (g *giteaRepo) pullRequest(in *gitea.PullRequest) PullRequest {
	pr := PullRequest{Number: int(in.Index), Title: in.Title, URL: in.HTMLURL, Draft: in.Draft,
		HeadRef: fmt.Sprintf("refs/pull/%d/head", in.Index), Base: in.MergeBase, Fork: true}
	if in.Poster != nil {
		pr.Author = in.Poster.UserName
	}
	if in.Head != nil {
		pr.Head = in.Head.Sha
		pr.Fork = in.Base == nil || in.Head.RepoID != in.Base.RepoID
		if in.Head.Repository != nil {
			pr.Branch, pr.HeadRepo = in.Head.Ref, in.Head.Repository.FullName
		}
	}
	for to, from := range map[*time.Time]*time.Time{
		&pr.Updated: in.Updated, &pr.Created: in.Created, &pr.MergedAt: in.Merged,
	} {
		if from != nil {
			*to = *from
		}
	}
	return pr
}

func (g *giteaRepo) Comment(ctx context.Context, number int, body string) error {
	return g.comments.upsert(ctx, g, number, body, true)
}

func (g *giteaRepo) EditComment(ctx context.Context, number int, body string) error {
	return g.comments.upsert(ctx, g, number, body, false)
}

func (g *giteaRepo) currentUser(ctx context.Context) (string, error) {
	return g.login.get(func() (string, error) {
		client, err := g.client(ctx)
		if err != nil {
			return "", err
		}
		u, _, err := client.GetMyUserInfo()
		if err != nil {
			return "", err
		}
		return u.UserName, nil
	})
}

// listComments returns all comments as one page: Gitea does not paginate them.
func (g *giteaRepo) listComments(ctx context.Context, number, _ int) ([]comment, int, error) {
	client, err := g.client(ctx)
	if err != nil {
		return nil, 0, err
	}
	list, _, err := client.ListIssueComments(g.owner, g.name, int64(number), gitea.ListIssueCommentOptions{})
	if err != nil {
		return nil, 0, err
	}
	var comments []comment
	for _, c := range present(list) {
		if c.Poster != nil {
			comments = append(comments, comment{c.ID, c.Poster.UserName, c.Body})
		}
	}
	return comments, 0, nil
}

func (g *giteaRepo) createComment(ctx context.Context, number int, body string) (int64, error) {
	client, err := g.client(ctx)
	if err != nil {
		return 0, err
	}
	c, res, err := client.CreateIssueComment(g.owner, g.name, int64(number), gitea.CreateIssueCommentOption{Body: body})
	if err != nil {
		return 0, refusal(err, res)
	}
	return c.ID, nil
}

func (g *giteaRepo) editComment(ctx context.Context, _ int, id int64, body string) (bool, error) {
	client, err := g.client(ctx)
	if err != nil {
		return false, err
	}
	_, res, err := client.EditIssueComment(g.owner, g.name, id, gitea.EditIssueCommentOption{Body: body})
	if err != nil && statusOf(res) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, refusal(err, res)
}

func (g *giteaRepo) SetStatus(ctx context.Context, commit string, s Status) error {
	shown := shownStatus{string(s.State), truncate(s.Description, 255)}
	read := func() (shownStatus, error) { return g.readStatus(ctx, commit, s.name()) }
	return g.statuses.set(commit, s.name(), shown, read, func() error { return g.sendStatus(ctx, commit, s, shown) })
}

// sendStatus sets a status.
func (g *giteaRepo) sendStatus(ctx context.Context, commit string, s Status, shown shownStatus) error {
	client, err := g.client(ctx)
	if err != nil {
		return err
	}
	_, res, err := client.CreateStatus(g.owner, g.name, commit, gitea.CreateStatusOption{
		State: gitea.StatusState(shown.state), Context: s.name(), Description: shown.description, TargetURL: s.URL})
	if err != nil {
		return fmt.Errorf("set the status of %.7s: %w", commit, refusal(err, res))
	}
	return nil
}

func (g *giteaRepo) Merged(ctx context.Context, branch, commit string) (PullRequest, bool, error) {
	client, err := g.client(ctx)
	if err != nil {
		return PullRequest{}, false, err
	}
	pr, res, err := client.GetCommitPullRequest(g.owner, g.name, commit)
	switch {
	case err != nil && statusOf(res) == http.StatusNotFound:
		return PullRequest{}, false, nil
	case err != nil:
		return PullRequest{}, false, fmt.Errorf("find the pull request of %.7s: %w", commit, err)
	case !pr.HasMerged || pr.Base == nil || pr.Base.Ref != branch:
		return PullRequest{}, false, nil
	}
	return g.pullRequest(pr), true, nil
}
