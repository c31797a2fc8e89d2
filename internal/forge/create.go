package forge

import (
	"context"
	"fmt"
	"net/http"

	"code.gitea.io/sdk/gitea"
	"github.com/google/go-github/v92/github"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// NewPullRequest is a pull request to open. Branch and Base are branches of the repository.
type NewPullRequest struct {
	Branch, Base, Title, Body string
}

// createPullRequest opens a pull request, unless one from the same branch to the same base is open
// already. create sends the request and returns the response for statusOf.
func createPullRequest(ctx context.Context, f Forge, p NewPullRequest, scope string,
	create func() (pr PullRequest, response any, err error)) (pr PullRequest, created bool, err error) {
	list, err := f.PullRequests(ctx, p.Base)
	if err != nil {
		return PullRequest{}, false, err
	}
	for _, pr := range list {
		if pr.Branch == p.Branch && !pr.Fork {
			return pr, false, nil
		}
	}
	pr, response, err := create()
	if err == nil {
		return pr, true, nil
	}
	err = fmt.Errorf("open a pull request from %s to %s: %w", p.Branch, p.Base, err)
	switch statusOf(response) {
	case http.StatusUnauthorized:
		err = fmt.Errorf("%w; the token is wrong, expired or revoked", err)
	case http.StatusForbidden, http.StatusNotFound: // forges hide what a token may not read
		err = fmt.Errorf("%w; the token may not open pull requests: give it %s", err, scope)
	}
	return PullRequest{}, false, err
}

func (g *gitHub) CreatePullRequest(ctx context.Context, p NewPullRequest) (PullRequest, bool, error) {
	return createPullRequest(ctx, g, p, "the permission Pull requests (read and write)",
		func() (PullRequest, any, error) {
			pr, res, err := g.client.PullRequests.Create(ctx, g.owner, g.name, github.CreatePullRequest{
				Title: &p.Title, Head: p.Branch, Base: p.Base, Body: &p.Body})
			if err != nil {
				return PullRequest{}, res, err
			}
			return g.pullRequest(pr), res, nil
		})
}

func (g *gitLab) CreatePullRequest(ctx context.Context, p NewPullRequest) (PullRequest, bool, error) {
	return createPullRequest(ctx, g, p, "the scope api and the role Developer",
		func() (PullRequest, any, error) {
			mr, res, err := g.client.MergeRequests.CreateMergeRequest(g.project, &gitlab.CreateMergeRequestOptions{
				Title: &p.Title, Description: &p.Body, SourceBranch: &p.Branch, TargetBranch: &p.Base},
				gitlab.WithContext(ctx))
			if err != nil {
				return PullRequest{}, res, err
			}
			return g.pullRequest(&mr.BasicMergeRequest), res, nil
		})
}

func (g *giteaRepo) CreatePullRequest(ctx context.Context, p NewPullRequest) (PullRequest, bool, error) {
	return createPullRequest(ctx, g, p, "the scopes write:issue and write:repository",
		func() (PullRequest, any, error) {
			client, err := g.client(ctx)
			if err != nil {
				return PullRequest{}, nil, err
			}
			pr, res, err := client.CreatePullRequest(g.owner, g.name, gitea.CreatePullRequestOption{
				Title: p.Title, Head: p.Branch, Base: p.Base, Body: p.Body})
			if err != nil {
				return PullRequest{}, res, err
			}
			return g.pullRequest(pr), res, nil
		})
}

// statusOf returns the status code of a response of one of the forges' libraries; 0 if there is no
// response.
func statusOf(response any) int {
	switch r := response.(type) {
	case *github.Response:
		if r != nil {
			return statusOf(r.Response)
		}
	case *gitlab.Response:
		if r != nil {
			return statusOf(r.Response)
		}
	case *gitea.Response:
		if r != nil {
			return statusOf(r.Response)
		}
	case *http.Response:
		if r != nil {
			return r.StatusCode
		}
	}
	return 0
}
