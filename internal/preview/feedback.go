package preview

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// feedback is what is posted on a pull request: its comment and its status.
type feedback struct {
	body   string
	status forge.Status
	// content is the body without the base commit and the times: a comment is edited only if it
	// changes. It is "" if the whole body counts.
	content string
	// quiet is set if the merge changes nothing: an existing comment is edited, none is created.
	quiet bool
	// review is set if the status waits for the approval of a reviewer.
	review bool
	// answer is what the pages of the daemon show; nil if the pull request has no preview.
	answer *Answer
}

// comment returns the text of the comment.
func (f *feedback) comment() string { return forge.WithContent(f.body, f.contentOf()) }

// contentOf returns what must differ for an edit of the comment.
func (f *feedback) contentOf() string {
	if f.content == "" {
		return f.body
	}
	return f.content
}

// previewFeedback is the feedback with previews. The status asks for a review if the merge has an
// effect that a reviewer must look at closely.
func previewFeedback(list []*reconcile.Preview, warnings schema.Problems, pr forge.PullRequest) feedback {
	f := feedback{body: render.PreviewsMarkdown(list, warnings), status: forge.Status{State: forge.Success,
		Description: render.PreviewsLine(list, render.MaxStatus)}, answer: newAnswer(list, warnings)}
	f.content = render.PreviewsMarkdown(lasting(list), warnings)
	f.quiet = len(warnings) == 0 && !slices.ContainsFunc(list, func(p *reconcile.Preview) bool { return !p.Empty() })
	if f.review = render.NeedsReview(list); f.review {
		f.status.State = forge.Pending
	}
	if pr.Fork {
		const note = "\nThe pull request comes from a fork, so AWS was not read for it.\n"
		f.body, f.content = f.body+note, f.content+note
	}
	return f
}

// lasting returns previews without what changes while their result stays the same: the commit of
// the base, its pending changes, and the time at which AWS was read.
func lasting(list []*reconcile.Preview) []*reconcile.Preview {
	out := make([]*reconcile.Preview, len(list))
	for i, p := range list {
		same := *p
		same.Base, same.Pending = reconcile.CommitRef{}, 0
		if same.ReadAt != nil {
			same.ReadAt = &time.Time{}
		}
		out[i] = &same
	}
	return out
}

// maxProblems is the number of problems that a comment lists.
const maxProblems = 100

// mergeFeedback is the feedback for a merge that cannot be previewed. It returns false if the pull
// request did not cause the error.
func mergeFeedback(err error, root string) (feedback, bool) {
	var conflict *gitrepo.ConflictError
	var problems schema.Problems
	var unevaluated *CannotEvaluateError
	switch {
	case errors.As(err, &unevaluated):
		text := unevaluated.Error()
		f := feedback{status: forge.Status{State: forge.Failure, Description: text},
			answer: unknown("the declarations cannot be evaluated", unevaluated.Reason)}
		f.body = heading("the declarations cannot be evaluated") + string("\n"+code(unevaluated.Reason)+"\n")
		return f, true
	case errors.As(err, &conflict):
		text := "the pull request conflicts with the branch"
		f := feedback{status: forge.Status{State: forge.Failure, Description: text},
			answer: unknown(text, conflict.Paths[:min(maxProblems, len(conflict.Paths))]...)}
		f.body = heading(text) + "\nThese files were changed on both sides:\n\n"
		for i, name := range conflict.Paths {
			if i == maxProblems {
				f.body += fmt.Sprintf("- ... and %d more\n", len(conflict.Paths)-i)
				break
			}
			f.body += string("- " + code(name) + "\n")
		}
		return f, true
	case errors.As(err, &problems):
		text := "the declarations are invalid: " + schema.Count(len(problems), "problem")
		f := feedback{status: forge.Status{State: forge.Failure, Description: text}, answer: unknown(text)}
		f.body = heading(text) + "\n"
		for i, problem := range problems {
			problem.Pos.File = path.Join(root, problem.Pos.File)
			if i < maxProblems {
				f.body += string("- " + code(problem.String()) + "\n")
				f.answer.Problem = append(f.answer.Problem, problem.String())
			}
			f.status.Annotations = append(f.status.Annotations, annotation(problem))
		}
		if more := len(problems) - maxProblems; more > 0 {
			f.body += fmt.Sprintf("- ... and %d more\n", more)
		}
		return f, true
	}
	return feedback{}, false
}

func annotation(p schema.Problem) forge.Annotation {
	a := forge.Annotation{Path: p.Pos.File, Line: p.Pos.Line, Title: p.Code}
	p.Pos = schema.Pos{}
	a.Message = p.String()
	return a
}

// code returns a text of limited length as inline code.
func code(s string) output.MarkdownText { return output.Code(output.Truncate(s, 500)) }

// heading returns the first line of a comment.
func heading(text string) string { return string(output.Markdownf("**roster: %s**\n", text)) }

// markStale returns the feedback marked as outdated, with the reason.
func (f feedback) markStale(why string, since time.Time) feedback {
	const mark = "> **Stale**"
	if strings.HasPrefix(f.body, mark) {
		_, f.body, _ = strings.Cut(f.body, "\n\n")
		_, f.content, _ = strings.Cut(f.content, "\n\n")
	}
	var at output.MarkdownText
	if !since.IsZero() {
		at = output.Markdownf(" (since %s)", since.UTC().Format(time.RFC3339))
	}
	line := string(output.Markdownf(mark+"%s: %s\n\n", at, code(why)))
	f.content = line + f.contentOf()
	f.body = line + f.body
	f.quiet, f.review = false, false
	f.status = forge.Status{State: forge.Pending, Description: "stale: " + why}
	if f.answer != nil {
		answer := *f.answer
		answer.Stale, answer.StaleSince = why, since
		f.answer = &answer
	}
	return f
}
