package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"code.gitea.io/sdk/gitea"
)

func (g *giteaRepo) Approval(ctx context.Context, pr PullRequest) (Approval, error) {
	client, err := g.client(ctx)
	if err != nil {
		return Approval{}, err
	}
	var reviews []review
	for page := 1; page != 0; {
		list, res, err := client.ListPullReviews(g.owner, g.name, int64(pr.Number),
			gitea.ListPullReviewsOptions{ListOptions: gitea.ListOptions{Page: page, PageSize: pageSize}})
		if err != nil {
			return Approval{}, fmt.Errorf("read the reviews of #%d: %w", pr.Number, err)
		}
		for _, r := range present(list) {
			if r.Reviewer == nil || r.Dismissed || !r.Official { // official: the reviewer has write access
				continue
			}
			v := review{by: r.Reviewer.UserName, head: r.CommitID, at: r.Submitted}
			switch r.State {
			case gitea.ReviewStateApproved:
				v.approves = true
			case gitea.ReviewStateRequestChanges:
			default:
				continue
			}
			reviews = append(reviews, v)
		}
		if page, err = nextPage(page, res.NextPage); err != nil {
			return Approval{}, fmt.Errorf("read the reviews of #%d: %w", pr.Number, err)
		}
	}
	return effectiveApproval(reviews, pr.Author), nil
}

// Contributions reads the authors from the commits, and the pushers from the activity of the
// repository and from the timeline of the pull request.
func (g *giteaRepo) Contributions(ctx context.Context, pr PullRequest) (Contributions, error) {
	client, err := g.client(ctx)
	if err != nil {
		return Contributions{}, err
	}
	out := Contributions{Commits: map[string]CommitAuthors{}}
	for page := 1; page != 0; {
		list, res, err := client.ListPullRequestCommits(g.owner, g.name, int64(pr.Number),
			gitea.ListPullRequestCommitsOptions{ListOptions: gitea.ListOptions{Page: page, PageSize: pageSize}})
		if err != nil {
			return Contributions{}, fmt.Errorf("read the commits of #%d: %w", pr.Number, err)
		}
		for _, c := range present(list) {
			if c.CommitMeta == nil {
				continue
			}
			var authors CommitAuthors
			for _, user := range []*gitea.User{c.Author, c.Committer} {
				if user == nil || user.UserName == "" {
					authors.Unmapped = true
					continue
				}
				authors.Accounts = append(authors.Accounts, user.UserName)
			}
			out.Commits[c.SHA] = authors
		}
		if page, err = nextPage(page, res.NextPage); err != nil {
			return Contributions{}, fmt.Errorf("read the commits of #%d: %w", pr.Number, err)
		}
	}
	activity, complete, err := g.activity(client, pr)
	if err != nil {
		return Contributions{}, fmt.Errorf("read the activity of %s: %w", pr.HeadRepo, err)
	}
	timeline, all, err := g.timeline(client, pr)
	if err != nil {
		return Contributions{}, fmt.Errorf("read the timeline of #%d: %w", pr.Number, err)
	}
	out.Pushes, out.Incomplete = beforeMerge(append(activity, timeline...), pr), !complete || !all
	return out, nil
}

// activity reads the pushes to the branch of the head from the activity of its repository. It is
// complete if there is no more. The activity lacks users who hide theirs, unless the token is that
// of an administrator.
func (g *giteaRepo) activity(client *gitea.Client, pr PullRequest) (out []Push, complete bool, err error) {
	owner, name, _ := strings.Cut(pr.HeadRepo, "/")
	if name == "" || pr.Branch == "" {
		return nil, true, nil
	}
	for page := 1; page <= maxPushPages; page++ {
		list, res, err := client.ListRepoActivityFeeds(owner, name,
			gitea.ListRepoActivityFeedsOptions{ListOptions: gitea.ListOptions{Page: page, PageSize: pageSize}})
		if err != nil && res != nil && res.Response != nil && withheld(res.StatusCode) {
			return nil, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		for _, a := range present(list) {
			if strings.TrimPrefix(a.RefName, "refs/heads/") != pr.Branch || a.ActUser == nil {
				continue
			}
			if from, to := pushedCommits(a); to != "" {
				out = append(out, Push{Account: a.ActUser.UserName, From: from, To: to, Time: a.Created})
			}
			if a.Created.Before(pr.Created.Add(-pushedBefore)) {
				return out, true, nil
			}
		}
		if len(list) == 0 {
			return out, true, nil
		}
	}
	return out, false, nil
}

// timeline reads the pushes since a pull request was opened. The opener counts as the pusher of the
// commits before. It is complete if there is no more.
func (g *giteaRepo) timeline(client *gitea.Client, pr PullRequest) (out []Push, complete bool, err error) {
	for page := 1; page <= maxPushPages; page++ {
		list, _, err := client.ListIssueTimeline(g.owner, g.name, int64(pr.Number),
			gitea.ListIssueCommentOptions{ListOptions: gitea.ListOptions{Page: page, PageSize: pageSize}})
		if err != nil {
			return nil, false, err
		}
		for _, event := range present(list) {
			var content struct {
				Force   bool     `json:"is_force_push"`
				Commits []string `json:"commit_ids"`
			}
			if event.Type != "pull_push" || event.Poster == nil || json.Unmarshal([]byte(event.Body), &content) != nil {
				continue
			}
			push := Push{Account: event.Poster.UserName, Commits: content.Commits, Time: event.Created}
			if content.Force && len(content.Commits) == 2 {
				push.From, push.To, push.Commits = content.Commits[0], content.Commits[1], nil
			}
			out = append(out, push)
		}
		if len(list) == 0 {
			return out, true, nil
		}
	}
	return out, false, nil
}

// pushedCommits returns the commits before and after a push. An activity that is not a push has
// none. Gitea writes the commits as JSON into the text of an activity, and the commit before into
// the address of the comparison.
func pushedCommits(a *gitea.Activity) (from, to string) {
	var content struct {
		HeadCommit *struct{ Sha1 string }
		CompareURL string
	}
	if a.OpType != "commit_repo" || json.Unmarshal([]byte(a.Content), &content) != nil || content.HeadCommit == nil {
		return "", ""
	}
	compared := content.CompareURL[strings.LastIndex(content.CompareURL, "/")+1:]
	if from, _, ok := strings.Cut(compared, "..."); ok {
		return knownCommit(from), knownCommit(content.HeadCommit.Sha1)
	}
	return "", knownCommit(content.HeadCommit.Sha1)
}
