package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// objectPage serves the page of a user or group.
func (s *Server) objectPage(w http.ResponseWriter, r *http.Request, kind string) {
	st, key := s.State(), r.PathValue("key")
	out, code := s.explanationsFor(r, kind, key, htmlBudget)
	if out.Error != "" {
		s.message(w, r, &st, code, out.Error)
		return
	}
	p := &page.Object{Frame: s.frame(r, &st), Next: out.Next,
		Command: fmt.Sprintf("roster explain %s %q", kind, cutText(key, 200))}
	if s.History != nil {
		p.History = page.HistoryPath(kind, key)
	}
	p.Crumb, p.Heading = "User", cutText(key, 200)
	if kind == "group" {
		p.Crumb = "Group"
	}
	for _, e := range out.Explanations {
		p.Heading = fmt.Sprintf("%s (%s)", e.Name, e.Key)
		p.Answers = append(p.Answers, answerOf(e))
	}
	if len(p.Answers) == 1 {
		p.Heading, p.Answers[0].Text = strings.TrimSuffix(p.Answers[0].Text, "."), ""
	}
	p.Cursor = cutText(r.URL.Query().Get("cursor"), 300)
	showList(w, r, code, p, nextOf(p.Next, p.NextPage))
}

// presences are the states of users and groups by what is last known in AWS.
var presences = map[explain.Presence]page.State{
	explain.Unknown: {Word: "not known"}, explain.Absent: {Word: "not in AWS"},
	explain.Managed: {Class: "good", Word: "in AWS"}, explain.Unmanaged: {Class: "soon", Word: "not managed"},
	explain.Unconfirmed: {Class: "wait", Word: "unconfirmed"}, explain.Contradicted: {Class: "bad",
		Word: "contradicted"},
}

// answerOf returns an explanation as the page shows it.
func answerOf(e *explain.Explanation) page.Answer {
	a := page.Answer{Provisioner: e.Provisioner, State: presences[e.InAWS.Presence], Text: e.Answer, Notes: e.Notes,
		EvaluatedAt: e.EvaluatedAt, Commit: commitOf(e.Commit)}
	if in := e.InAWS.MaySignIn; in != nil {
		text := "yes"
		if !*in {
			text = "no"
		}
		a.Facts = append(a.Facts, page.Fact{Name: "May sign in", Text: text})
	}
	if e.InAWS.ID != "" {
		a.Facts = append(a.Facts, page.Fact{Name: "AWS id", Text: e.InAWS.ID, Code: true})
	}
	if !e.InAWS.At.IsZero() {
		a.Facts = append(a.Facts, page.Fact{Name: "Last read", Text: "by " + e.InAWS.Source, Time: e.InAWS.At})
	}
	for _, d := range e.Differences {
		difference := page.Difference{Text: d.Text, Why: d.Why}
		if d.Group != "" {
			difference.Group = &page.Link{Text: d.Group, Path: page.ObjectPath("group", d.Group)}
		}
		a.Differences = append(a.Differences, difference)
	}
	for _, section := range e.Sections() {
		out := page.ObjectSection{Title: section.Title}
		for _, f := range section.Facts {
			out.Rows = append(out.Rows, factRow(e.Kind, &f))
		}
		a.Sections = append(a.Sections, out)
	}
	return a
}

// factRow returns a fact as a row.
func factRow(kind string, f *explain.Fact) page.ObjectRow {
	row := page.ObjectRow{Text: f.Text, Until: f.Until}
	if f.Subject != "" {
		row.Subject = &page.Link{Text: f.Subject}
		if f.Topic == "member" || f.Topic == "not a member" || f.Topic == "scope" {
			other := map[string]string{"user": "group", "group": "user"}[kind]
			row.Subject.Path = page.ObjectPath(other, f.Subject)
		}
	}
	if f.File != "" {
		row.Position = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if c := f.LastCommit; c != nil {
		commit := commitOf(*c)
		commit.Author, _, _ = strings.Cut(commit.Author, " <")
		row.Commit, row.Day = &commit, c.Time
	}
	return row
}

// findPage leads to the page of the user or group with a name.
func (s *Server) findPage(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSpace(r.URL.Query().Get("q"))
	st := s.State()
	if name == "" || len(name) > 1000 {
		s.message(w, r, &st, http.StatusNotFound, "Nothing was asked for",
			page.Step{Text: "Enter a key, a name, an email address or an AWS id."})
		return
	}
	var ambiguous error
	for _, kind := range []string{"user", "group"} {
		all, err := s.explain(r.Context(), kind, name, "")
		switch {
		case err == nil && len(all) > 0:
			http.Redirect(w, r, page.ObjectPath(kind, all[0].Key), http.StatusSeeOther)
			return
		case errors.Is(err, explain.ErrAmbiguous):
			ambiguous = err
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			s.message(w, r, &st, httpStatus(err), cutText(err.Error(), 1000))
			return
		}
	}
	if ambiguous != nil {
		f := s.frame(r, &st)
		f.Crumb, f.Heading = "Find", cutText(ambiguous.Error(), 2000)
		show(w, http.StatusConflict, &page.Message{Frame: f})
		return
	}
	s.message(w, r, &st, http.StatusNotFound, fmt.Sprintf("Nobody and no group has the name %q", cutText(name, 200)),
		page.Step{Text: "Keys, user ids, email addresses, names and AWS ids are found, also of people who left."})
}
