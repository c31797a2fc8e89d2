package preview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// Pull is an open pull request with the answer of its preview.
type Pull struct {
	Number             int
	Title, Author, URL string
	Head               string
	Draft, Fork        bool
	Created, Updated   time.Time
	// Answer is the last one; nil if there is none yet.
	Answer *Answer
	// Pending is why the answer is missing, or not that of now; "" if it is that of now.
	Pending string
	Review  Review
}

// Review is whether the merge of a pull request waits for a review.
type Review string

// The states of a review.
const (
	NoReview       Review = "" // none is asked for
	ReviewMissing  Review = "missing"
	ReviewApproved Review = "approved"
)

// Answer is what a preview says. It does not change.
type Answer struct {
	// Line is what the merge means for people, or why that is not known.
	Line string
	// Unknown is true if there is no preview. Problem then has the lines of the reason, if there
	// are several.
	Unknown bool
	Problem []string
	// Sentences are the parts of the line, the gravest first: at most maxSentences.
	Sentences []reconcile.Sentence
	Parts     []Part
	Warnings  []string
	// Stale is why the preview does not count any more, and since when; "" if it does.
	Stale      string
	StaleSince time.Time
	At         time.Time // when it was made
}

// Part is the preview of one provisioner.
type Part struct {
	// Preview has at most maxKept elements of each list, the gravest changes first.
	Preview *reconcile.Preview
	Line    string
	// Changes, NotNeeded, Releases and EndDates are the lengths of the whole lists.
	Changes, NotNeeded, Releases, EndDates int
	Gates                                  []GateCount
}

// GateCount is the number of changes that a gate would hold.
type GateCount struct {
	Gate    string
	Changes int
	Reason  string // of the first of them
}

// The limits of what is kept of an answer: many pull requests may be open.
const (
	maxKept      = 500
	maxSentences = 12
)

// Pulls returns the open pull requests as the last round left them, the newest first. known is
// false if this process has not listed them. It may be called at any time.
func (p *Previewer) Pulls() (list []Pull, known bool) {
	if stored := p.pulls.Load(); stored != nil {
		return *stored, true
	}
	return nil, false
}

// made is the answer for a pull request, with its inputs.
type made struct {
	inputs inputs
	answer *Answer
}

// keep keeps the answer of a preview that was made, also if it cannot be posted.
func (p *Previewer) keep(pr forge.PullRequest, out feedback) {
	if out.answer == nil {
		return
	}
	if out.answer.At.IsZero() { // a preview that is marked as stale has the time at which it was made
		out.answer.At = p.now()
	}
	p.made[pr.Number] = made{p.inputsOf(pr), out.answer}
}

// publish sets what Pulls returns.
func (p *Previewer) publish(open []forge.PullRequest) {
	list := make([]Pull, 0, len(open))
	for _, pr := range open {
		last := p.made[pr.Number]
		pull := Pull{Number: pr.Number, Title: pr.Title, Author: pr.Author, URL: pr.URL, Head: pr.Head, Draft: pr.Draft,
			Fork: pr.Fork, Created: pr.Created, Updated: pr.Updated, Answer: last.answer}
		failed := p.failing[pr.Number]
		switch {
		case pr.Draft:
			pull.Pending = "it is a draft: its preview comes when it is ready for review"
		case failed.failures > 0 && failed.head == pr.Head:
			pull.Pending = "its preview could not be made or posted: the next attempt is at " +
				failed.retryAt.Format(time.RFC3339)
		case last.answer == nil:
			pull.Pending = "its preview is not made yet"
		case last.inputs != p.inputsOf(pr):
			pull.Pending = "the branch, the pull request or AWS has changed: its preview will be made again"
		}
		if posted := p.posted[pr.Number]; posted.feedback.review && posted.inputs.head == pr.Head {
			pull.Review = ReviewMissing
			if posted.feedback.status.State == forge.Success {
				pull.Review = ReviewApproved
			}
		}
		list = append(list, pull)
	}
	slices.SortStableFunc(list, func(a, b Pull) int { return cmp.Compare(b.Number, a.Number) })
	p.pulls.Store(&list)
}

// newAnswer returns the answer with the previews of all provisioners.
func newAnswer(list []*reconcile.Preview, warnings schema.Problems) *Answer {
	a := &Answer{Line: render.PreviewsLine(list, reconcile.MaxSummary)}
	a.Sentences = reconcile.Sentences(reconcile.PreviewEffects(list), 3)
	a.Sentences = a.Sentences[:min(maxSentences, len(a.Sentences))]
	for _, w := range warnings[:min(maxProblems, len(warnings))] {
		a.Warnings = append(a.Warnings, w.String())
	}
	if more := len(warnings) - maxProblems; more > 0 {
		a.Warnings = append(a.Warnings, fmt.Sprintf("... and %s", schema.Count(more, "more warning")))
	}
	for _, one := range list {
		a.Parts = append(a.Parts, partOf(one))
	}
	return a
}

// partOf returns a preview without what is not kept.
func partOf(p *reconcile.Preview) Part {
	out := Part{Line: render.PreviewsLine([]*reconcile.Preview{p}, reconcile.MaxSummary), Changes: len(p.Changes),
		NotNeeded: len(p.NoLongerNeeded), Releases: len(p.Releases), EndDates: len(p.EndDateChanges)}
	kept := *p
	kept.Changes = gravest(p.Changes, p.Facts)
	kept.NoLongerNeeded, kept.Releases = first(p.NoLongerNeeded), first(p.Releases)
	kept.EndDateChanges, kept.ReleasedHolds = first(p.EndDateChanges), first(p.ReleasedHolds)
	for i := range kept.ReleasedHolds {
		kept.ReleasedHolds[i].Changes = first(kept.ReleasedHolds[i].Changes)
	}
	out.Preview = &kept
	at := map[string]int{}
	for i := range p.Changes {
		for _, h := range p.Changes[i].Held() {
			n, found := at[h.Gate]
			if !found {
				n = len(out.Gates)
				at[h.Gate], out.Gates = n, append(out.Gates, GateCount{Gate: h.Gate, Reason: h.Reason})
			}
			out.Gates[n].Changes++
		}
	}
	return out
}

// gravest returns at most maxKept changes, the gravest first.
func gravest(changes []reconcile.Change, facts *reconcile.EffectFacts) []reconcile.Change {
	type place struct{ index, severity int }
	places := make([]place, len(changes))
	for i := range changes {
		places[i] = place{i, reconcile.EffectOf(&changes[i], facts).Severity()}
	}
	slices.SortStableFunc(places, func(a, b place) int { return a.severity - b.severity })
	var out []reconcile.Change
	for _, at := range first(places) {
		out = append(out, changes[at.index])
	}
	return out
}

// first returns a copy of the first elements of a list.
func first[T any](list []T) []T { return slices.Clone(list[:min(maxKept, len(list))]) }

// unknown returns the answer without a preview.
func unknown(line string, problem ...string) *Answer {
	return &Answer{Line: line, Unknown: true, Problem: problem}
}
