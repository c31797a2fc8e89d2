package forge

import (
	"context"
	"errors"
	"fmt"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// Approval returns the heads that were the newest at the time of each approval. GitLab records when
// a user approved, not which head.
func (g *gitLab) Approval(ctx context.Context, pr PullRequest) (Approval, error) {
	a, _, err := g.client.MergeRequestApprovals.GetConfiguration(g.project, int64(pr.Number), gitlab.WithContext(ctx))
	if err != nil {
		return Approval{}, fmt.Errorf("read the approvals of !%d: %w", pr.Number, err)
	}
	var approvals []review
	var noted map[string]time.Time
	for _, by := range a.ApprovedBy {
		if by.User == nil || sameAccount(by.User.Username, pr.Author) {
			continue
		}
		at := by.ApprovedAt
		if at == nil { // the server is older than that field
			if noted == nil {
				if noted, err = g.notedApprovals(ctx, pr.Number); err != nil {
					return Approval{}, err
				}
			}
			time, ok := noted[by.User.Username]
			if !ok {
				continue
			}
			at = &time
		}
		approvals = append(approvals, review{by: by.User.Username, at: *at, approves: true})
	}
	switch {
	case len(approvals) == 0:
		return Approval{Why: notApproved}, nil
	case !a.Approved:
		return Approval{Why: "it does not have all approvals that its rules require"}, nil
	}
	versions, err := g.versions(ctx, pr)
	if err != nil {
		return Approval{}, err
	}
	var known []review
	for _, r := range approvals {
		if r.head = newestAt(versions, r.at); r.head != "" {
			known = append(known, r)
		}
	}
	if len(known) == 0 {
		return Approval{Why: "every version of it is newer than its approval"}, nil
	}
	return effectiveApproval(known, pr.Author), nil
}

// approvedNote is the text of the note that GitLab itself writes about an approval.
const approvedNote = "approved this merge request"

// notedApprovals returns when each user last approved, by GitLab's notes about a merge request.
func (g *gitLab) notedApprovals(ctx context.Context, number int) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	opt := &gitlab.ListMergeRequestNotesOptions{ListOptions: gitlab.ListOptions{PerPage: 100, Page: 1},
		OrderBy: new("created_at"), Sort: new("asc")}
	for opt.Page != 0 {
		list, res, err := g.client.Notes.ListMergeRequestNotes(g.project, int64(number), opt, gitlab.WithContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read the notes of !%d: %w", number, err)
		}
		for _, n := range present(list) {
			if n.System && n.Body == approvedNote && n.CreatedAt != nil {
				out[n.Author.Username] = *n.CreatedAt
			}
		}
		if opt.Page, err = nextPage(opt.Page, res.NextPage); err != nil {
			return nil, fmt.Errorf("read the notes of !%d: %w", number, err)
		}
	}
	return out, nil
}

func (g *gitLab) versions(ctx context.Context, pr PullRequest) ([]*gitlab.MergeRequestDiffVersion, error) {
	var out []*gitlab.MergeRequestDiffVersion
	opt := &gitlab.GetMergeRequestDiffVersionsOptions{ListOptions: gitlab.ListOptions{PerPage: 100, Page: 1}}
	for opt.Page != 0 {
		list, res, err := g.client.MergeRequests.GetMergeRequestDiffVersions(g.project, int64(pr.Number), opt,
			gitlab.WithContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read the versions of !%d: %w", pr.Number, err)
		}
		out = append(out, present(list)...)
		if opt.Page, err = nextPage(opt.Page, res.NextPage); err != nil {
			return nil, fmt.Errorf("read the versions of !%d: %w", pr.Number, err)
		}
	}
	return out, nil
}

// newestAt returns the head of the newest version at a time; "" if there was none.
func newestAt(versions []*gitlab.MergeRequestDiffVersion, at time.Time) string {
	var newest *gitlab.MergeRequestDiffVersion
	for _, v := range versions {
		if v.CreatedAt != nil && !v.CreatedAt.After(at) && (newest == nil || v.CreatedAt.After(*newest.CreatedAt)) {
			newest = v
		}
	}
	if newest == nil {
		return ""
	}
	return newest.HeadCommitSHA
}

// Contributions reads the pushers from the events of the source project. GitLab does not map the
// authors of commits to accounts, so a commit without a push event has no known account. A push of
// more than a few branches at once has an event without branches.
func (g *gitLab) Contributions(ctx context.Context, pr PullRequest) (Contributions, error) {
	var out Contributions
	if pr.HeadRepo == "" || pr.Branch == "" {
		return out, nil
	}
	after := gitlab.ISOTime(pr.Created.Add(-pushedBefore))
	opt := &gitlab.ListProjectVisibleEventsOptions{Action: new(gitlab.PushedEventType), After: &after,
		ListOptions: gitlab.ListOptions{PerPage: 100, Page: 1}}
	if !pr.MergedAt.IsZero() {
		before := gitlab.ISOTime(pr.MergedAt.Add(48 * time.Hour)) // a date in the server's timezone
		opt.Before = &before
	}
	for range maxPushPages {
		list, res, err := g.client.Events.ListProjectVisibleEvents(pr.HeadRepo, opt, gitlab.WithContext(ctx))
		var refused *gitlab.ErrorResponse
		if errors.As(err, &refused) && refused.Response != nil && withheld(refused.Response.StatusCode) {
			break
		}
		if err != nil {
			return Contributions{}, fmt.Errorf("read the pushes of !%d: %w", pr.Number, err)
		}
		for _, e := range present(list) {
			if p := e.PushData; p.Ref == pr.Branch && p.RefType == "branch" {
				at, _ := time.Parse(time.RFC3339, e.CreatedAt) // the zero time is before the merge
				out.Pushes = append(out.Pushes, Push{Account: e.AuthorUsername, From: knownCommit(p.CommitFrom),
					To: knownCommit(p.CommitTo), Time: at})
			}
		}
		if opt.Page = res.NextPage; opt.Page == 0 {
			break
		}
	}
	out.Pushes = beforeMerge(out.Pushes, pr)
	return out, nil
}
