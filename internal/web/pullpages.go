package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// pullsPage serves the page with the open pull requests.
func (s *Server) pullsPage(w http.ResponseWriter, r *http.Request) {
	st, q := s.State(), r.URL.Query()
	p := &page.Pulls{Frame: s.frame(r, &st), Text: cutText(q.Get("q"), 200), Effect: cutText(q.Get("effect"), 50),
		Effects: []string{losesAccess, gainsAccess, nameChanges, details}}
	all, known := s.Pulls()
	if s.ForgeProblem != nil {
		if why := s.ForgeProblem(); why != "" {
			p.Problem = "Previews are not up to date: " + cutText(why, 1000)
		}
	}
	var list []preview.Pull
	for _, pull := range all {
		if matchesPull(&pull, strings.ToLower(q.Get("q")), q.Get("effect")) {
			list = append(list, pull)
		}
	}
	slices.SortStableFunc(list, func(a, b preview.Pull) int { return cmp.Compare(riskOf(&a), riskOf(&b)) })
	p.Heading = pullsHeading(all, known)
	offset, err := offsetOf(q.Get("cursor"), "pulls")
	code := http.StatusOK
	if err != nil || offset > len(list) {
		p.Error, code, offset = "The list is another one now. This is its first page.", http.StatusGone, 0
	}
	rows, next := paged(len(list), offset, maxRows, htmlBudget, func(i int) page.PullRow { return pullRow(&list[i]) })
	p.Rows, p.Total, p.Next = rows, len(list), cursorOf(next, "pulls")
	show(w, code, p)
}

// pullsHeading says how many pull requests are open, and what the gravest of them would do.
func pullsHeading(all []preview.Pull, known bool) string {
	switch {
	case !known:
		return "The open pull requests are not read yet, or another process makes the previews"
	case len(all) == 0:
		return "No pull request is open"
	}
	takes := 0
	for i := range all {
		if slices.Contains(effectsOfPull(&all[i]), losesAccess) {
			takes++
		}
	}
	return fmt.Sprintf("%s; %d would take access from people", schema.Count(len(all), "open pull request"), takes)
}

// effectsOfPull returns the classes of the effects of a merge.
func effectsOfPull(pull *preview.Pull) []string {
	if pull.Answer == nil {
		return nil
	}
	var out []string
	for _, sentence := range pull.Answer.Sentences {
		out = append(out, effectClass(sentence.Kind))
	}
	return out
}

// riskOf orders pull requests: the gravest effect first, those without a preview last.
func riskOf(pull *preview.Pull) int {
	switch {
	case pull.Answer == nil, pull.Answer.Unknown:
		return 1000
	case len(pull.Answer.Sentences) == 0:
		return 999
	}
	return pull.Answer.Sentences[0].Kind.Severity()
}

// matchesPull reports whether a filter selects a pull request. text is in lower case.
func matchesPull(pull *preview.Pull, text, effect string) bool {
	if effect != "" && !slices.Contains(effectsOfPull(pull), effect) {
		return false
	}
	if text == "" || matches(text, pull.Title, pull.Author, fmt.Sprint("#", pull.Number)) {
		return true
	}
	if pull.Answer == nil {
		return false
	}
	if matches(text, pull.Answer.Line) {
		return true
	}
	return slices.ContainsFunc(pull.Answer.Parts, func(part preview.Part) bool {
		return slices.ContainsFunc(part.Preview.Changes, func(c reconcile.Change) bool {
			return matches(text, c.Name, c.Key, c.MemberName, c.Member)
		})
	})
}

func pullRow(pull *preview.Pull) page.PullRow {
	row := page.PullRow{Number: pull.Number, Title: pull.Title, Author: pull.Author, State: pullState(pull),
		Forge: page.Link{Text: fmt.Sprint("#", pull.Number), Path: pull.URL}, Line: "No preview yet"}
	if pull.Pending != "" {
		row.Notes = append(row.Notes, sentenceOf(pull.Pending))
	}
	a := pull.Answer
	if a == nil {
		return row
	}
	row.Line, row.Made = a.Line, a.At
	if a.Unknown {
		row.Line = capital(a.Line)
	}
	if a.Stale != "" && !pull.Draft {
		row.Notes = append(row.Notes, sentenceOf(a.Stale))
	}
	for _, sentence := range a.Sentences {
		row.Effects = append(row.Effects, page.Effect{Class: styles[effectClass(sentence.Kind)], Text: sentence.Text})
	}
	if len(row.Effects) == 1 {
		row.Effects = nil // it is the line
	}
	for _, part := range a.Parts {
		for _, gate := range part.Gates {
			if !slices.Contains(row.Gates, gate.Gate) {
				row.Gates = append(row.Gates, gate.Gate)
			}
		}
	}
	return row
}

// sentenceOf returns a clause as a sentence.
func sentenceOf(text string) string { return capital(text) + "." }

// pullState is the state of a pull request as a word.
func pullState(pull *preview.Pull) page.State {
	a := pull.Answer
	held := a != nil && slices.ContainsFunc(a.Parts, func(part preview.Part) bool { return len(part.Gates) > 0 })
	switch {
	case a == nil:
		return page.State{Class: "wait", Word: "no preview yet"}
	case a.Unknown:
		return page.State{Class: "bad", Word: "no preview"}
	case a.Stale != "":
		return page.State{Class: "wait", Word: "stale"}
	case held:
		return page.State{Class: "held", Word: "would be held"}
	case pull.Review == preview.ReviewMissing:
		return page.State{Class: "soon", Word: "needs a review"}
	case pull.Review == preview.ReviewApproved:
		return page.State{Class: "good", Word: "reviewed"}
	case len(a.Sentences) == 0:
		return page.State{Class: "good", Word: "no effect"}
	}
	return page.State{Word: "needs no review"}
}

// pullPage serves the page of one pull request.
func (s *Server) pullPage(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	number, _ := strconv.Atoi(r.PathValue("number"))
	list, _ := s.Pulls()
	i := slices.IndexFunc(list, func(pull preview.Pull) bool { return pull.Number == number })
	if i < 0 {
		s.message(w, r, &st, http.StatusNotFound, "There is no open pull request of this number",
			page.Step{Text: "The preview of a merged pull request is in its comment at the forge, and what it did is " +
				"in the history."})
		return
	}
	pull := &list[i]
	row, _ := paged(1, 0, 1, htmlBudget, func(int) page.PullRow { return pullRow(pull) })
	p := &page.Pull{Frame: s.frame(r, &st), Row: row[0], Facts: pullFacts(pull)}
	p.Crumb = cutText(fmt.Sprintf("Pull request #%d by %s", pull.Number, pull.Author), 300)
	p.Heading, p.Lead = cutText(p.Row.Line, 400), cutText(pull.Title, 300)
	p.Row.Line = p.Heading
	code := http.StatusOK
	if a := pull.Answer; a != nil {
		p.Row.Notes = append(p.Row.Notes, first(a.Warnings, 20)...)
		p.Problem = first(a.Problem, 40)
		if len(a.Parts) > 0 {
			p.Command = fmt.Sprintf("roster plan --base %s --head %s", a.Parts[0].Preview.Base.Short(),
				a.Parts[0].Preview.Head.Short())
		}
		base := pull.Head + a.At.UTC().Format("T150405")
		offset, err := offsetOf(r.URL.Query().Get("cursor"), base)
		if err != nil {
			p.Error, code, offset = "The preview is another one now. This is its first page.", http.StatusGone, 0
		}
		var next int
		p.Parts, next = pullParts(a, offset)
		p.Next = cursorOf(next, base)
	}
	show(w, code, p)
}

// first returns the first texts of a list, each cut.
func first(list []string, most int) []string {
	var out []string
	for _, text := range list[:min(most, len(list))] {
		out = append(out, cutText(text, 1000))
	}
	return out
}

func pullFacts(pull *preview.Pull) []page.Fact {
	facts := []page.Fact{{Name: "Head", Text: fmt.Sprintf("%.12s", pull.Head), Code: true}}
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, page.Fact{Name: name, Text: text})
		}
	}
	switch pull.Review {
	case preview.ReviewMissing:
		add("Review", "an approval of another person is missing")
	case preview.ReviewApproved:
		add("Review", "approved")
	case preview.NoReview:
	}
	if pull.Fork {
		add("Origin", "a fork, so AWS is not read for it")
	}
	if !pull.Created.IsZero() {
		facts = append(facts, page.Fact{Name: "Opened", Time: pull.Created})
	}
	if a := pull.Answer; a != nil {
		facts = append(facts, page.Fact{Name: "Preview made", Time: a.At})
		if len(a.Parts) > 0 {
			base := a.Parts[0].Preview.Base
			facts = append(facts, page.Fact{Name: "Compared with", Text: base.Short(), Code: true})
		}
	}
	return facts
}

// pullParts returns the previews of the provisioners with the changes from an offset on, and the
// offset of the next page.
func pullParts(a *preview.Answer, offset int) (parts []page.PullPart, next int) {
	type place struct{ part, change int }
	var places []place
	for i := range a.Parts {
		for j := range max(1, len(a.Parts[i].Preview.Changes)) {
			places = append(places, place{i, j})
		}
	}
	last := -1
	rows, next := paged(len(places), min(offset, len(places)), maxRows, htmlBudget, func(i int) page.ChangeRow {
		one := a.Parts[places[i].part].Preview
		if places[i].change >= len(one.Changes) {
			return page.ChangeRow{}
		}
		c := &one.Changes[places[i].change]
		d := reconcile.Done{Change: c}
		if len(c.Held()) > 0 {
			d.Result = reconcile.ResultHeld
		}
		row := changeRow(&d, one.Facts)
		row.Result = page.State{Word: "to do"}
		if len(c.Held()) > 0 {
			row.Result = page.State{Class: "held", Word: "would be held"}
		}
		return row
	})
	for i, row := range rows {
		at := places[offset+i]
		if at.part != last {
			parts, last = append(parts, pullPart(&a.Parts[at.part])), at.part
		}
		if part := &parts[len(parts)-1]; row.Key != "" || row.Object.Text != "" {
			part.Table.Rows = append(part.Table.Rows, row)
		}
	}
	return parts, next
}

// maxLines is the number of lines of a list on the page of a pull request.
const maxLines = 50

// pullPart returns the preview of a provisioner without its changes.
func pullPart(part *preview.Part) page.PullPart {
	one := part.Preview
	out := page.PullPart{Key: one.Provisioner, Line: cutText(part.Line, 700),
		Omitted: part.Changes - len(one.Changes),
		Table:   page.ChangeTable{Caption: schema.Count(part.Changes, "change") + ", the gravest first"}}
	note := func(format string, args ...any) {
		if len(out.Notes) < maxLines {
			out.Notes = append(out.Notes, cutText(fmt.Sprintf(format, args...), 1000))
		}
	}
	if one.UnavailableReason != "" {
		note("There is no preview of this provisioner: %s", one.UnavailableReason)
	}
	if one.NotCompared != "" {
		note("Compared without AWS: %s", one.NotCompared)
	}
	for _, l := range one.Loosened {
		note("%s", l.String())
	}
	for _, v := range one.Violations {
		note("Assertion %q would not hold: %s", v.Assertion, v.Text)
	}
	for _, text := range one.Notices {
		note("%s", text)
	}
	out.Facts = []page.Fact{{Name: "Changes", Text: schema.Count(part.Changes, "change")}}
	if one.ReadAt != nil {
		out.Facts = append(out.Facts, page.Fact{Name: "AWS read", Time: *one.ReadAt})
	}
	if one.Pending > 0 {
		out.Facts = append(out.Facts, page.Fact{Name: "Not shown", Text: schema.Count(one.Pending,
			"pending change") + " of the branch itself"})
	}
	if one.Digest != "" && part.Changes > 0 {
		out.Facts = append(out.Facts, page.Fact{Name: "Digest", Text: one.Digest, Code: true})
	}
	for _, gate := range part.Gates[:min(maxLines, len(part.Gates))] {
		out.Gates = append(out.Gates, page.GateRow{Gate: gate.Gate, Changes: gate.Changes,
			Reason: cutText(gate.Reason, 500)})
	}
	out.Lists = pullLists(part)
	return out
}

// pullLists returns what else a merge changes, as lists of lines.
func pullLists(part *preview.Part) []page.TextList {
	one := part.Preview
	var out []page.TextList
	add := func(title string, total, have int, line func(i int) string) {
		if total == 0 {
			return
		}
		list := page.TextList{Title: title, More: total - min(have, maxLines)}
		for i := range min(have, maxLines) {
			list.Lines = append(list.Lines, cutText(line(i), 300))
		}
		out = append(out, list)
	}
	add("Settings that change", len(one.Settings), len(one.Settings), func(i int) string {
		return one.Settings[i].Text
	})
	for _, held := range one.ReleasedHolds[:min(10, len(one.ReleasedHolds))] {
		add(fmt.Sprintf("Released by approval %.19s: %s", held.Approval, cutText(held.Reason, 200)), len(held.Changes),
			len(held.Changes), func(i int) string { return held.Changes[i].Subject() })
	}
	add("End dates", part.EndDates, len(one.EndDateChanges), func(i int) string {
		return one.EndDateChanges[i].String()
	})
	add("No longer needed", part.NotNeeded, len(one.NoLongerNeeded), func(i int) string {
		return one.NoLongerNeeded[i].Subject()
	})
	add("No longer managed, and left in AWS as they are", part.Releases, len(one.Releases), func(i int) string {
		return one.Releases[i].Kind + " " + one.Releases[i].Name
	})
	return out
}
