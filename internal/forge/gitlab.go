package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// gitLab is a project on GitLab.
type gitLab struct {
	client   *gitlab.Client
	project  string
	login    loginCache
	comments commentCache
	statuses statusCache
}

func newGitLab(c Config, site url.URL, path string) (*gitLab, error) {
	api := c.API
	if api == "" {
		api = site.String()
	}
	client, _ := newClient(c)
	g, err := gitlab.NewClient(c.Token, gitlab.WithBaseURL(api), gitlab.WithHTTPClient(client), gitlab.WithoutRetries(),
		gitlab.WithUserAgent(c.UserAgent))
	if err != nil {
		return nil, err
	}
	return &gitLab{client: g, project: path}, nil
}

func (g *gitLab) PullRequests(ctx context.Context, branch string) ([]PullRequest, error) {
	var out []PullRequest
	opt := &gitlab.ListProjectMergeRequestsOptions{State: new("opened"), TargetBranch: &branch,
		OrderBy: new("updated_at"), Sort: new("desc"),
		ListOptions: gitlab.ListOptions{PerPage: 100, Page: 1}}
	for opt.Page != 0 {
		list, res, err := g.client.MergeRequests.ListProjectMergeRequests(g.project, opt, gitlab.WithContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("list merge requests: %w", err)
		}
		for _, mr := range present(list) {
			out = append(out, g.pullRequest(mr))
		}
		if opt.Page, err = nextPage(opt.Page, res.NextPage); err != nil {
			return nil, fmt.Errorf("list merge requests: %w", err)
		}
	}
	return out, nil
}

func (g *gitLab) pullRequest(mr *gitlab.BasicMergeRequest) PullRequest {
	pr := PullRequest{Number: int(mr.IID), Title: mr.Title, URL: mr.WebURL, Head: mr.SHA, Draft: mr.Draft,
		Fork:     mr.SourceProjectID != mr.TargetProjectID,
		HeadRef:  fmt.Sprintf("refs/merge-requests/%d/head", mr.IID),
		MergeRef: fmt.Sprintf("refs/merge-requests/%d/merge", mr.IID)}
	if mr.Author != nil {
		pr.Author = mr.Author.Username
	}
	if mr.SourceProjectID != 0 {
		pr.Branch, pr.HeadRepo = mr.SourceBranch, strconv.FormatInt(mr.SourceProjectID, 10)
	}
	for to, from := range map[*time.Time]*time.Time{
		&pr.Updated: mr.UpdatedAt, &pr.Created: mr.CreatedAt, &pr.MergedAt: mr.MergedAt,
	} {
		if from != nil {
			*to = *from
		}
	}
	return pr
}

func (g *gitLab) Comment(ctx context.Context, number int, body string) error {
	return g.comments.upsert(ctx, g, number, body, true)
}

func (g *gitLab) EditComment(ctx context.Context, number int, body string) error {
	return g.comments.upsert(ctx, g, number, body, false)
}

func (g *gitLab) currentUser(ctx context.Context) (string, error) {
	return g.login.get(func() (string, error) {
		u, _, err := g.client.Users.CurrentUser(gitlab.WithContext(ctx))
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

func (g *gitLab) listComments(ctx context.Context, number, page int) ([]comment, int, error) {
	list, res, err := g.client.Notes.ListMergeRequestNotes(g.project, int64(number),
		&gitlab.ListMergeRequestNotesOptions{
			ListOptions: gitlab.ListOptions{PerPage: 100, Page: int64(page)}, OrderBy: new("created_at"),
			Sort: new("asc")},
		gitlab.WithContext(ctx))
	if err != nil {
		return nil, 0, err
	}
	var comments []comment
	for _, n := range present(list) {
		if !n.System {
			comments = append(comments, comment{n.ID, n.Author.Username, n.Body})
		}
	}
	return comments, int(res.NextPage), nil
}

func (g *gitLab) createComment(ctx context.Context, number int, body string) (int64, error) {
	n, res, err := g.client.Notes.CreateMergeRequestNote(g.project, int64(number),
		&gitlab.CreateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	if err != nil {
		return 0, refusal(err, res)
	}
	return n.ID, nil
}

func (g *gitLab) editComment(ctx context.Context, number int, id int64, body string) (bool, error) {
	_, res, err := g.client.Notes.UpdateMergeRequestNote(g.project, int64(number), id,
		&gitlab.UpdateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	if err != nil && statusOf(res) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, refusal(err, res)
}

func (g *gitLab) SetStatus(ctx context.Context, commit string, s Status) error {
	state := map[State]gitlab.BuildStateValue{Pending: gitlab.Pending, Success: gitlab.Success, Failure: gitlab.Failed,
		Error: gitlab.Failed}[s.State]
	shown := shownStatus{string(state), truncate(s.Description, 255)}
	read := func() (shownStatus, error) { return g.readStatus(ctx, commit, s.name()) }
	return g.statuses.set(commit, s.name(), shown, read, func() error { return g.sendStatus(ctx, commit, s, shown) })
}

// sendStatus sets a status.
func (g *gitLab) sendStatus(ctx context.Context, commit string, s Status, shown shownStatus) error {
	opt := &gitlab.SetCommitStatusOptions{State: gitlab.BuildStateValue(shown.state), Name: new(s.name()),
		Description: &shown.description}
	if s.URL != "" {
		opt.TargetURL = &s.URL
	}
	if s.Ref != "" {
		opt.Ref = &s.Ref
	}
	_, res, err := g.client.Commits.SetCommitStatus(g.project, commit, opt, gitlab.WithContext(ctx))
	var refused *gitlab.ErrorResponse
	if errors.As(err, &refused) && strings.Contains(refused.Message, "Cannot transition status") {
		return nil // GitLab rejects the state that a status already has
	}
	if err != nil {
		return fmt.Errorf("set the status of %.7s: %w", commit, refusal(err, res))
	}
	return nil
}

func (g *gitLab) Merged(ctx context.Context, branch, commit string) (PullRequest, bool, error) {
	list, _, err := g.client.Commits.ListMergeRequestsByCommit(g.project, commit, gitlab.WithContext(ctx))
	if err != nil {
		return PullRequest{}, false, fmt.Errorf("list merge requests with %.7s: %w", commit, err)
	}
	var found *gitlab.BasicMergeRequest
	for _, mr := range present(list) {
		if mr.State != "merged" || mr.TargetBranch != branch {
			continue
		}
		if found == nil || mr.MergeCommitSHA == commit || mr.SquashCommitSHA == commit {
			found = mr
		}
	}
	if found == nil {
		return PullRequest{}, false, nil
	}
	return g.pullRequest(found), true, nil
}
