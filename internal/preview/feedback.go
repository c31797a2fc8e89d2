package preview

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// feedback is what is posted on a pull request: its comment and its status.
type feedback struct {
	body   string
	status forge.Status
}

// previewFeedback is the feedback with previews.
func previewFeedback(list []*reconcile.Preview, pr forge.PullRequest) feedback {
	verdict := render.PreviewsVerdict(list)
	f := feedback{body: render.PreviewsMarkdown(list), status: forge.Status{State: forge.Success,
		Description: verdict}}
	if pr.Fork {
		f.body += "\nThe pull request comes from a fork, so AWS was not read for it.\n"
	}
	return f
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
		f := feedback{status: forge.Status{State: forge.Failure, Description: text}}
		f.body = "**roster: the declarations cannot be evaluated**\n\n" + code(unevaluated.Reason) + "\n"
		return f, true
	case errors.As(err, &conflict):
		text := "the pull request conflicts with the branch"
		f := feedback{status: forge.Status{State: forge.Failure, Description: text}}
		f.body = "**roster: " + text + "**\n\nThese files were changed on both sides:\n\n"
		for i, name := range conflict.Paths {
			if i == maxProblems {
				f.body += fmt.Sprintf("- ... and %d more\n", len(conflict.Paths)-i)
				break
			}
			f.body += "- " + code(name) + "\n"
		}
		return f, true
	case errors.As(err, &problems):
		text := "the declarations are invalid: " + schema.Count(len(problems), "problem")
		f := feedback{status: forge.Status{State: forge.Failure, Description: text}}
		f.body = "**roster: " + text + "**\n\n"
		for i, problem := range problems {
			problem.Pos.File = path.Join(root, problem.Pos.File)
			if i < maxProblems {
				f.body += "- " + code(problem.String()) + "\n"
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

// code formats a text as inline code, even if it contains backticks.
func code(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 500 {
		s = string(r[:500]) + "…"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if fence != "`" {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// markStale returns the feedback marked as outdated, with the reason.
func (f feedback) markStale(why string, since time.Time) feedback {
	const mark = "> **Stale**"
	if strings.HasPrefix(f.body, mark) {
		_, f.body, _ = strings.Cut(f.body, "\n\n")
	}
	at := ""
	if !since.IsZero() {
		at = " (since " + since.UTC().Format(time.RFC3339) + ")"
	}
	f.body = fmt.Sprintf("%s%s: %s\n\n%s", mark, at, code(why), f.body)
	f.status = forge.Status{State: forge.Pending, Description: "stale: " + why}
	return f
}
