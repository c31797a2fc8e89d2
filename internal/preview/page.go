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

// page is what a pull request is told: its comment and its status.
type page struct {
	body   string
	status forge.Status
}

// shown is the page of previews that could be made.
func shown(list []*reconcile.Preview, pr forge.PullRequest) page {
	verdict := render.PreviewsVerdict(list)
	p := page{body: render.PreviewsMarkdown(list), status: forge.Status{State: forge.Success, Description: verdict}}
	if pr.Fork {
		p.body += "\nIt comes from a fork, so AWS was not read for it.\n"
	}
	return p
}

// mostProblems is how many problems a comment lists.
const mostProblems = 100

// failed is the page of a merge that cannot be previewed. false: the fault is neither the merge's nor for its authors to see.
func failed(err error, root string) (page, bool) {
	var conflict *gitrepo.ConflictError
	var problems schema.Problems
	switch {
	case errors.As(err, &conflict):
		text := "it conflicts with the branch"
		p := page{status: forge.Status{State: forge.Failure, Description: text}}
		p.body = "**roster: " + text + "**\n\nThese files were changed on both sides:\n\n"
		for i, name := range conflict.Paths {
			if i == mostProblems {
				p.body += fmt.Sprintf("- ... and %d more\n", len(conflict.Paths)-i)
				break
			}
			p.body += "- " + code(name) + "\n"
		}
		return p, true
	case errors.As(err, &problems):
		text := "the declarations are invalid: 1 problem"
		if len(problems) != 1 {
			text = fmt.Sprintf("the declarations are invalid: %d problems", len(problems))
		}
		p := page{status: forge.Status{State: forge.Failure, Description: text}}
		p.body = "**roster: " + text + "**\n\n"
		for i, problem := range problems {
			problem.Pos.File = path.Join(root, problem.Pos.File)
			if i < mostProblems {
				p.body += "- " + code(problem.String()) + "\n"
			}
			p.status.Annotations = append(p.status.Annotations, annotation(problem))
		}
		if more := len(problems) - mostProblems; more > 0 {
			p.body += fmt.Sprintf("- ... and %d more\n", more)
		}
		return p, true
	}
	return page{}, false
}

func annotation(p schema.Problem) forge.Annotation {
	a := forge.Annotation{Path: p.Pos.File, Line: p.Pos.Line, Title: p.Code}
	p.Pos = schema.Pos{}
	a.Message = p.String()
	return a
}

// code shows a text literally, whatever it holds.
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

// stale marks a page as one that no longer holds, and says why.
func (p page) stale(why string, since time.Time) page {
	const mark = "> **Stale**"
	if strings.HasPrefix(p.body, mark) {
		_, p.body, _ = strings.Cut(p.body, "\n\n")
	}
	at := ""
	if !since.IsZero() {
		at = " (since " + since.UTC().Format(time.RFC3339) + ")"
	}
	p.body = fmt.Sprintf("%s%s: %s\n\n%s", mark, at, code(why), p.body)
	p.status = forge.Status{State: forge.Pending, Description: "stale: " + why}
	return p
}
